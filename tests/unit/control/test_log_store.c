// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "log_store.h"

static char directory[64];
static char message[512];

static void make_directory(void)
{
	strcpy(directory, "/tmp/weir-store-XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
}

static void remove_directory(void)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	while (entries != NULL && (entry = readdir(entries)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
	rmdir(directory);
}

TestSuite(log_store, .init = make_directory, .fini = remove_directory, .timeout = 60);

static struct weir_store *open_store(void)
{
	struct weir_store *store = weir_store_open(directory, message, sizeof(message));
	cr_assert_not_null(store, "%s", message);
	return store;
}

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static struct weir_digest digest_of(unsigned char first)
{
	return (struct weir_digest){{first, 0, 7}};
}

static struct weir_identity identity_of(unsigned char first)
{
	return (struct weir_identity){{first, 0, 9}};
}

static int append(struct weir_store *store, unsigned char event, uint64_t index, const char *text)
{
	const struct weir_digest digest = digest_of(event);
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	memset(signature, (int)(index + 1), sizeof(signature));
	return weir_store_log_append(store, &digest, index, text, signature);
}

// What log_read gives, as "0:text 1:text ".
struct seen {
	char text[4096];
	int stop_after; // rows; 0: all
	int rows;
};

static int see(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct seen *seen = context;
	const size_t used = strlen(seen->text);
	snprintf(seen->text + used, sizeof(seen->text) - used, "%d:%s ", (int)index, text);
	cr_assert_eq(signature[0], (uint8_t)(index + 1));
	cr_assert_eq(signature[WEIR_SIGNATURE_SIZE - 1], (uint8_t)(index + 1));
	return ++seen->rows == seen->stop_after ? 77 : 0;
}

static void assert_log(
	struct weir_store *store, unsigned char event, uint64_t from, size_t limit, const char *is)
{
	const struct weir_digest digest = digest_of(event);
	struct seen seen = {.text = ""};
	cr_assert_eq(weir_store_log_read(store, &digest, from, limit, see, &seen), 0);
	cr_assert_str_eq(seen.text, is);
}

Test(log_store, a_log_is_appended_in_order_and_read_once_durable)
{
	struct weir_store *store = open_store();
	cr_assert_eq(append(store, 1, 1, "b"), -ESTALE);
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(append(store, 1, 1, "b"), 0);
	cr_assert_eq(append(store, 1, 3, "d"), -ESTALE);
	cr_assert_eq(append(store, 2, 0, "other"), 0);
	assert_log(store, 1, 0, SIZE_MAX, "");
	cr_assert_eq(weir_store_commit(store), 0);
	assert_log(store, 1, 0, SIZE_MAX, "0:a 1:b ");
	assert_log(store, 1, 0, 1, "0:a ");
	assert_log(store, 1, 1, 10, "1:b ");
	assert_log(store, 1, 2, 10, "");
	assert_log(store, 1, UINT64_MAX, 10, "");
	assert_log(store, 1, 0, 0, "");
	assert_log(store, 2, 0, 10, "0:other ");
	assert_log(store, 3, 0, 10, "");
	weir_store_close(store);
}

Test(log_store, a_fork_is_refused_and_a_repetition_is_known)
{
	struct weir_store *store = open_store();
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(append(store, 1, 0, "a"), -EEXIST);
	cr_assert_eq(append(store, 1, 0, "x"), -ESTALE);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(append(store, 1, 0, "a"), -EEXIST);
	cr_assert_eq(append(store, 1, 0, "x"), -ESTALE);
	cr_assert_eq(append(store, 1, 1, "b"), 0);
	cr_assert_eq(append(store, 1, UINT64_MAX, "z"), -ESTALE);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_log(store, 1, 0, 10, "0:a 1:b ");
	weir_store_close(store);
}

Test(log_store, a_visit_stops_the_reading)
{
	struct weir_store *store = open_store();
	const struct weir_digest digest = digest_of(1);
	struct seen seen = {.stop_after = 2};
	for (uint64_t i = 0; i < 5; i++)
		cr_assert_eq(append(store, 1, i, "e"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_log_read(store, &digest, 0, 10, see, &seen), 77);
	cr_assert_str_eq(seen.text, "0:e 1:e ");
	weir_store_close(store);
}

static struct weir_store *nested_store;

static int read_and_write(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	assert_log(nested_store, 1, 0, 10, "0:a 1:b ");
	cr_assert_eq(append(nested_store, 2, index, text), 0);
	cr_assert_eq(weir_store_commit(nested_store), 0);
	(*(int *)context)++;
	return 0;
}

Test(log_store, a_visit_may_read_and_write)
{
	const struct weir_digest digest = digest_of(1);
	int visits = 0;
	nested_store = open_store();
	cr_assert_eq(append(nested_store, 1, 0, "a"), 0);
	cr_assert_eq(append(nested_store, 1, 1, "b"), 0);
	cr_assert_eq(weir_store_commit(nested_store), 0);
	cr_assert_eq(weir_store_log_read(nested_store, &digest, 0, 10, read_and_write, &visits), 0);
	cr_assert_eq(visits, 2);
	assert_log(nested_store, 2, 0, 10, "0:a 1:b ");
	weir_store_close(nested_store);
}

static int add_event(struct weir_store *store, unsigned char event, unsigned char leader,
	const char *job, uint32_t round)
{
	const struct weir_digest digest = digest_of(event);
	const struct weir_identity identity = identity_of(leader);
	char text[32];
	snprintf(text, sizeof(text), "event %d", event);
	return weir_store_event_add(store, &digest, &identity, job, round, text, event + 100u);
}

static int see_event(void *context, const struct weir_digest *event,
	const struct weir_identity *leader, const char *text, const char *state, uint32_t number)
{
	char *seen = context;
	sprintf(seen + strlen(seen), "%d/%d/%s/%s/%u ", event->bytes[0], leader->bytes[0], text,
		state, number);
	return 0;
}

static void assert_events(struct weir_store *store, const char *is)
{
	char seen[1024] = "";
	cr_assert_eq(weir_store_events(store, see_event, seen), 0);
	cr_assert_str_eq(seen, is);
}

Test(log_store, an_event_is_taken_part_in_once)
{
	struct weir_store *store = open_store();
	const struct weir_digest second = digest_of(2), unknown = digest_of(9);
	cr_assert_eq(add_event(store, 1, 1, "job", 1), 0);
	cr_assert_eq(add_event(store, 1, 2, "other", 5), -EEXIST, "the same event");
	cr_assert_eq(add_event(store, 2, 1, "job", 1), -EEXIST, "the same round");
	cr_assert_eq(add_event(store, 2, 1, "job", 2), 0);
	cr_assert_eq(add_event(store, 3, 2, "job", 1), 0, "another leader's");
	cr_assert_eq(add_event(store, 4, 1, "Job", 1), 0);
	assert_events(store, "");
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(add_event(store, 5, 1, "job", 2), -EEXIST);
	cr_assert_eq(weir_store_event_set_state(store, &second, "failed"), 0);
	cr_assert_eq(weir_store_event_set_state(store, &unknown, "failed"), -ENOENT);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_events(store, "1/1/event 1/draft/101 2/1/event 2/failed/102 "
			     "3/2/event 3/draft/103 4/1/event 4/draft/104 ");
	weir_store_close(store);
}

// Whether any file of the directory has these bytes.
static bool files_contain(const void *bytes, size_t size)
{
	bool found = false;
	DIR *entries = opendir(directory);
	struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		struct stat status;
		const int file = openat(dirfd(entries), entry->d_name, O_RDONLY);
		if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
			close(file);
			continue;
		}
		char *content = malloc((size_t)status.st_size + 1);
		cr_assert_eq(read(file, content, (size_t)status.st_size), status.st_size);
		found = found || memmem(content, (size_t)status.st_size, bytes, size) != NULL;
		free(content);
		close(file);
	}
	closedir(entries);
	return found;
}

static const uint8_t secret[32] = "a secret key with 32 bytes in it";

Test(log_store, a_key_is_kept_until_it_is_wiped_and_then_nowhere)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1), other = digest_of(2);
	uint8_t key[32];
	cr_assert_eq(weir_store_key_put(store, &event, secret), 0);
	cr_assert_eq(weir_store_key_put(store, &event, secret), -EEXIST);
	cr_assert_eq(weir_store_key_get(store, &event, key), -ENOENT, "before the commit");
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_key_get(store, &event, key), 0);
	cr_assert_arr_eq(key, secret, 32);
	cr_assert(files_contain(secret, sizeof(secret)), "or the check below checks nothing");
	cr_assert_eq(weir_store_key_get(store, &other, key), -ENOENT);
	cr_assert_eq(key[0], 0);
	cr_assert_eq(weir_store_key_wipe(store, &other), 0);
	cr_assert_eq(weir_store_key_wipe(store, &event), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_key_get(store, &event, key), -ENOENT);
	cr_assert(!files_contain(secret, sizeof(secret)));
	cr_assert_eq(weir_store_key_wipe(store, &event), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	weir_store_close(store);
}

static int wipe_in_visit(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	const struct weir_digest event = digest_of(1);
	cr_assert_eq(weir_store_key_wipe(context, &event), 0);
	cr_assert_eq(weir_store_commit(context), 0);
	return 0;
}

Test(log_store, a_key_wiped_while_something_reads_goes_with_the_next_commit)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1);
	cr_assert_eq(weir_store_key_put(store, &event, secret), 0);
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_log_read(store, &event, 0, 1, wipe_in_visit, store), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert(!files_contain(secret, sizeof(secret)));
	weir_store_close(store);
}

Test(log_store, one_aggregate_share_an_event)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1);
	void *share;
	size_t size;
	cr_assert_eq(weir_store_share_put(store, &event, "share", 5), 0);
	cr_assert_eq(weir_store_share_get(store, &event, &share, &size), -ENOENT);
	cr_assert_null(share);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_share_put(store, &event, "share", 5), 0);
	cr_assert_eq(weir_store_share_put(store, &event, "shard", 5), -EEXIST);
	cr_assert_eq(weir_store_share_put(store, &event, "share", 4), -EEXIST);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_share_get(store, &event, &share, &size), 0);
	cr_assert_eq(size, 5);
	cr_assert_arr_eq(share, "share", 5);
	free(share);
	weir_store_close(store);
}

Test(log_store, a_share_of_many_megabytes)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1);
	const size_t large = 9u << 20;
	uint8_t *elements = malloc(large);
	void *share;
	size_t size;
	for (size_t i = 0; i < large; i++)
		elements[i] = (uint8_t)(i * i >> 3);
	cr_assert_eq(weir_store_share_put(store, &event, elements, large), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_share_get(store, &event, &share, &size), 0);
	cr_assert_eq(size, large);
	cr_assert_eq(memcmp(share, elements, large), 0);
	free(share);
	free(elements);
	weir_store_close(store);
}

static int see_member(void *context, const struct weir_identity *identity, const char *name)
{
	char *seen = context;
	sprintf(seen + strlen(seen), "%d=%s ", identity->bytes[0], name);
	return 0;
}

Test(log_store, the_roster_is_added_to_and_removed_from)
{
	struct weir_store *store = open_store();
	const struct weir_identity alice = identity_of(1), bob = identity_of(2);
	char seen[256] = "";
	cr_assert_eq(weir_store_roster_add(store, &alice, "alice"), 0);
	cr_assert_eq(weir_store_roster_add(store, &bob, "bob'; DROP TABLE roster; --"), 0);
	cr_assert_eq(weir_store_roster_add(store, &alice, "again"), -EEXIST);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_roster(store, see_member, seen), 0);
	cr_assert_str_eq(seen, "1=alice 2=bob'; DROP TABLE roster; -- ");
	cr_assert_eq(weir_store_roster_remove(store, &alice), 0);
	cr_assert_eq(weir_store_roster_remove(store, &alice), -ENOENT);
	cr_assert_eq(weir_store_commit(store), 0);
	seen[0] = '\0';
	cr_assert_eq(weir_store_roster(store, see_member, seen), 0);
	cr_assert_str_eq(seen, "2=bob'; DROP TABLE roster; -- ");
	weir_store_close(store);
}

static int see_receipt(void *context, uint32_t client, const struct weir_identity *aggregator,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	char *seen = context;
	sprintf(seen + strlen(seen), "%u/%d/%d ", client, aggregator->bytes[0], signature[63]);
	return 0;
}

Test(log_store, receipts_are_kept)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1), other = digest_of(2);
	const struct weir_identity first = identity_of(1), second = identity_of(2);
	uint8_t signature[WEIR_SIGNATURE_SIZE] = {[63] = 5};
	char seen[256] = "";
	cr_assert_eq(weir_store_receipt_put(store, &event, 7, &second, signature), 0);
	cr_assert_eq(weir_store_receipt_put(store, &event, 7, &first, signature), 0);
	cr_assert_eq(weir_store_receipt_put(store, &other, 7, &first, signature), 0);
	signature[63] = 6;
	cr_assert_eq(weir_store_receipt_put(store, &event, 7, &first, signature), 0);
	cr_assert_eq(weir_store_receipt_put(store, &event, 3, &first, signature), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_receipts(store, &event, see_receipt, seen), 0);
	cr_assert_str_eq(seen, "3/1/6 7/1/5 7/2/5 ");
	weir_store_close(store);
}

Test(log_store, counters_only_grow)
{
	struct weir_store *store = open_store();
	uint64_t value;
	for (uint64_t i = 1; i < 5; i++) {
		cr_assert_eq(weir_store_counter_next(store, "number", &value), 0);
		cr_assert_eq(value, i);
		cr_assert_eq(weir_store_commit(store), 0);
	}
	cr_assert_eq(weir_store_counter_next(store, "sequence", &value), 0);
	cr_assert_eq(value, 1);
	cr_assert_eq(weir_store_commit(store), 0);
	weir_store_close(store);
	store = open_store();
	cr_assert_eq(weir_store_counter_next(store, "number", &value), 0);
	cr_assert_eq(value, 5);
	weir_store_close(store);
}

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

Test(log_store, what_was_not_committed_is_gone_after_exit)
{
	crash_and_look(exit_at_once);
}

Test(log_store, what_was_not_committed_is_gone_after_kill)
{
	crash_and_look(kill_itself);
}

Test(log_store, what_was_not_committed_is_gone_after_close)
{
	crash_and_look(close_it);
}

Test(log_store, a_process_killed_after_its_commit_has_committed)
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

Test(log_store, a_full_disk_loses_the_turn_and_no_more)
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
Test(log_store, a_failed_write_spoils_its_turn)
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

Test(log_store, nobody_else_may_read_it)
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

Test(log_store, a_second_process_is_refused)
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

Test(log_store, a_newer_version_is_refused)
{
	weir_store_close(open_store());
	run_sql("PRAGMA user_version = 2");
	assert_refused(ENOTSUP, "newer weir-control (version 2, this one knows 1)");
}

Test(log_store, a_foreign_database_is_refused_and_left_alone)
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

Test(log_store, what_is_no_database_is_refused)
{
	char garbage[8192];
	memset(garbage, 'g', sizeof(garbage));
	write_file("control.db", 0, garbage, sizeof(garbage));
	assert_refused(EBADMSG, "is damaged");
}

Test(log_store, damage_in_the_middle_is_refused)
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

Test(log_store, a_directory_that_cannot_be_is_refused)
{
	char inner[128];
	snprintf(inner, sizeof(inner), "%s/no/such", directory);
	cr_assert_null(weir_store_open(inner, message, sizeof(message)));
	cr_assert_eq(errno, ENOENT);
	write_file("file", 0, "x", 1);
	cr_assert_null(weir_store_open(path_of("file"), message, sizeof(message)));
	cr_assert_eq(errno, ENOTDIR);
}
