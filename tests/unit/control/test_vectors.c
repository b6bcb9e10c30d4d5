// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every byte of tests/vectors/documents.json, which was made from control/README.md by another
// program: what is signed there is accepted here, and what is signed here is the same.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "agreement.h"
#include "aggregate_share.h"
#include "documents.h"
#include "event_machine.h"
#include "fixed_point.h"
#include "kernels.h"
#include "log_entry.h"
#include "request_signature.h"
#include "sharing.h"
#include "vectors.h"

static json_t *root;
static struct weir_document_error error;

static void load(void)
{
	root = vectors_load("documents.json");
}

static void unload(void)
{
	json_decref(root);
}

TestSuite(vectors, .init = load, .fini = unload, .timeout = 60);

static struct weir_digest digest_in(const json_t *object, const char *key)
{
	struct weir_digest digest;
	vectors_bytes(object, key, digest.bytes, sizeof(digest.bytes));
	return digest;
}

static struct weir_identity identity_in(const json_t *object, const char *key)
{
	struct weir_identity identity;
	vectors_bytes(object, key, identity.bytes, sizeof(identity.bytes));
	return identity;
}

// The key of the identity with that public half.
static struct weir_signing_key *key_of(const struct weir_identity *identity)
{
	json_t *value;
	size_t i;
	json_array_foreach(vectors_member(root, "identities"), i, value)
	{
		const struct weir_identity known = identity_in(value, "identity");
		if (weir_identity_equal(&known, identity)) {
			uint8_t secret[32];
			vectors_bytes(value, "secret", secret, sizeof(secret));
			return weir_signing_key_from_secret(secret);
		}
	}
	cr_assert_fail("nobody has that identity");
	return NULL;
}

static void assert_signature(const json_t *object, const uint8_t made[WEIR_SIGNATURE_SIZE])
{
	uint8_t expected[WEIR_SIGNATURE_SIZE];
	vectors_bytes(object, "signature", expected, sizeof(expected));
	cr_assert_arr_eq(made, expected, sizeof(expected));
}

// The document's digest and signature are what its text gives.
static void assert_signed_text(
	const json_t *object, const char *context, const struct weir_identity *signer)
{
	const char *text = vectors_text(object, "text");
	const struct weir_digest expected = digest_in(object, "digest");
	struct weir_signing_key *key = key_of(signer);
	struct weir_digest digest;
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	cr_assert_eq(weir_digest(context, text, strlen(text), &digest), 0);
	cr_assert_arr_eq(digest.bytes, expected.bytes, sizeof(expected.bytes));
	cr_assert_eq(weir_sign(key, context, text, strlen(text), signature), 0);
	assert_signature(object, signature);
	weir_signing_key_free(key);
}

static struct weir_announcement announcement_in_vectors(void)
{
	struct weir_announcement announcement;
	const char *text = vectors_text(vectors_member(root, "announcement"), "text");
	cr_assert_eq(weir_announcement_parse(text, &announcement, &error), 0, "%s", error.message);
	return announcement;
}

Test(vectors, identities)
{
	json_t *value;
	size_t i;
	json_array_foreach(vectors_member(root, "identities"), i, value)
	{
		const struct weir_identity identity = identity_in(value, "identity");
		struct weir_signing_key *key = key_of(&identity);
		cr_assert(weir_identity_equal(weir_signing_key_identity(key), &identity));
		weir_signing_key_free(key);
	}
	cr_assert_eq(i, 6);
}

Test(vectors, event)
{
	const json_t *event = vectors_member(root, "event");
	const json_t *expected = vectors_member(event, "terms");
	const json_t *encoding = vectors_member(expected, "encoding");
	const struct weir_digest digest = digest_in(event, "digest");
	struct weir_digest parsed;
	struct weir_event_terms terms;
	cr_assert_eq(weir_event_parse(vectors_text(event, "text"), &terms, &parsed, &error), 0,
		"%s", error.message);
	cr_assert_arr_eq(parsed.bytes, digest.bytes, sizeof(digest.bytes));
	cr_assert_str_eq(terms.job, vectors_text(expected, "job"));
	cr_assert_eq(terms.round, vectors_integer(expected, "round"));
	cr_assert_str_eq(weir_modulus_name(terms.modulus), vectors_text(expected, "modulus"));
	cr_assert_eq(terms.dimension, vectors_integer(expected, "dimension"));
	cr_assert_eq(terms.chunk_elements, vectors_integer(expected, "chunk_elements"));
	cr_assert(terms.encoding.is_fixed_point);
	cr_assert(terms.encoding.is_signed);
	cr_assert(terms.encoding.scale == json_real_value(vectors_member(encoding, "scale")));
	cr_assert(terms.encoding.clip == json_real_value(vectors_member(encoding, "clip")));
	cr_assert_eq(terms.encoding.bound, vectors_integer(encoding, "bound"));
	cr_assert_eq(terms.max_clients, vectors_integer(expected, "max_clients"));
	cr_assert_eq(terms.max_weight, vectors_integer(expected, "max_weight"));
	cr_assert_eq(terms.min_clients, vectors_integer(expected, "min_clients"));
	cr_assert_eq(terms.target_clients, vectors_integer(expected, "target_clients"));
	cr_assert_eq(terms.announced_ms, vectors_integer(expected, "announced_ms"));
	cr_assert_eq(terms.deadline_ms, vectors_integer(expected, "deadline_ms"));
	cr_assert_eq(terms.admit_timeout_ms, vectors_integer(expected, "admit_timeout_ms"));
	cr_assert_eq(terms.aggregator_count, 2);
	cr_assert_eq(terms.collector_count, 1);
}

// A text that C makes says the same as the one that Python made.
Test(vectors, formatting_keeps_what_was_parsed)
{
	const char *text = vectors_text(vectors_member(root, "event"), "text");
	struct weir_event_terms terms;
	struct weir_digest digest;
	cr_assert_eq(weir_event_parse(text, &terms, &digest, &error), 0);
	char *made = weir_event_format(&terms);
	json_t *ours = json_loads(made, 0, NULL), *theirs = json_loads(text, 0, NULL);
	cr_assert(json_equal(ours, theirs), "%s", made);
	json_decref(ours);
	json_decref(theirs);
	free(made);
}

Test(vectors, announcement)
{
	const json_t *values = vectors_member(root, "offers");
	struct weir_announcement announcement = announcement_in_vectors(), made;
	const struct weir_event_terms *terms = &announcement.terms;
	const struct weir_digest event = digest_in(vectors_member(root, "event"), "digest");
	const struct weir_digest offers = digest_in(root, "offers_digest");
	struct weir_signing_key *leader = key_of(&terms->aggregators[0]);
	cr_assert_arr_eq(announcement.event_digest.bytes, event.bytes, sizeof(event.bytes));
	cr_assert_arr_eq(announcement.offers_digest.bytes, offers.bytes, sizeof(offers.bytes));
	cr_assert_eq(json_array_size(values), 2);
	for (size_t i = 0; i < 2; i++) {
		uint8_t public[32];
		const json_t *value = json_array_get(values, i);
		assert_signed_text(value, "weir-offer", &terms->aggregators[i]);
		vectors_bytes(value, "public", public, sizeof(public));
		cr_assert_arr_eq(announcement.offers[i].key, public, sizeof(public));
	}
	cr_assert_str_eq(announcement.offers[0].endpoint, "10.77.0.2:9347");
	cr_assert_str_eq(announcement.offers[1].endpoint, "[2001:db8::2]:9347");
	cr_assert_str_eq(announcement.offers[1].url, "https://helper.example");
	cr_assert_eq(announcement.offers[1].number, UINT32_MAX);
	cr_assert_eq(announcement.offers[0].slots, 64);
	cr_assert_eq(announcement.offers[0].min_clients, 2);
	cr_assert_eq(weir_announcement_make(announcement.event_text, announcement.signed_offers, 2,
			     leader, &made, &error),
		0);
	assert_signature(vectors_member(root, "announcement"), made.signature);
	weir_signing_key_free(leader);
	weir_announcement_clear(&made);
	weir_announcement_clear(&announcement);
}

Test(vectors, joins_and_acceptances)
{
	struct weir_announcement announcement = announcement_in_vectors();
	json_t *value;
	size_t i;
	json_array_foreach(vectors_member(root, "joins"), i, value)
	{
		const json_t *acceptances = vectors_member(value, "acceptances");
		const struct weir_digest digest = digest_in(value, "digest");
		const struct weir_identity identity = identity_in(value, "identity");
		uint8_t secret[32], public[32], derived[32];
		struct weir_join join;
		cr_assert_eq(weir_join_parse(vectors_text(value, "text"), &join, &error), 0);
		cr_assert_arr_eq(join.digest.bytes, digest.bytes, sizeof(digest.bytes));
		cr_assert(weir_identity_equal(&join.identity, &identity));
		cr_assert_eq(join.weight, vectors_integer(value, "weight"));
		vectors_bytes(value, "secret", secret, sizeof(secret));
		vectors_bytes(value, "public", public, sizeof(public));
		cr_assert_eq(weir_agreement_public(secret, derived), 0);
		cr_assert_arr_eq(derived, public, sizeof(public));
		cr_assert_arr_eq(join.key, public, sizeof(public));
		assert_signed_text(value, "weir-join", &identity);
		for (size_t a = 0; a < 2; a++) {
			struct weir_signing_key *key = key_of(&announcement.terms.aggregators[a]);
			uint8_t made[WEIR_SIGNATURE_SIZE], expected[WEIR_SIGNATURE_SIZE];
			cr_assert_eq(
				weir_hex_decode(json_string_value(json_array_get(acceptances, a)),
					expected, sizeof(expected)),
				0);
			cr_assert_eq(weir_acceptance_sign(
					     key, &announcement.event_digest, &digest, made),
				0);
			cr_assert_arr_eq(made, expected, sizeof(made));
			weir_signing_key_free(key);
		}
	}
	cr_assert_eq(i, 4);
	weir_announcement_clear(&announcement);
}

Test(vectors, receipts)
{
	const struct weir_digest event = digest_in(vectors_member(root, "event"), "digest");
	json_t *value;
	size_t i;
	json_array_foreach(vectors_member(root, "receipts"), i, value)
	{
		const json_t *joined = json_array_get(
			vectors_member(root, "joins"), vectors_integer(value, "client"));
		const struct weir_digest join = digest_in(joined, "digest");
		const uint32_t batch = (uint32_t)vectors_integer(value, "batch");
		const struct weir_identity aggregator = identity_in(value, "aggregator");
		struct weir_signing_key *key = key_of(&aggregator);
		uint8_t signature[WEIR_SIGNATURE_SIZE];
		cr_assert_eq(weir_receipt_sign(key, &event, &join, batch, signature), 0);
		assert_signature(value, signature);
		cr_assert(weir_receipt_verify(&aggregator, &event, &join, batch, signature));
		weir_signing_key_free(key);
	}
	cr_assert_eq(i, 4);
}

Test(vectors, set_digests)
{
	const struct weir_digest event = digest_in(vectors_member(root, "event"), "digest");
	json_t *value, *client;
	size_t i, j;
	json_array_foreach(vectors_member(root, "set_digests"), i, value)
	{
		const struct weir_digest expected = digest_in(value, "digest");
		const uint32_t batch = (uint32_t)vectors_integer(value, "batch");
		struct weir_set_member members[8];
		struct weir_digest set;
		json_array_foreach(vectors_member(value, "clients"), j, client)
		{
			struct weir_join join;
			const uint32_t index = (uint32_t)json_integer_value(client);
			const json_t *joined = json_array_get(vectors_member(root, "joins"), index);
			cr_assert_eq(
				weir_join_parse(vectors_text(joined, "text"), &join, &error), 0);
			members[j] = (struct weir_set_member){
				index, join.weight, join.identity, join.digest};
		}
		cr_assert_eq(weir_set_digest_start(&event, &set), 0);
		if (batch > 0)
			cr_assert_eq(weir_set_digest_add(&set, batch, members, j), 0);
		cr_assert_arr_eq(set.bytes, expected.bytes, sizeof(set.bytes));
	}
	cr_assert_eq(i, 3);
}

static void apply(struct weir_event_machine *machine, const json_t *value)
{
	const char *text = vectors_text(value, "text");
	const struct weir_digest hash = digest_in(value, "digest");
	const struct weir_digest set = digest_in(value, "set_digest");
	struct weir_log_entry entry;
	cr_assert_eq(weir_log_entry_parse(text, &entry, &error), 0, "%s", error.message);
	cr_assert_arr_eq(entry.hash.bytes, hash.bytes, sizeof(hash.bytes));
	cr_assert_str_eq(weir_entry_type_name(entry.type), vectors_text(value, "type"));
	cr_assert_eq(weir_event_machine_apply(machine, &entry, &error), 0, "%s", error.message);
	cr_assert_str_eq(weir_event_state_name(machine->state), vectors_text(value, "state"));
	cr_assert_arr_eq(machine->set_digest.bytes, set.bytes, sizeof(set.bytes));
	assert_signed_text(value, "weir-log", &machine->announcement.terms.aggregators[0]);
	weir_log_entry_clear(&entry);
}

// An entry of the log, parsed and formatted, says the same.
static void assert_formats_the_same(const json_t *value)
{
	const char *text = vectors_text(value, "text");
	struct weir_log_entry entry;
	cr_assert_eq(weir_log_entry_parse(text, &entry, &error), 0);
	char *made = weir_log_entry_format(&entry);
	json_t *ours = json_loads(made, 0, NULL), *theirs = json_loads(text, 0, NULL);
	cr_assert(json_equal(ours, theirs), "%s", made);
	json_decref(ours);
	json_decref(theirs);
	free(made);
	weir_log_entry_clear(&entry);
}

static void follow_log(struct weir_event_machine *machine, size_t count)
{
	weir_event_machine_init(machine);
	for (size_t i = 0; i < count; i++)
		apply(machine, json_array_get(vectors_member(root, "log"), i));
}

Test(vectors, log)
{
	struct weir_event_machine machine;
	const size_t count = json_array_size(vectors_member(root, "log"));
	follow_log(&machine, count);
	for (size_t i = 0; i < count; i++)
		assert_formats_the_same(json_array_get(vectors_member(root, "log"), i));
	cr_assert_eq(machine.next_index, 14);
	cr_assert_eq(machine.counts[WEIR_CLIENT_SEALED], 2);
	cr_assert_eq(machine.counts[WEIR_CLIENT_ABORTED], 2);
	cr_assert_eq(machine.clients[0].batch, 2);
	cr_assert_eq(machine.clients[1].batch, 0);
	cr_assert_eq(machine.sealed_weight, 5);
	cr_assert_eq(weir_event_machine_slot_limit(&machine), 2);
	weir_event_machine_clear(&machine);
	follow_log(&machine, count - 1);
	apply(&machine, vectors_member(root, "failed_instead"));
	cr_assert_str_eq(machine.reason, "helper: disk full");
	weir_event_machine_clear(&machine);
}

Test(vectors, shares_and_aggregate)
{
	const json_t *files = vectors_member(root, "aggregate_shares");
	const json_t *integers = vectors_member(vectors_member(root, "aggregate"), "integers");
	struct weir_announcement announcement = announcement_in_vectors();
	struct weir_aggregate_share share[2];
	const void *elements[2];
	uint8_t *file[2], *made;
	size_t size;
	uint64_t sum[20];
	for (size_t i = 0; i < 2; i++) {
		struct weir_signing_key *key = key_of(&announcement.terms.aggregators[i]);
		file[i] = vectors_alloc_value(json_array_get(files, i), &size);
		cr_assert_eq(weir_aggregate_share_read(file[i], size, &share[i], &error), 0, "%s",
			error.message);
		cr_assert_eq(share[i].count, 2);
		cr_assert_eq(share[i].weight, 5);
		cr_assert_eq(share[i].dimension, 20);
		made = malloc(size);
		cr_assert_eq(weir_aggregate_share_write(&share[i], key, made), 0);
		cr_assert_eq(memcmp(made, file[i], size), 0);
		elements[i] = share[i].elements;
		free(made);
		weir_signing_key_free(key);
	}
	cr_assert_eq(weir_reconstruct(weir_kernels_tier("reference"), WEIR_MODULUS_M61, elements, 2,
			     sum, 20),
		0);
	for (size_t i = 0; i < 20; i++)
		cr_assert_eq(weir_decode_element(WEIR_MODULUS_M61, true, sum[i]),
			json_integer_value(json_array_get(integers, i)));
	free(file[0]);
	free(file[1]);
	weir_announcement_clear(&announcement);
}

// The clients' vectors become the elements that the shares are of.
Test(vectors, encoding)
{
	struct weir_announcement announcement = announcement_in_vectors();
	json_t *value, *real;
	size_t i, j, size, clipped, bad;
	json_array_foreach(vectors_member(root, "vectors"), i, value)
	{
		uint8_t *expected = vectors_alloc(value, "elements", &size);
		double reals[20];
		uint64_t elements[20], sum[20];
		const void *shares[2];
		uint8_t *share[2];
		json_array_foreach(vectors_member(value, "reals"), j, real) reals[j] =
			json_real_value(real);
		cr_assert_eq(weir_encode_reals(WEIR_MODULUS_M61, &announcement.terms.encoding,
				     reals, 20, elements, &clipped, &bad),
			0);
		cr_assert_eq(size, sizeof(elements));
		cr_assert_arr_eq((uint8_t *)elements, expected, sizeof(elements));
		cr_assert_eq(clipped, i == 0 ? 0 : 2);
		for (j = 0; j < 2; j++)
			shares[j] = share[j] = vectors_alloc_value(
				json_array_get(vectors_member(value, "shares"), j), &size);
		cr_assert_eq(weir_reconstruct(weir_kernels_tier("reference"), WEIR_MODULUS_M61,
				     shares, 2, sum, 20),
			0);
		cr_assert_arr_eq((uint8_t *)sum, expected, sizeof(sum));
		free(share[0]);
		free(share[1]);
		free(expected);
	}
	cr_assert_eq(i, 2);
	weir_announcement_clear(&announcement);
}

Test(vectors, requests)
{
	json_t *value;
	size_t i, size;
	json_array_foreach(vectors_member(root, "requests"), i, value)
	{
		const struct weir_identity caller = identity_in(value, "identity");
		const struct weir_identity recipient = identity_in(value, "recipient");
		const char *method = vectors_text(value, "method");
		const char *target = vectors_text(value, "target");
		const uint64_t time_ms = vectors_integer(value, "time_ms");
		struct weir_signing_key *key = key_of(&caller);
		uint8_t signature[WEIR_SIGNATURE_SIZE];
		uint8_t *body = vectors_alloc(value, "body", &size);
		cr_assert_eq(weir_request_sign(key, &recipient, method, target, time_ms, body, size,
				     signature),
			0);
		assert_signature(value, signature);
		cr_assert_eq(weir_request_verify(&caller, &recipient, method, target, time_ms, body,
				     size, signature, time_ms),
			0);
		free(body);
		weir_signing_key_free(key);
	}
	cr_assert_eq(i, 2);
}
