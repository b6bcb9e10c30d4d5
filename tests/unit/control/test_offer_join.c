// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "Offer", "Join", "Acceptance", "Receipt", "Committed-set digest".

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"
#include "refusals.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse_offer(const char *json)
{
	struct weir_offer offer;
	struct weir_document_error error = {""};
	memset(&offer, 0xff, sizeof(offer));
	const int rc = weir_offer_parse(json, &offer, &error);
	check_outcome(rc, error.message, &offer, sizeof(offer));
	return rc;
}

static int parse_join(const char *json)
{
	struct weir_join join;
	struct weir_document_error error = {""};
	memset(&join, 0xff, sizeof(join));
	const int rc = weir_join_parse(json, &join, &error);
	check_outcome(rc, error.message, &join, sizeof(join));
	return rc;
}

static const struct weir_offer some_offer = {
	.event = {{1}},
	.aggregator = {{2}},
	.key = {3},
	.endpoint = "[2001:db8::1]:9347",
	.url = "https://example.org",
	.number = UINT32_MAX,
	.slots = 1,
	.min_clients = 2,
};

static const struct weir_join some_join = {
	.event = {{1}},
	.offers = {{2}},
	.identity = {{3}},
	.key = {4},
	.weight = 2147483647,
};

// strict, as a whole, within its limit, under noise
static void assert_document(parse_function *parse, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	cr_assert_not_null(root);
	assert_strict(parse, root, root);
	assert_value_refused(parse, root, root, "version", "2");
	json_decref(root);
	assert_whole_texts_refused(parse, text);
	assert_limit(parse, text, 4 << 10);
	assert_survives_noise(parse, text, 20000);
}

Test(offer, is_strict)
{
	char *text = weir_offer_format(&some_offer);
	assert_document(parse_offer, text);
	free(text);
}

Test(offer, ranges)
{
	static const struct {
		const char *key, *raw;
		bool accepted;
	} values[] = {
		{"endpoint", "\"10.0.0.1:1\"", true},
		{"endpoint", "\"example.org:9347\"", false},
		{"endpoint", "\"10.0.0.1\"", false},
		{"endpoint", "\"\"", false},
		{"url", "\"http://10.0.0.1:9347\"", true},
		{"url", "\"ftp://10.0.0.1:9347\"", false},
		{"url", "\"10.0.0.1:9347\"", false},
		{"url", "\"\"", false},
		{"number", "0", false},
		{"number", "1", true},
		{"number", "4294967295", true},
		{"number", "4294967296", false},
		{"slots", "0", false},
		{"slots", "4294967295", true},
		{"slots", "4294967296", false},
		{"min_clients", "0", false},
		{"min_clients", "1", true},
		{"min_clients", "4294967296", false},
	};
	char *text = weir_offer_format(&some_offer);
	json_t *root = json_loads(text, 0, NULL);
	for (size_t i = 0; i < COUNT(values); i++)
		(values[i].accepted ? assert_value_accepted : assert_value_refused)(
			parse_offer, root, root, values[i].key, values[i].raw);
	json_decref(root);
	free(text);
}

static void assert_url_length(size_t length, bool accepted)
{
	char url[300] = "\"http://", *text = weir_offer_format(&some_offer);
	json_t *root = json_loads(text, 0, NULL);
	memset(url + 8, 'a', length - 7);
	strcpy(url + 1 + length, "\"");
	(accepted ? assert_value_accepted : assert_value_refused)(
		parse_offer, root, root, "url", url);
	json_decref(root);
	free(text);
}

Test(offer, lengths)
{
	assert_url_length(255, true);
	assert_url_length(256, false);
}

Test(offer, round_trip)
{
	struct weir_offer parsed;
	struct weir_document_error error;
	char *text = weir_offer_format(&some_offer);
	cr_assert_eq(weir_offer_parse(text, &parsed, &error), 0);
	cr_assert_eq(memcmp(&parsed.event, &some_offer.event, 32), 0);
	cr_assert_eq(memcmp(&parsed.aggregator, &some_offer.aggregator, 32), 0);
	cr_assert_eq(memcmp(parsed.key, some_offer.key, 32), 0);
	cr_assert_str_eq(parsed.endpoint, some_offer.endpoint);
	cr_assert_str_eq(parsed.url, some_offer.url);
	cr_assert_eq(parsed.number, some_offer.number);
	cr_assert_eq(parsed.slots, some_offer.slots);
	cr_assert_eq(parsed.min_clients, some_offer.min_clients);
	free(text);
}

Test(offer, a_wrong_one_is_not_formatted)
{
	struct weir_offer wrong[6];
	for (size_t i = 0; i < COUNT(wrong); i++)
		wrong[i] = some_offer;
	wrong[0].number = 0;
	wrong[1].slots = 0;
	wrong[2].min_clients = 0;
	strcpy(wrong[3].endpoint, "example.org:1");
	memset(wrong[4].endpoint, '1', sizeof(wrong[4].endpoint));
	memset(wrong[5].url, 'h', sizeof(wrong[5].url));
	for (size_t i = 0; i < COUNT(wrong); i++) {
		errno = 0;
		cr_assert_null(weir_offer_format(&wrong[i]), "%zu", i);
		cr_assert_eq(errno, EINVAL);
	}
}

Test(join, is_strict)
{
	char *text = weir_join_format(&some_join);
	assert_document(parse_join, text);
	free(text);
}

Test(join, weights)
{
	char *text = weir_join_format(&some_join);
	json_t *root = json_loads(text, 0, NULL);
	assert_value_refused(parse_join, root, root, "weight", "0");
	assert_value_accepted(parse_join, root, root, "weight", "1");
	assert_value_accepted(parse_join, root, root, "weight", "2147483647");
	assert_value_refused(parse_join, root, root, "weight", "2147483648");
	json_decref(root);
	free(text);
	struct weir_join wrong = some_join;
	wrong.weight = 0;
	cr_assert_null(weir_join_format(&wrong));
	wrong.weight = 2147483648;
	cr_assert_null(weir_join_format(&wrong));
	cr_assert_eq(errno, EINVAL);
}

Test(join, round_trip)
{
	struct weir_join parsed;
	struct weir_document_error error;
	struct weir_digest digest;
	char *text = weir_join_format(&some_join);
	cr_assert_eq(weir_join_parse(text, &parsed, &error), 0);
	cr_assert_eq(memcmp(&parsed.event, &some_join.event, 32), 0);
	cr_assert_eq(memcmp(&parsed.offers, &some_join.offers, 32), 0);
	cr_assert_eq(memcmp(&parsed.identity, &some_join.identity, 32), 0);
	cr_assert_eq(memcmp(parsed.key, some_join.key, 32), 0);
	cr_assert_eq(parsed.weight, some_join.weight);
	cr_assert_eq(weir_digest("weir-join", text, strlen(text), &digest), 0);
	cr_assert_eq(memcmp(&parsed.digest, &digest, 32), 0);
	free(text);
}

Test(bare_signatures, hold_for_what_was_signed_only)
{
	struct weir_signing_key *key = test_key("leader"), *other = test_key("helper");
	const struct weir_identity *leader = weir_signing_key_identity(key);
	const struct weir_identity *helper = weir_signing_key_identity(other);
	const struct weir_digest event = {{1}}, join = {{2}};
	uint8_t acceptance[WEIR_SIGNATURE_SIZE], receipt[WEIR_SIGNATURE_SIZE];
	cr_assert_eq(weir_acceptance_sign(key, &event, &join, acceptance), 0);
	cr_assert_eq(weir_receipt_sign(key, &event, &join, 3, receipt), 0);
	cr_assert(weir_acceptance_verify(leader, &event, &join, acceptance));
	cr_assert(weir_receipt_verify(leader, &event, &join, 3, receipt));
	cr_assert(!weir_acceptance_verify(helper, &event, &join, acceptance));
	cr_assert(!weir_acceptance_verify(leader, &join, &event, acceptance));
	cr_assert(!weir_acceptance_verify(leader, &event, &join, receipt));
	cr_assert(!weir_receipt_verify(helper, &event, &join, 3, receipt));
	cr_assert(!weir_receipt_verify(leader, &event, &event, 3, receipt));
	cr_assert(!weir_receipt_verify(leader, &event, &join, 4, receipt));
	cr_assert(!weir_receipt_verify(leader, &event, &join, 0, acceptance));
	for (size_t i = 0; i < sizeof(receipt); i++) {
		receipt[i] ^= 1;
		cr_assert(!weir_receipt_verify(leader, &event, &join, 3, receipt));
		receipt[i] ^= 1;
	}
	weir_signing_key_free(key);
	weir_signing_key_free(other);
}

static struct weir_digest digest_of(
	uint32_t batch, const struct weir_set_member *members, size_t count)
{
	struct weir_digest set;
	const struct weir_digest event = {{1}};
	cr_assert_eq(weir_set_digest_start(&event, &set), 0);
	cr_assert_eq(weir_set_digest_add(&set, batch, members, count), 0);
	return set;
}

Test(set_digest, depends_on_everything_in_it)
{
	const struct weir_set_member members[2] = {{1, 2, {{3}}, {{4}}}, {5, 6, {{7}}, {{8}}}};
	struct weir_set_member other[5][2];
	const struct weir_digest set = digest_of(1, members, 2);
	struct weir_digest changed;
	for (size_t i = 0; i < COUNT(other); i++)
		memcpy(other[i], members, sizeof(members));
	other[0][0].index++;
	other[1][1].weight++;
	other[2][1].identity.bytes[31]++;
	other[3][0].join.bytes[31]++;
	other[4][0] = members[1];
	other[4][1] = members[0];
	for (size_t i = 0; i < 5; i++) {
		changed = digest_of(1, other[i], 2);
		cr_assert_neq(memcmp(&changed, &set, sizeof(set)), 0, "%zu", i);
	}
	changed = digest_of(2, members, 2);
	cr_assert_neq(memcmp(&changed, &set, sizeof(set)), 0);
	changed = digest_of(1, members, 1);
	cr_assert_neq(memcmp(&changed, &set, sizeof(set)), 0);
	changed = digest_of(1, members, 2);
	cr_assert_eq(memcmp(&changed, &set, sizeof(set)), 0);
}
