// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Crashes, a full disk, damaged and foreign files.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "store_test.h"

TestSuite(log_store_faults, .init = make_directory, .fini = remove_directory, .timeout = 60);

static const uint8_t secret[32] = "a secret key with 32 bytes in it";

// In a child: a committed and an uncommitted turn, then `end`. The parent sees the first only.
static void crash_and_look(void (*end)(struct weir_store *store))
{
	const struct weir_digest event = digest_of(1);
	uint8_t key[32];
	uint64_t value;
	int status;
	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		struct weir_store *store = open_store();
		for (uint64_t i = 0; i < 50; i++)
			append(store, 2, i, "e");
		append(store, 1, 0, "kept");
		weir_store_key_put(store, &event, secret);
		weir_store_counter_next(store, "number", &value);
		if (weir_store_commit(store) != 0)
			_exit(9);
		append(store, 1, 1, "lost");
		add_event(store, 1, 1, "lost", 1);
		weir_store_key_wipe(store, &event);
		weir_store_counter_next(store, "number", &value);
		end(store);
		_exit(8);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "status %d", status);
	struct weir_store *store = open_store();
	assert_log(store, 1, 0, 10, "0:kept ");
	assert_log(store, 2, 48, 10, "48:e 49:e ");
	assert_events(store, "");
	cr_assert_eq(weir_store_key_get(store, &event, key), 0);
	cr_assert_arr_eq(key, secret, 32);
	cr_assert_eq(weir_store_counter_next(store, "number", &value), 0);
	cr_assert_eq(value, 2);
	cr_assert_eq(append(store, 1, 1, "instead"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_log(store, 1, 0, 10, "0:kept 1:instead ");
	weir_store_close(store);
}

static void exit_at_once(struct weir_store *store)
{
	_exit(0);
}

static void kill_itself(struct weir_store *store)
{
	kill(getpid(), SIGKILL);
}

static void close_it(struct weir_store *store)
{
	weir_store_close(store);
	_exit(0);
}

Test(log_store_faults, what_was_not_committed_is_gone_after_exit)
{
	crash_and_look(exit_at_once);
}

Test(log_store_faults, what_was_not_committed_is_gone_after_kill)
{
	crash_and_look(kill_itself);
}

Test(log_store_faults, what_was_not_committed_is_gone_after_close)
{
	crash_and_look(close_it);
}

Test(log_store_faults, a_process_killed_after_its_commit_has_committed)
{
	int status;
	const pid_t child = fork();
	if (child == 0) {
		struct weir_store *store = open_store();
		append(store, 1, 0, "kept");
		if (weir_store_commit(store) == 0)
			kill(getpid(), SIGKILL);
		_exit(9);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status));
	struct weir_store *store = open_store();
	assert_log(store, 1, 0, 10, "0:kept ");
	weir_store_close(store);
}

// No file may grow beyond this: what a full disk does, without one.
static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(log_store_faults, a_full_disk_loses_the_turn_and_no_more)
{
	struct weir_store *store = open_store();
	char *text = calloc(1, 100001);
	memset(text, 'x', 100000);
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	limit_files(256 << 10);
	int rc = append(store, 1, 1, "b");
	cr_assert_eq(rc, 0);
	for (uint64_t i = 2; rc == 0 && i < 100; i++)
		rc = append(store, 1, i, text);
	if (rc != 0) // the writes after a failed one are refused as well
		cr_assert_eq(append(store, 2, 0, "small"), -EIO);
	cr_assert_eq(weir_store_commit(store), -EIO);
	cr_assert(strstr(weir_store_error(store), "control.db: ") != NULL, "%s",
		weir_store_error(store));
	assert_log(store, 1, 0, 10, "0:a ");
	assert_log(store, 2, 0, 10, "");
	limit_files(RLIM_INFINITY);
	cr_assert_eq(append(store, 1, 1, "c"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_log(store, 1, 0, 10, "0:a 1:c ");
	weir_store_close(store);
	store = open_store();
	assert_log(store, 1, 0, 10, "0:a 1:c ");
	weir_store_close(store);
	free(text);
}

// A write that fails before the commit: the trigger stands for a full disk met early.
Test(log_store_faults, a_failed_write_spoils_its_turn)
{
	struct weir_store *store = open_store();
	sqlite3 *other;
	uint64_t value;
	cr_assert_eq(sqlite3_open(path_of("control.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other,
			     "CREATE TRIGGER full BEFORE INSERT ON counter"
			     " BEGIN SELECT RAISE(ABORT, 'no room'); END",
			     NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(other);
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(weir_store_counter_next(store, "number", &value), -EIO);
	cr_assert_str_eq(weir_store_error(store), "control.db: no room");
	cr_assert_eq(append(store, 2, 0, "b"), -EIO);
	cr_assert_eq(add_event(store, 1, 1, "job", 1), -EIO);
	cr_assert_eq(weir_store_commit(store), -EIO);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_log(store, 1, 0, 10, "");
	assert_log(store, 2, 0, 10, "");
	cr_assert_eq(append(store, 1, 0, "c"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_log(store, 1, 0, 10, "0:c ");
	weir_store_close(store);
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	cr_assert_eq(stat(path, &status), 0);
	return status.st_mode & 0777;
}

Test(log_store_faults, nobody_else_may_read_it)
{
	umask(0);
	rmdir(directory);
	struct weir_store *store = open_store();
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(mode_of(directory), 0700);
	cr_assert_eq(mode_of(path_of("control.db")), 0600);
	cr_assert_eq(mode_of(path_of("control.db-wal")), 0600);
	weir_store_close(store);
	chmod(directory, 0750);
	cr_assert_null(weir_store_open(directory, message, sizeof(message)));
	cr_assert_eq(errno, EACCES);
	cr_assert(strstr(message, "chmod 700") != NULL, "%s", message);
}

static void assert_refused(int error, const char *because)
{
	errno = 0;
	cr_assert_null(weir_store_open(directory, message, sizeof(message)));
	cr_assert_eq(errno, error, "errno %d: %s", errno, message);
	cr_assert(strstr(message, because) != NULL, "%s", message);
	cr_assert(strstr(message, directory) != NULL, "%s", message);
}

Test(log_store_faults, a_second_process_is_refused)
{
	struct weir_store *store = open_store();
	assert_refused(EBUSY, "another weir-control");
	weir_store_close(store);
	weir_store_close(open_store());
}

static void run_sql(const char *sql)
{
	sqlite3 *other;
	cr_assert_eq(sqlite3_open(path_of("control.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
}

#define BEFORE_CHANGES                                                                             \
	"DROP INDEX event_changed; ALTER TABLE event DROP COLUMN changed;"                         \
	"ALTER TABLE event DROP COLUMN reason;"

Test(log_store_faults, the_version_before_changes_is_brought_up_to_date)
{
	struct weir_store *store = open_store();
	char seen[256] = "";
	cr_assert_eq(add_event(store, 1, 1, "job", 1), 0);
	cr_assert_eq(add_event(store, 2, 1, "job", 2), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	weir_store_close(store);
	run_sql(BEFORE_CHANGES "PRAGMA user_version = 2");
	store = open_store();
	assert_events(store, "1/1/event 1/draft/101 2/1/event 2/draft/102 ");
	cr_assert_eq(weir_store_events(store, 2, 10, see_event, seen), 0);
	cr_assert_str_eq(seen, "2/1/event 2/draft/102 ");
	weir_store_close(store);
}

Test(log_store_faults, a_version_that_never_was_is_refused)
{
	weir_store_close(open_store());
	run_sql("PRAGMA user_version = -3");
	assert_refused(EBADMSG, "not a database of weir-control");
}

Test(log_store_faults, the_version_before_offers_is_brought_up_to_date)
{
	struct weir_store *store;
	const struct weir_digest event = digest_of(1);
	char *text;
	weir_store_close(open_store());
	run_sql("DROP TABLE offer;" BEFORE_CHANGES "PRAGMA user_version = 1");
	store = open_store();
	cr_assert_eq(weir_store_offer_put(store, &event, "offer"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_offer_get(store, &event, &text), 0);
	cr_assert_str_eq(text, "offer");
	free(text);
	weir_store_close(store);
}

Test(log_store_faults, a_newer_version_is_refused)
{
	weir_store_close(open_store());
	run_sql("PRAGMA user_version = 4");
	assert_refused(ENOTSUP, "newer weir-control (version 4, this one knows 3)");
}

Test(log_store_faults, a_foreign_database_is_refused_and_left_alone)
{
	run_sql("CREATE TABLE recipes (name TEXT)");
	assert_refused(EBADMSG, "not a database of weir-control");
	run_sql("INSERT INTO recipes VALUES ('soup')");
}

static void write_file(const char *name, off_t at, const void *bytes, size_t size)
{
	const int file = open(path_of(name), O_WRONLY | O_CREAT, 0600);
	cr_assert_eq(pwrite(file, bytes, size, at), (ssize_t)size);
	close(file);
}

Test(log_store_faults, what_is_no_database_is_refused)
{
	char garbage[8192];
	memset(garbage, 'g', sizeof(garbage));
	write_file("control.db", 0, garbage, sizeof(garbage));
	assert_refused(EBADMSG, "is damaged");
}

Test(log_store_faults, damage_in_the_middle_is_refused)
{
	struct weir_store *store = open_store();
	char garbage[4096];
	for (uint64_t i = 0; i < 500; i++)
		cr_assert_eq(append(store, 1, i, "an entry of some length, so that pages fill"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	weir_store_close(store);
	memset(garbage, 0xa5, sizeof(garbage));
	for (off_t page = 10; page < 14; page++)
		write_file("control.db", 4096 * page, garbage, sizeof(garbage));
	assert_refused(EBADMSG, "is damaged");
}

Test(log_store_faults, a_directory_that_cannot_be_is_refused)
{
	char inner[128];
	snprintf(inner, sizeof(inner), "%s/no/such", directory);
	cr_assert_null(weir_store_open(inner, message, sizeof(message)));
	cr_assert_eq(errno, ENOENT);
	write_file("file", 0, "x", 1);
	cr_assert_null(weir_store_open(path_of("file"), message, sizeof(message)));
	cr_assert_eq(errno, ENOTDIR);
}
