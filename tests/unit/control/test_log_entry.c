// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "The log": one entry by itself.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"
#include "refusals.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct test_event event;
static struct weir_event_machine machine; // fresh

static void set_up(void)
{
	test_event_init(&event, 2);
	test_event_announce(&event);
	weir_event_machine_init(&machine);
}

static void tear_down(void)
{
	test_event_clear(&event);
}

TestSuite(log_entry, .init = set_up, .fini = tear_down, .timeout = 120);

static int parse(const char *json)
{
	static struct weir_log_entry entry;
	struct weir_document_error error = {""};
	memset(&entry, 0xff, sizeof(entry));
	const int rc = weir_log_entry_parse(json, &entry, &error);
	check_outcome(rc, error.message, &entry, sizeof(entry));
	if (rc == 0)
		weir_log_entry_clear(&entry);
	return rc;
}

// An entry of each type that is well formed.
static struct weir_log_entry some_entry(enum weir_entry_type type)
{
	struct weir_log_entry entry;
	if (type == WEIR_ENTRY_ANNOUNCE)
		return test_announce_entry(&machine, &event);
	if (type == WEIR_ENTRY_JOIN)
		return test_join_entry(&machine, &event, "alice", 0);
	entry = test_entry(&machine, type);
	entry.index = 123456789012;
	entry.previous = (struct weir_digest){{7}};
	if (type == WEIR_ENTRY_ADMIT || type == WEIR_ENTRY_COMMIT || type == WEIR_ENTRY_ABORT)
		test_entry_clients(&entry, (const int[]){3, 1, 2, 2147483647, -1});
	if (type == WEIR_ENTRY_COMMIT || type == WEIR_ENTRY_ROLLBACK || type == WEIR_ENTRY_SEALED)
		entry.batch = 4294967295;
	if (type == WEIR_ENTRY_ABORT || type == WEIR_ENTRY_FAILED)
		strcpy(entry.reason, "because \xe2\x82\xac \"quoted\"");
	if (type == WEIR_ENTRY_FREEZE)
		entry.count = INT64_MAX, entry.weight = 5;
	if (type == WEIR_ENTRY_FREEZE || type == WEIR_ENTRY_PUBLISHED)
		entry.set_digest = (struct weir_digest){{8}};
	return entry;
}

static char *some_text(enum weir_entry_type type)
{
	struct weir_log_entry entry = some_entry(type);
	char *text = weir_log_entry_format(&entry);
	cr_assert_not_null(text);
	weir_log_entry_clear(&entry);
	return text;
}

Test(log_entry, is_strict)
{
	for (int type = WEIR_ENTRY_ANNOUNCE; type <= WEIR_ENTRY_FAILED; type++) {
		char *text = some_text(type);
		json_t *root = json_loads(text, 0, NULL);
		assert_strict(parse, root, root);
		assert_value_refused(parse, root, root, "type", "\"\"");
		assert_value_refused(parse, root, root, "type", "\"announce\"");
		assert_value_refused(parse, root, root, "type", "\"FAILED \"");
		// the keys of one type are not those of another
		for (int other = WEIR_ENTRY_ANNOUNCE; other <= WEIR_ENTRY_FAILED; other++) {
			char raw[32];
			if (other == type ||
				(type == WEIR_ENTRY_ROLLBACK && other == WEIR_ENTRY_SEALED) ||
				(type == WEIR_ENTRY_SEALED && other == WEIR_ENTRY_ROLLBACK))
				continue;
			snprintf(raw, sizeof(raw), "\"%s\"", weir_entry_type_name(other));
			assert_value_refused(parse, root, root, "type", raw);
		}
		json_decref(root);
		free(text);
	}
}

Test(log_entry, whole_texts)
{
	for (int type = WEIR_ENTRY_JOIN; type <= WEIR_ENTRY_FAILED; type++) {
		char *text = some_text(type);
		assert_whole_texts_refused(parse, text);
		assert_survives_noise(parse, text, 3000);
		free(text);
	}
}

Test(log_entry, limit)
{
	char *text = some_text(WEIR_ENTRY_SEALED);
	assert_limit(parse, text, 64 << 20);
	free(text);
}

static void assert_same(const struct weir_log_entry *a, const struct weir_log_entry *b)
{
	cr_assert_eq(a->index, b->index);
	cr_assert_eq(a->type, b->type);
	cr_assert_eq(memcmp(&a->previous, &b->previous, sizeof(a->previous)), 0);
	cr_assert_eq(memcmp(&a->hash, &b->hash, sizeof(a->hash)), 0);
	cr_assert_eq(memcmp(&a->join, &b->join, sizeof(a->join)), 0);
	cr_assert_eq(a->client, b->client);
	cr_assert_eq(a->acceptance_count, b->acceptance_count);
	cr_assert_eq(memcmp(a->acceptances, b->acceptances, sizeof(a->acceptances)), 0);
	cr_assert_eq(a->client_count, b->client_count);
	for (size_t i = 0; i < a->client_count; i++)
		cr_assert_eq(a->clients[i], b->clients[i]);
	cr_assert_eq(a->batch, b->batch);
	cr_assert_eq(a->count, b->count);
	cr_assert_eq(a->weight, b->weight);
	cr_assert_eq(memcmp(&a->set_digest, &b->set_digest, sizeof(a->set_digest)), 0);
	cr_assert_str_eq(a->reason, b->reason);
}

Test(log_entry, round_trip)
{
	for (int type = WEIR_ENTRY_ANNOUNCE; type <= WEIR_ENTRY_FAILED; type++) {
		struct weir_log_entry entry = some_entry(type), parsed;
		struct weir_document_error error;
		struct weir_digest hash;
		char *text = weir_log_entry_format(&entry);
		cr_assert_eq(weir_log_entry_parse(text, &parsed, &error), 0, "%s", error.message);
		cr_assert_eq(weir_digest("weir-log", text, strlen(text), &hash), 0);
		cr_assert_eq(memcmp(&hash, &entry.hash, sizeof(hash)), 0);
		assert_same(&entry, &parsed);
		char *again = weir_log_entry_format(&parsed);
		cr_assert_str_eq(again, text);
		free(again);
		free(text);
		weir_log_entry_clear(&entry);
		weir_log_entry_clear(&parsed);
	}
}

Test(log_entry, lists_of_clients)
{
	static const enum weir_entry_type types[] = {
		WEIR_ENTRY_ADMIT, WEIR_ENTRY_COMMIT, WEIR_ENTRY_ABORT};
	for (size_t i = 0; i < COUNT(types); i++) {
		char *text = some_text(types[i]);
		json_t *root = json_loads(text, 0, NULL);
		assert_value_accepted(parse, root, root, "clients", "[0]");
		assert_value_accepted(parse, root, root, "clients", "[4294967295,0]");
		assert_value_refused(parse, root, root, "clients", "[]");
		assert_value_refused(parse, root, root, "clients", "[1,2,1]");
		assert_value_refused(parse, root, root, "clients", "[4294967296]");
		assert_value_refused(parse, root, root, "clients", "[1,-1]");
		assert_value_refused(parse, root, root, "clients", "[1,\"2\"]");
		assert_value_refused(parse, root, root, "clients", "[[1]]");
		json_decref(root);
		free(text);
	}
}

// A list 0 .. count - 1.
static int parse_list(enum weir_entry_type type, uint32_t count)
{
	struct weir_log_entry entry = test_entry(&machine, type);
	entry.batch = 1;
	entry.client_count = count;
	entry.clients = malloc(count * sizeof(*entry.clients));
	for (uint32_t i = 0; i < count; i++)
		entry.clients[i] = count - 1 - i;
	char *text = weir_log_entry_format(&entry);
	weir_log_entry_clear(&entry);
	if (text == NULL) {
		cr_assert_eq(errno, EINVAL);
		return -EBADMSG;
	}
	const int rc = parse(text);
	free(text);
	return rc;
}

Test(log_entry, a_batch_fits_one_message_of_the_control_link)
{
	cr_assert_eq(parse_list(WEIR_ENTRY_COMMIT, 8192), 0);
	cr_assert_eq(parse_list(WEIR_ENTRY_COMMIT, 8193), -EBADMSG);
	cr_assert_eq(parse_list(WEIR_ENTRY_ADMIT, 100000), 0);
	cr_assert_eq(parse_list(WEIR_ENTRY_ABORT, 100000), 0);
}

static void assert_value(enum weir_entry_type type, const char *key, const char *raw, bool accepted)
{
	char *text = some_text(type);
	json_t *root = json_loads(text, 0, NULL);
	(accepted ? assert_value_accepted : assert_value_refused)(parse, root, root, key, raw);
	json_decref(root);
	free(text);
}

Test(log_entry, ranges)
{
	assert_value(WEIR_ENTRY_COMMIT, "batch", "0", false);
	assert_value(WEIR_ENTRY_ROLLBACK, "batch", "0", false);
	assert_value(WEIR_ENTRY_SEALED, "batch", "0", false);
	assert_value(WEIR_ENTRY_SEALED, "batch", "4294967296", false);
	assert_value(WEIR_ENTRY_SEALED, "index", "0", true);
	assert_value(WEIR_ENTRY_SEALED, "index", "9223372036854775807", true);
	assert_value(WEIR_ENTRY_FREEZE, "count", "0", true);
	assert_value(WEIR_ENTRY_JOIN, "client", "4294967295", true);
	assert_value(WEIR_ENTRY_JOIN, "client", "4294967296", false);
	assert_value(WEIR_ENTRY_JOIN, "join", "\"{}\"", false);
	assert_value(WEIR_ENTRY_JOIN, "join", "\"\"", false);
	assert_value(WEIR_ENTRY_JOIN, "acceptances", "[]", true); // the machine counts them
	assert_value(WEIR_ENTRY_JOIN, "acceptances", "[\"00\"]", false);
	assert_value(WEIR_ENTRY_FAILED, "reason", "\"\"", true);
	assert_value(WEIR_ENTRY_ANNOUNCE, "announcement", "{}", false);
}

static void assert_reason_length(size_t length, bool accepted)
{
	char raw[300] = "\"";
	memset(raw + 1, 'r', length);
	strcpy(raw + 1 + length, "\"");
	assert_value(WEIR_ENTRY_ABORT, "reason", raw, accepted);
}

Test(log_entry, reasons_have_a_limit)
{
	assert_reason_length(255, true);
	assert_reason_length(256, false);
}

Test(log_entry, an_announcement_within_is_verified)
{
	struct weir_log_entry entry = some_entry(WEIR_ENTRY_ANNOUNCE);
	entry.announcement.signature[5] ^= 1;
	char *text = weir_log_entry_format(&entry);
	assert_refused(parse, text);
	free(text);
	weir_log_entry_clear(&entry);
}

static void assert_not_formatted(struct weir_log_entry *entry)
{
	errno = 0;
	cr_assert_null(weir_log_entry_format(entry));
	cr_assert_eq(errno, EINVAL);
	weir_log_entry_clear(entry);
}

Test(log_entry, what_parse_would_refuse_is_not_formatted)
{
	struct weir_log_entry entry = test_entry(&machine, 0);
	assert_not_formatted(&entry);
	entry = test_entry(&machine, 99);
	assert_not_formatted(&entry);
	entry = test_entry(&machine, WEIR_ENTRY_ANNOUNCE);
	assert_not_formatted(&entry);
	entry = test_entry(&machine, WEIR_ENTRY_JOIN);
	assert_not_formatted(&entry);
	entry = test_entry(&machine, WEIR_ENTRY_ADMIT);
	assert_not_formatted(&entry);
	entry = test_entry(&machine, WEIR_ENTRY_SEALED); // batch 0
	assert_not_formatted(&entry);
	entry = some_entry(WEIR_ENTRY_COMMIT);
	entry.clients[0] = entry.clients[1];
	assert_not_formatted(&entry);
	entry = some_entry(WEIR_ENTRY_FREEZE);
	entry.weight = UINT64_MAX;
	assert_not_formatted(&entry);
	entry = some_entry(WEIR_ENTRY_FREEZE);
	entry.index = UINT64_MAX;
	assert_not_formatted(&entry);
	entry = some_entry(WEIR_ENTRY_FAILED);
	strcpy(entry.reason, "not UTF-8: \xff");
	assert_not_formatted(&entry);
	entry = some_entry(WEIR_ENTRY_FAILED);
	memset(entry.reason, 'r', sizeof(entry.reason));
	assert_not_formatted(&entry);
}

Test(log_entry, the_leaders_signature)
{
	char *text = some_text(WEIR_ENTRY_SEALED);
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	const struct weir_identity *leader = &event.terms.aggregators[0];
	cr_assert_eq(weir_log_sign(event.aggregators[0], text, signature), 0);
	cr_assert(weir_log_verify(leader, text, signature));
	cr_assert(!weir_log_verify(&event.terms.aggregators[1], text, signature));
	cr_assert(weir_verify(leader, "weir-log", text, strlen(text), signature));
	text[3] ^= 1;
	cr_assert(!weir_log_verify(leader, text, signature));
	free(text);
}

Test(log_entry, names)
{
	cr_assert_str_eq(weir_entry_type_name(WEIR_ENTRY_ROLLBACK), "ROLLBACK");
	cr_assert_null(weir_entry_type_name(0));
	cr_assert_null(weir_entry_type_name(11));
}
