// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every byte of tests/vectors/packets.json, which was made from dataplane/README.md by another
// program: key agreement from both sides, and each type of packet.

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "aead.h"
#include "agreement.h"
#include "share_packet.h"
#include "vectors.h"

static json_t *root;

static void load(void)
{
	root = vectors_load("packets.json");
}

static void unload(void)
{
	json_decref(root);
}

TestSuite(packet_vectors, .init = load, .fini = unload, .timeout = 60);

static const json_t *agreement_of(uint64_t client, uint64_t aggregator)
{
	json_t *value;
	size_t i;
	json_array_foreach(vectors_member(root, "agreements"), i,
		value) if (vectors_integer(value, "client") == client &&
			   vectors_integer(value, "aggregator") == aggregator) return value;
	cr_assert_fail("no agreement for that packet");
	return NULL;
}

// Both directions' keys, as the side with this private key computes them.
static struct weir_packet_keys keys_of(
	const json_t *value, const char *private_key, const char *peer_public)
{
	struct weir_packet_keys keys;
	struct weir_digest event;
	struct weir_identity client, aggregator;
	uint8_t own[32], peer[32];
	vectors_bytes(value, private_key, own, sizeof(own));
	vectors_bytes(value, peer_public, peer, sizeof(peer));
	vectors_bytes(value, "event_digest", event.bytes, sizeof(event.bytes));
	vectors_bytes(value, "client_identity", client.bytes, sizeof(client.bytes));
	vectors_bytes(value, "aggregator_identity", aggregator.bytes, sizeof(aggregator.bytes));
	cr_assert_eq(weir_agree(own, peer, &event, &client, &aggregator, &keys), 0);
	return keys;
}

Test(packet_vectors, both_sides_agree_on_the_keys)
{
	json_t *value;
	size_t i;
	json_array_foreach(vectors_member(root, "agreements"), i, value)
	{
		const struct weir_packet_keys client = keys_of(
						      value, "client_secret", "aggregator_public"),
					      aggregator = keys_of(
						      value, "aggregator_secret", "client_public");
		uint8_t to_aggregator[32], to_client[32];
		vectors_bytes(value, "to_aggregator", to_aggregator, sizeof(to_aggregator));
		vectors_bytes(value, "to_client", to_client, sizeof(to_client));
		cr_assert_arr_eq(client.to_aggregator, to_aggregator, 32);
		cr_assert_arr_eq(client.to_client, to_client, 32);
		cr_assert_arr_eq(aggregator.to_aggregator, to_aggregator, 32);
		cr_assert_arr_eq(aggregator.to_client, to_client, 32);
	}
	cr_assert_eq(i, 4);
}

static enum weir_packet_type type_of(const char *name)
{
	static const char *const names[] = {[WEIR_PACKET_REQUEST] = "REQUEST",
		[WEIR_PACKET_GRANT] = "GRANT",
		[WEIR_PACKET_SHARE] = "SHARE",
		[WEIR_PACKET_PARITY] = "PARITY",
		[WEIR_PACKET_QUERY] = "QUERY",
		[WEIR_PACKET_STATE] = "STATE"};
	for (int type = WEIR_PACKET_REQUEST; type <= WEIR_PACKET_STATE; type++)
		if (strcmp(name, names[type]) == 0)
			return type;
	cr_assert_fail("no such type");
	return 0;
}

static uint32_t field(const json_t *fields, const char *key)
{
	return (uint32_t)vectors_integer(fields, key);
}

// Integers of JSON end at 2^63 - 1 here: a larger rate is written as a string.
static uint64_t rate_of(const json_t *fields)
{
	const json_t *rate = vectors_member(fields, "rate");
	return json_is_string(rate) ? strtoull(json_string_value(rate), NULL, 10)
				    : (uint64_t)json_integer_value(rate);
}

static struct weir_packet_grant grant_of(const json_t *fields)
{
	return (struct weir_packet_grant){
		.state = (uint8_t)field(fields, "state"),
		.echo = field(fields, "echo"),
		.wait_ms = field(fields, "wait_ms"),
		.window = field(fields, "window"),
		.rate = rate_of(fields),
		.received = field(fields, "received"),
	};
}

static struct weir_packet_state state_of(const json_t *fields)
{
	struct weir_packet_state state = {
		.state = (uint8_t)field(fields, "state"),
		.echo = field(fields, "echo"),
		.first = field(fields, "first"),
		.received = field(fields, "received"),
		.window = field(fields, "window"),
		.wait_ms = field(fields, "wait_ms"),
		.rate = rate_of(fields),
	};
	json_t *chunk;
	size_t i;
	json_array_foreach(vectors_member(fields, "chunks"), i, chunk)
	{
		const uint32_t bit = (uint32_t)json_integer_value(chunk) - state.first;
		state.bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	return state;
}

// The plaintext from the packet's fields; of a SHARE, whose fields are its elements, as it is there.
static uint8_t *plaintext_of(const json_t *value, enum weir_packet_type type, size_t *size)
{
	const json_t *fields = vectors_member(value, "fields");
	uint8_t *plaintext = vectors_alloc(value, "plaintext", size);
	uint8_t made[sizeof(struct weir_packet_state)] = {0};
	const size_t length = type == WEIR_PACKET_REQUEST || type == WEIR_PACKET_GRANT ? 32 : 160;
	if (type == WEIR_PACKET_GRANT) {
		const struct weir_packet_grant grant = grant_of(fields);
		memcpy(made, &grant, sizeof(grant));
	} else if (type == WEIR_PACKET_QUERY) {
		const struct weir_packet_query query = {.first = field(fields, "first")};
		memcpy(made, &query, sizeof(query));
	} else if (type == WEIR_PACKET_STATE) {
		const struct weir_packet_state state = state_of(fields);
		memcpy(made, &state, sizeof(state));
	}
	if (type != WEIR_PACKET_SHARE) {
		cr_assert_eq(*size, length);
		cr_assert_arr_eq(made, plaintext, length);
	}
	return plaintext;
}

static void assert_packet(const struct weir_aead *aead, const json_t *value,
	enum weir_packet_type type, uint32_t event)
{
	const uint64_t client = vectors_integer(value, "client");
	const struct weir_packet_keys keys =
		keys_of(agreement_of(client, vectors_integer(value, "aggregator")), "client_secret",
			"aggregator_public");
	const bool to_client = type == WEIR_PACKET_GRANT || type == WEIR_PACKET_STATE;
	const uint8_t *key = to_client ? keys.to_client : keys.to_aggregator;
	size_t size, length;
	uint8_t *expected = vectors_alloc(value, "datagram", &size);
	uint8_t *plaintext = plaintext_of(value, type, &length);
	struct weir_packet_header header = {
		.version = WEIR_PACKET_VERSION,
		.type = (uint8_t)type,
		.event = event,
		.client = (uint32_t)client,
		.chunk = weir_packet_chunk_field(type, field(value, "number")),
	};
	vectors_bytes(value, "nonce", &header.nonce, sizeof(header.nonce));
	cr_assert_eq(size, length + WEIR_PACKET_OVERHEAD);
	uint8_t *datagram = malloc(size);
	uint8_t *opened = malloc(length);
	uint8_t *ciphertext = datagram + sizeof(header);
	struct weir_aead_key schedule;
	memcpy(datagram, &header, sizeof(header));
	weir_aead_expand(aead, key, &schedule);
	weir_aead_seal(aead, &schedule, datagram + 12, datagram, sizeof(header), plaintext, length,
		ciphertext, ciphertext + length);
	cr_assert_eq(memcmp(datagram, expected, size), 0);
	cr_assert(weir_aead_open(aead, &schedule, expected + 12, expected, sizeof(header),
		expected + sizeof(header), length, opened, expected + size - WEIR_PACKET_TAG_SIZE));
	cr_assert_eq(memcmp(opened, plaintext, length), 0);
	free(opened);
	free(datagram);
	free(plaintext);
	free(expected);
}

Test(packet_vectors, each_type_of_packet)
{
	static const uint32_t numbers[] = {7, UINT32_MAX}; // of the event, in the two offers
	unsigned seen[WEIR_PACKET_STATE + 1] = {0};
	struct weir_aead *aead = weir_aead_new();
	json_t *value;
	size_t i;
	cr_assert_not_null(aead);
	json_array_foreach(vectors_member(root, "packets"), i, value)
	{
		const enum weir_packet_type type = type_of(vectors_text(value, "type"));
		assert_packet(aead, value, type, numbers[vectors_integer(value, "aggregator")]);
		seen[type]++;
	}
	for (int type = WEIR_PACKET_REQUEST; type <= WEIR_PACKET_STATE; type++)
		cr_assert_eq(seen[type], type == WEIR_PACKET_PARITY  ? 0
					 : type == WEIR_PACKET_QUERY ? 4
								     : 8);
	weir_aead_free(aead);
}

// The short last chunk is exactly as long as README says.
Test(packet_vectors, shares_are_as_long_as_their_chunk)
{
	json_t *value;
	size_t i, size;
	json_array_foreach(vectors_member(root, "packets"), i, value)
	{
		if (type_of(vectors_text(value, "type")) != WEIR_PACKET_SHARE)
			continue;
		free(vectors_alloc(value, "datagram", &size));
		cr_assert_eq(size, 40 + 8 * weir_chunk_length(20, 16, field(value, "number")));
	}
	cr_assert_eq(weir_chunk_count(20, 16), 2);
}
