// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Opening the store and its transactions.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_store_internal.h"

#define SCHEMA_VERSION  3
#define APPLICATION_ID  0x57454952 // "WEIR"
#define BUSY_TIMEOUT_MS 1000       // for an operator who looks into the file
#define STRING_(x)      #x
#define STRING(x)       STRING_(x)

// Version 1 had all but this; version 2 did not know when an event's state changed, and why.
#define OFFER_TABLE    "CREATE TABLE offer (event BLOB NOT NULL UNIQUE, text TEXT NOT NULL) STRICT;"
#define CHANGED_COLUMN "changed INTEGER NOT NULL DEFAULT 0"
#define REASON_COLUMN  "reason TEXT NOT NULL DEFAULT ''"
#define CHANGED_INDEX  "CREATE INDEX event_changed ON event (changed);"
#define VERSION_PRAGMA "PRAGMA user_version = " STRING(SCHEMA_VERSION) ";"

// By the version that a file has. Every event has changed at least once: its place in the table is
// never beyond the counter that changes are numbered by.
static const char *const upgrades[SCHEMA_VERSION] = {
	[1] = OFFER_TABLE,
	[2] = "ALTER TABLE event ADD COLUMN " CHANGED_COLUMN ";"
	      "ALTER TABLE event ADD COLUMN " REASON_COLUMN ";"
	      "UPDATE event SET changed = sequence;" CHANGED_INDEX,
};

static const char schema[] =
	"CREATE TABLE log (event BLOB NOT NULL, entry INTEGER NOT NULL, text TEXT NOT NULL,"
	" signature BLOB NOT NULL, UNIQUE (event, entry)) STRICT;"
	"CREATE TABLE event (sequence INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
	" leader BLOB NOT NULL, job TEXT NOT NULL, round INTEGER NOT NULL, text TEXT NOT NULL,"
	" state TEXT NOT NULL, number INTEGER NOT NULL, " CHANGED_COLUMN ", " REASON_COLUMN
	", UNIQUE (leader, job, round)) STRICT;" CHANGED_INDEX
	"CREATE TABLE event_key (event BLOB NOT NULL UNIQUE, key BLOB NOT NULL) STRICT;"
	"CREATE TABLE aggregate_share (event BLOB NOT NULL UNIQUE, share BLOB NOT NULL) STRICT;"
	"CREATE TABLE roster (identity BLOB NOT NULL UNIQUE, name TEXT NOT NULL) STRICT;"
	"CREATE TABLE receipt (event BLOB NOT NULL, client INTEGER NOT NULL,"
	" aggregator BLOB NOT NULL, signature BLOB NOT NULL,"
	" PRIMARY KEY (event, client, aggregator)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE counter (name TEXT NOT NULL UNIQUE, value INTEGER NOT NULL) "
	"STRICT;" OFFER_TABLE "PRAGMA application_id = " STRING(APPLICATION_ID) ";" VERSION_PRAGMA;

static const char *const statements[STORE_STATEMENT_COUNT] = {
	[STORE_LOG_FIND] = "SELECT text FROM log WHERE event = ?1 AND entry = ?2",
	[STORE_LOG_APPEND] = "INSERT INTO log (event, entry, text, signature)"
			     " VALUES (?1, ?2, ?3, ?4)",
	[STORE_EVENT_FIND] = "SELECT 1 FROM event WHERE digest = ?1"
			     " OR (leader = ?2 AND job = ?3 AND round = ?4)",
	[STORE_EVENT_ADD] = "INSERT INTO event (digest, leader, job, round, text, state, number)"
			    " VALUES (?1, ?2, ?3, ?4, ?5, 'draft', ?6)",
	[STORE_EVENT_STATE] = "UPDATE event SET state = ?2, reason = ?3, changed = ?4"
			      " WHERE digest = ?1",
	[STORE_KEY_FIND] = "SELECT 1 FROM event_key WHERE event = ?1",
	[STORE_KEY_PUT] = "INSERT INTO event_key (event, key) VALUES (?1, ?2)",
	[STORE_KEY_ZERO] = "UPDATE event_key SET key = zeroblob(32) WHERE event = ?1",
	[STORE_KEY_DELETE] = "DELETE FROM event_key WHERE event = ?1",
	[STORE_OFFER_PUT] = "INSERT INTO offer (event, text) VALUES (?1, ?2)",
	[STORE_SHARE_FIND] = "SELECT share FROM aggregate_share WHERE event = ?1",
	[STORE_SHARE_PUT] = "INSERT INTO aggregate_share (event, share) VALUES (?1, ?2)",
	[STORE_ROSTER_ADD] = "INSERT INTO roster (identity, name) VALUES (?1, ?2)"
			     " ON CONFLICT DO NOTHING",
	[STORE_ROSTER_REMOVE] = "DELETE FROM roster WHERE identity = ?1",
	[STORE_RECEIPT_PUT] = "INSERT INTO receipt (event, client, aggregator, signature)"
			      " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
	[STORE_COUNTER_NEXT] = "INSERT INTO counter (name, value) VALUES (?1, 1)"
			       " ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
};

static int note_failure(struct weir_store *store, sqlite3 *connection)
{
	const int os_error = sqlite3_system_errno(connection);

	snprintf(store->error, sizeof(store->error), "control.db: %s%s%s",
		sqlite3_errmsg(connection), os_error != 0 ? ": " : "",
		os_error != 0 ? strerror(os_error) : "");
	return -EIO;
}

int store_read_failed(struct weir_store *store)
{
	return note_failure(store, store->reader);
}

int store_damaged(struct weir_store *store)
{
	snprintf(store->error, sizeof(store->error),
		"control.db: is damaged; restore it from a backup");
	return -EIO;
}

static void roll_back(struct weir_store *store)
{
	// fails if the failure has ended the transaction already, which is as good
	if (sqlite3_get_autocommit(store->writer) == 0)
		sqlite3_exec(store->writer, "ROLLBACK", NULL, NULL, NULL);
	store->in_transaction = false;
}

int store_write_failed(struct weir_store *store)
{
	const int rc = note_failure(store, store->writer);

	roll_back(store);
	store->spoiled = true;
	return rc;
}

sqlite3_stmt *store_begin(struct weir_store *store, enum store_statement which)
{
	if (store->spoiled)
		return NULL;
	if (!store->in_transaction) {
		if (sqlite3_exec(store->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
			store_write_failed(store);
			return NULL;
		}
		store->in_transaction = true;
	}
	return store->statements[which];
}

void store_done(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

int store_find(struct weir_store *store, sqlite3_stmt *statement)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW: return 1;
	case SQLITE_DONE: return 0;
	default: return store_write_failed(store);
	}
}

int store_run(struct weir_store *store, sqlite3_stmt *statement)
{
	const int rc = sqlite3_step(statement) == SQLITE_DONE ? 0 : store_write_failed(store);

	store_done(statement);
	return rc;
}

sqlite3_stmt *store_query(struct weir_store *store, const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(store->reader, sql, -1, &statement, NULL) == SQLITE_OK)
		return statement;
	store_read_failed(store);
	return NULL;
}

int store_each(struct weir_store *store, sqlite3_stmt *statement, store_row *row, void *context)
{
	int step, rc = statement != NULL ? 0 : -EIO;

	while (rc == 0 && (step = sqlite3_step(statement)) != SQLITE_DONE)
		rc = step == SQLITE_ROW ? row(store, statement, context) : store_read_failed(store);
	sqlite3_finalize(statement);
	return rc;
}

int store_first(struct weir_store *store, sqlite3_stmt *statement)
{
	switch (statement != NULL ? sqlite3_step(statement) : SQLITE_NOMEM) {
	case SQLITE_ROW: return 0;
	case SQLITE_DONE: return -ENOENT;
	default: return store_read_failed(store);
	}
}

void store_bind(sqlite3_stmt *statement, int parameter, const void *bytes, size_t size)
{
	sqlite3_bind_blob64(statement, parameter, bytes, size, SQLITE_STATIC);
}

void store_bind_text(sqlite3_stmt *statement, int parameter, const char *text)
{
	sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC);
}

const void *store_column(sqlite3_stmt *statement, int column, size_t size)
{
	const void *bytes = sqlite3_column_blob(statement, column);

	return (size_t)sqlite3_column_bytes(statement, column) == size ? bytes : NULL;
}

// What a wiped key was in is copied over in the file and cut from the write-ahead log. Something
// that reads just now may be in the way: the next time tries again.
static void forget_wiped_keys(struct weir_store *store)
{
	if (sqlite3_wal_checkpoint_v2(
		    store->writer, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
		store->key_was_wiped = false;
}

void weir_store_tidy(struct weir_store *store)
{
	if (store->key_was_wiped && !store->in_transaction)
		forget_wiped_keys(store);
}

int weir_store_commit(struct weir_store *store)
{
	int rc = 0;

	if (store->spoiled) {
		store->spoiled = false;
		return -EIO;
	}
	if (store->in_transaction &&
		sqlite3_exec(store->writer, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		rc = note_failure(store, store->writer);
		roll_back(store);
	}
	store->in_transaction = false;
	return rc;
}

const char *weir_store_error(const struct weir_store *store)
{
	return store->error;
}

void weir_store_close(struct weir_store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->reader);
	sqlite3_close(store->writer); // rolls back
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}

// How opening fails: errno and a sentence.
struct failure {
	char *message;
	size_t size;
};

static int fail(const struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct failure *failure, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(failure->message, failure->size, format, arguments);
	va_end(arguments);
	return -error;
}

static int fail_sqlite(const struct failure *failure, sqlite3 *connection, const char *path)
{
	switch (sqlite3_errcode(connection)) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return fail(failure, EBADMSG, "%s: is damaged (%s); restore it from a backup", path,
			sqlite3_errmsg(connection));
	case SQLITE_BUSY:
		return fail(failure, EBUSY, "%s: is in use by another program; stop that", path);
	case SQLITE_NOMEM: return fail(failure, ENOMEM, "%s: out of memory", path);
	default:
		return fail(failure, EIO, "%s: %s", path,
			connection != NULL ? sqlite3_errmsg(connection) : "out of memory");
	}
}

// Makes the directory if need be, checks that it is private, and locks it.
static int lock_directory(
	struct weir_store *store, const char *directory, const struct failure *failure)
{
	struct stat status;

	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return fail(failure, errno, "%s: cannot be made: %s", directory, strerror(errno));
	store->lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->lock < 0 || fstat(store->lock, &status) != 0)
		return fail(failure, errno, "%s: cannot be opened: %s", directory, strerror(errno));
	if ((status.st_mode & 077) != 0)
		return fail(failure, EACCES,
			"%s: others have access to it, but it holds keys; chmod 700 it", directory);
	if (flock(store->lock, LOCK_EX | LOCK_NB) != 0)
		return fail(failure, EBUSY, "%s: another weir-control uses it; stop that one",
			directory);
	return 0;
}

static int open_connection(const char *path, int flags, const char *pragmas, sqlite3 **connection,
	const struct failure *failure)
{
	if (sqlite3_open_v2(path, connection, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail_sqlite(failure, *connection, path);
	sqlite3_busy_timeout(*connection, BUSY_TIMEOUT_MS);
	if (sqlite3_exec(*connection, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return fail_sqlite(failure, *connection, path);
	return 0;
}

// The first value of a pragma's answer: a number in *number, and a text that is compared with
// expected if that is not NULL.
static int read_pragma(struct weir_store *store, const char *pragma, int *number,
	const char *expected, const char *path, const struct failure *failure)
{
	sqlite3_stmt *statement = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(store->writer, pragma, -1, &statement, NULL) != SQLITE_OK ||
		sqlite3_step(statement) != SQLITE_ROW) {
		rc = fail_sqlite(failure, store->writer, path);
	} else if (expected != NULL) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);
		if (text == NULL || strcmp(text, expected) != 0)
			rc = fail(failure, EBADMSG, "%s: is damaged (%s); restore it from a backup",
				path, text != NULL ? text : "no answer");
	} else {
		*number = sqlite3_column_int(statement, 0);
	}
	sqlite3_finalize(statement);
	return rc;
}

// Brings the file to our version, or leaves it as it is. An SQLite result.
static int upgrade(struct weir_store *store, int version)
{
	int rc = sqlite3_exec(store->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (; rc == SQLITE_OK && version < SCHEMA_VERSION; version++)
		rc = sqlite3_exec(store->writer, upgrades[version], NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(store->writer, VERSION_PRAGMA "COMMIT", NULL, NULL, NULL);
	// else closing rolls it back
	return rc;
}

static int check_version(struct weir_store *store, const char *path, const struct failure *failure)
{
	int version = 0, application = 0, pages = 0;
	int rc = read_pragma(store, "PRAGMA user_version", &version, NULL, path, failure);

	if (rc == 0)
		rc = read_pragma(store, "PRAGMA application_id", &application, NULL, path, failure);
	if (rc == 0)
		rc = read_pragma(
			store, "SELECT count(*) FROM sqlite_schema", &pages, NULL, path, failure);
	if (rc != 0)
		return rc;
	if (version == 0 && application == 0 && pages == 0) {
		char *create = NULL;
		if (asprintf(&create, "BEGIN IMMEDIATE; %s COMMIT;", schema) < 0)
			return fail(failure, ENOMEM, "%s: out of memory", path);
		const int status = sqlite3_exec(store->writer, create, NULL, NULL, NULL);
		free(create);
		return status == SQLITE_OK ? 0 : fail_sqlite(failure, store->writer, path);
	}
	if (application != APPLICATION_ID || version < 1)
		return fail(failure, EBADMSG, "%s: is not a database of weir-control; move it away",
			path);
	if (version > SCHEMA_VERSION)
		return fail(failure, ENOTSUP,
			"%s: was written by a newer weir-control (version %d, this one knows %d);"
			" run that",
			path, version, SCHEMA_VERSION);
	if (version < SCHEMA_VERSION && upgrade(store, version) != SQLITE_OK)
		return fail_sqlite(failure, store->writer, path);
	return read_pragma(store, "PRAGMA quick_check(1)", NULL, "ok", path, failure);
}

static int open_database(struct weir_store *store, const char *path, const struct failure *failure)
{
	const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int rc;

	if (file < 0)
		return fail(failure, errno, "%s: cannot be opened: %s", path, strerror(errno));
	close(file);
	rc = open_connection(path, SQLITE_OPEN_READWRITE,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
		&store->writer, failure);
	if (rc == 0)
		rc = check_version(store, path, failure);
	if (rc == 0)
		rc = open_connection(path, SQLITE_OPEN_READONLY, "", &store->reader, failure);
	for (size_t i = 0; rc == 0 && i < STORE_STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(store->writer, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->statements[i], NULL) != SQLITE_OK)
			rc = fail_sqlite(failure, store->writer, path);
	if (rc == 0)
		forget_wiped_keys(store); // of a process that was killed before it could
	return rc;
}

struct weir_store *weir_store_open(const char *directory, char *message, size_t size)
{
	const struct failure failure = {message, size};
	struct weir_store *store = calloc(1, sizeof(*store));
	char *path = NULL;
	int rc;

	if (store == NULL || asprintf(&path, "%s/control.db", directory) < 0) {
		fail(&failure, ENOMEM, "%s: out of memory", directory);
		free(store);
		errno = ENOMEM;
		return NULL;
	}
	store->lock = -1;
	rc = lock_directory(store, directory, &failure);
	if (rc == 0)
		rc = open_database(store, path, &failure);
	free(path);
	if (rc != 0) {
		weir_store_close(store);
		errno = -rc;
		return NULL;
	}
	return store;
}
