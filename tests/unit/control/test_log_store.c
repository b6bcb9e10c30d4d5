// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "store_test.h"

TestSuite(log_store, .init = make_directory, .fini = remove_directory, .timeout = 60);

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
	struct log_seen seen = {.stop_after = 2};
	for (uint64_t i = 0; i < 5; i++)
		cr_assert_eq(append(store, 1, i, "e"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_log_read(store, &digest, 0, 10, see_entry, &seen), 77);
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
	cr_assert_eq(weir_store_event_set_state(store, &second, "failed", "", 0), 0);
	cr_assert_eq(weir_store_event_set_state(store, &unknown, "failed", "", 0), -ENOENT);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_events(store, "1/1/event 1/draft/101 2/1/event 2/failed/102 "
			     "3/2/event 3/draft/103 4/1/event 4/draft/104 ");
	weir_store_close(store);
}

static void assert_changed(struct weir_store *store, uint64_t from, size_t limit, const char *is)
{
	char seen[1024] = "";
	cr_assert_eq(weir_store_events(store, from, limit, see_event, seen), 0);
	cr_assert_str_eq(seen, is);
}

Test(log_store, events_are_read_by_change_and_one_by_one)
{
	struct weir_store *store = open_store();
	const struct weir_digest digests[] = {digest_of(1), digest_of(2), digest_of(3)};
	const struct weir_digest unknown = digest_of(9);
	char seen[1024] = "";
	for (unsigned char i = 1; i <= 3; i++)
		cr_assert_eq(add_event(store, i, 1, "job", i), 0);
	cr_assert_eq(weir_store_event_set_state(store, &digests[1], "open", "", 1), 0);
	cr_assert_eq(weir_store_event_set_state(store, &digests[2], "open", "", 2), 0);
	cr_assert_eq(weir_store_event_set_state(store, &digests[0], "failed", "cancelled", 3), 0);
	cr_assert_eq(weir_store_event_set_state(store, &digests[1], "published", "", 4), 0);
	assert_changed(store, 0, SIZE_MAX, "");
	cr_assert_eq(weir_store_event_get(store, &digests[0], see_event, seen), -ENOENT);
	cr_assert_eq(weir_store_commit(store), 0);
	assert_changed(store, 0, SIZE_MAX,
		"3/1/event 3/open/103 1/1/event 1/failed: cancelled/101 2/1/event "
		"2/published/102 ");
	assert_changed(store, 3, 1, "1/1/event 1/failed: cancelled/101 ");
	assert_changed(store, 5, SIZE_MAX, "");
	assert_changed(store, UINT64_MAX, SIZE_MAX, "");
	cr_assert_eq(weir_store_event_get(store, &digests[0], see_event, seen), 0);
	cr_assert_str_eq(seen, "1/1/event 1/failed: cancelled/101 ");
	cr_assert_eq(weir_store_event_get(store, &unknown, see_event, seen), -ENOENT);
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

Test(log_store, an_offer_is_kept_as_it_was_made)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1), other = digest_of(2);
	char *text;
	cr_assert_eq(weir_store_offer_put(store, &event, "the offer"), 0);
	cr_assert_eq(weir_store_offer_get(store, &event, &text), -ENOENT, "before the commit");
	cr_assert_null(text);
	cr_assert_eq(weir_store_commit(store), 0);
	weir_store_close(store);
	store = open_store();
	cr_assert_eq(weir_store_offer_get(store, &event, &text), 0);
	cr_assert_str_eq(text, "the offer");
	free(text);
	cr_assert_eq(weir_store_offer_get(store, &other, &text), -ENOENT);
	cr_assert_eq(weir_store_offer_put(store, &event, "another"), -EIO, "there is one offer");
	cr_assert_eq(weir_store_commit(store), -EIO);
	weir_store_close(store);
}

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
	weir_store_tidy(store);
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
	weir_store_tidy(context);
	return 0;
}

Test(log_store, a_key_wiped_while_something_reads_goes_the_next_time)
{
	struct weir_store *store = open_store();
	const struct weir_digest event = digest_of(1);
	cr_assert_eq(weir_store_key_put(store, &event, secret), 0);
	cr_assert_eq(append(store, 1, 0, "a"), 0);
	cr_assert_eq(weir_store_commit(store), 0);
	cr_assert_eq(weir_store_log_read(store, &event, 0, 1, wipe_in_visit, store), 0);
	cr_assert(files_contain(secret, sizeof(secret)), "or nothing was in the way");
	weir_store_tidy(store);
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
	cr_assert_eq(weir_store_receipts(store, &event, 0, see_receipt, seen), 0);
	cr_assert_str_eq(seen, "3/1/6 7/1/5 7/2/5 ");
	seen[0] = '\0';
	cr_assert_eq(weir_store_receipts(store, &event, 4, see_receipt, seen), 0);
	cr_assert_str_eq(seen, "7/1/5 7/2/5 ");
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
