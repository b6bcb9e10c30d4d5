// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The events' logs, and the events themselves.

#include <errno.h>
#include <string.h>

#include "log_store_internal.h"

// How entry `index` compares with text, in this turn's view: -ENOENT, -EEXIST (the same), -ESTALE
// (another), or -EIO.
static int compare_entry(
	struct weir_store *store, const struct weir_digest *event, uint64_t index, const char *text)
{
	sqlite3_stmt *statement = store_begin(store, STORE_LOG_FIND);

	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)index);
	int rc = store_find(store, statement);
	if (rc == 1) {
		const char *stored = (const char *)sqlite3_column_text(statement, 0);
		rc = stored != NULL && strcmp(stored, text) == 0 ? -EEXIST : -ESTALE;
	} else if (rc == 0) {
		rc = -ENOENT;
	}
	store_done(statement);
	return rc;
}

int weir_store_log_append(struct weir_store *store, const struct weir_digest *event, uint64_t index,
	const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	int rc;

	if (index > INT64_MAX)
		return -ESTALE;
	rc = compare_entry(store, event, index, text);
	if (rc != -ENOENT)
		return rc;
	// Entries are never removed: the one before stands for all before it.
	rc = index > 0 ? compare_entry(store, event, index - 1, text) : 0;
	if (rc == -ENOENT || rc == -EIO)
		return rc == -ENOENT ? -ESTALE : rc;
	sqlite3_stmt *statement = store_begin(store, STORE_LOG_APPEND);
	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)index);
	store_bind_text(statement, 3, text);
	store_bind(statement, 4, signature, WEIR_SIGNATURE_SIZE);
	return store_run(store, statement);
}

struct log_visit {
	weir_log_visit *visit;
	void *context;
};

static int log_row(struct weir_store *store, sqlite3_stmt *statement, void *context)
{
	const struct log_visit *visit = context;
	const char *text = (const char *)sqlite3_column_text(statement, 1);
	const uint8_t *signature = store_column(statement, 2, WEIR_SIGNATURE_SIZE);

	if (text == NULL || signature == NULL)
		return store_damaged(store);
	return visit->visit(
		visit->context, (uint64_t)sqlite3_column_int64(statement, 0), text, signature);
}

int weir_store_log_read(struct weir_store *store, const struct weir_digest *event, uint64_t from,
	size_t limit, weir_log_visit *visit, void *context)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT entry, text, signature FROM log"
				   " WHERE event = ?1 AND entry >= ?2 ORDER BY entry LIMIT ?3");

	if (from > INT64_MAX)
		limit = 0;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)from);
	sqlite3_bind_int64(statement, 3, limit <= INT64_MAX ? (sqlite3_int64)limit : INT64_MAX);
	return store_each(store, statement, log_row, &(struct log_visit){visit, context});
}

// 1 if the digest or (leader, job, round) was used, in this turn's view; 0 or -EIO.
static int find_event(struct weir_store *store, const struct weir_digest *event,
	const struct weir_identity *leader, const char *job, uint32_t round)
{
	sqlite3_stmt *statement = store_begin(store, STORE_EVENT_FIND);

	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	store_bind(statement, 2, leader->bytes, sizeof(leader->bytes));
	store_bind_text(statement, 3, job);
	sqlite3_bind_int64(statement, 4, round);
	const int found = store_find(store, statement);
	store_done(statement);
	return found;
}

int weir_store_event_add(struct weir_store *store, const struct weir_digest *event,
	const struct weir_identity *leader, const char *job, uint32_t round, const char *text,
	uint32_t number)
{
	const int found = find_event(store, event, leader, job, round);

	if (found != 0)
		return found == 1 ? -EEXIST : found;
	sqlite3_stmt *statement = store_begin(store, STORE_EVENT_ADD);
	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	store_bind(statement, 2, leader->bytes, sizeof(leader->bytes));
	store_bind_text(statement, 3, job);
	sqlite3_bind_int64(statement, 4, round);
	store_bind_text(statement, 5, text);
	sqlite3_bind_int64(statement, 6, number);
	return store_run(store, statement);
}

int weir_store_event_set_state(struct weir_store *store, const struct weir_digest *event,
	const char *state, const char *reason, uint64_t changed)
{
	sqlite3_stmt *statement = store_begin(store, STORE_EVENT_STATE);

	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	store_bind_text(statement, 2, state);
	store_bind_text(statement, 3, reason);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)changed);
	const int rc = store_run(store, statement);
	return rc == 0 && sqlite3_changes(store->writer) == 0 ? -ENOENT : rc;
}

struct event_visit {
	weir_event_visit *visit;
	void *context;
};

static int event_row(struct weir_store *store, sqlite3_stmt *statement, void *context)
{
	const struct event_visit *visit = context;
	const struct weir_digest *digest = store_column(statement, 0, sizeof(*digest));
	const struct weir_identity *leader = store_column(statement, 1, sizeof(*leader));
	struct weir_stored_event event = {
		.job = (const char *)sqlite3_column_text(statement, 2),
		.round = (uint32_t)sqlite3_column_int64(statement, 3),
		.text = (const char *)sqlite3_column_text(statement, 4),
		.state = (const char *)sqlite3_column_text(statement, 5),
		.reason = (const char *)sqlite3_column_text(statement, 6),
		.number = (uint32_t)sqlite3_column_int64(statement, 7),
		.changed = (uint64_t)sqlite3_column_int64(statement, 8),
	};

	if (digest == NULL || leader == NULL || event.job == NULL || event.text == NULL ||
		event.state == NULL || event.reason == NULL)
		return store_damaged(store);
	event.digest = *digest;
	event.leader = *leader;
	return visit->visit(visit->context, &event);
}

#define SELECT_EVENT                                                                               \
	"SELECT digest, leader, job, round, text, state, reason, number, changed FROM event "

int weir_store_events(struct weir_store *store, uint64_t from, size_t limit,
	weir_event_visit *visit, void *context)
{
	sqlite3_stmt *statement = store_query(
		store, SELECT_EVENT "WHERE changed >= ?1 ORDER BY changed, sequence LIMIT ?2");

	if (from > INT64_MAX)
		limit = 0;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)from);
	sqlite3_bind_int64(statement, 2, limit <= INT64_MAX ? (sqlite3_int64)limit : INT64_MAX);
	return store_each(store, statement, event_row, &(struct event_visit){visit, context});
}

int weir_store_event_get(struct weir_store *store, const struct weir_digest *event,
	weir_event_visit *visit, void *context)
{
	sqlite3_stmt *statement = store_query(store, SELECT_EVENT "WHERE digest = ?1");

	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	int rc = store_first(store, statement);
	if (rc == 0)
		rc = event_row(store, statement, &(struct event_visit){visit, context});
	sqlite3_finalize(statement);
	return rc;
}
