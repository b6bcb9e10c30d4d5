// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A client's join, and the two bare signatures that aggregators give for it: README "Join",
// "Acceptance", "Receipt".

#include <errno.h>
#include <string.h>

#include "json_read.h"
#include "kernels.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int weir_join_parse(const char *text, struct weir_join *join, struct weir_document_error *error)
{
	uint32_t version;
	const struct weir_json_field fields[] = {
		{"version", WEIR_JSON_U32, &version, .least = 1, .most = 1},
		{"event", WEIR_JSON_HEX, join->event.bytes, sizeof(join->event.bytes)},
		{"offers", WEIR_JSON_HEX, join->offers.bytes, sizeof(join->offers.bytes)},
		{"identity", WEIR_JSON_HEX, join->identity.bytes, sizeof(join->identity.bytes)},
		{"key", WEIR_JSON_HEX, join->key, sizeof(join->key)},
		{"weight", WEIR_JSON_U32, &join->weight, .least = 1, .most = WEIR_WEIGHT_MAX},
	};
	json_t *root;
	int rc;

	memset(join, 0, sizeof(*join));
	rc = weir_json_load(text, WEIR_JOIN_TEXT_MAX, "join", &root, error);
	if (rc == 0)
		rc = weir_json_read(root, "join", fields, COUNT(fields), error);
	json_decref(root);
	if (rc == 0 && weir_digest(WEIR_CONTEXT_JOIN, text, strlen(text), &join->digest) != 0)
		rc = weir_document_no_memory(error);
	if (rc != 0)
		memset(join, 0, sizeof(*join));
	return rc;
}

char *weir_join_format(const struct weir_join *join)
{
	if (join->weight == 0 || join->weight > WEIR_WEIGHT_MAX) {
		errno = EINVAL;
		return NULL;
	}
	json_t *root = json_pack("{s:i, s:o, s:o, s:o, s:o, s:I}", "version", 1, "event",
		weir_json_hex(join->event.bytes, sizeof(join->event.bytes)), "offers",
		weir_json_hex(join->offers.bytes, sizeof(join->offers.bytes)), "identity",
		weir_json_hex(join->identity.bytes, sizeof(join->identity.bytes)), "key",
		weir_json_hex(join->key, sizeof(join->key)), "weight", (json_int_t)join->weight);
	char *text = weir_json_text(root, WEIR_JOIN_TEXT_MAX);
	if (text == NULL)
		errno = ENOMEM; // the join was checked: nothing else can have failed
	return text;
}

// event digest || join digest, for a receipt also || batch.
#define ACCEPTANCE_SIZE (2 * WEIR_DIGEST_SIZE)
#define RECEIPT_SIZE    (ACCEPTANCE_SIZE + 4)

static void receipt_message(const struct weir_digest *event, const struct weir_digest *join,
	uint32_t batch, uint8_t message[RECEIPT_SIZE])
{
	memcpy(message, event->bytes, WEIR_DIGEST_SIZE);
	memcpy(message + WEIR_DIGEST_SIZE, join->bytes, WEIR_DIGEST_SIZE);
	memcpy(message + ACCEPTANCE_SIZE, &batch, 4); // the host is little-endian
}

int weir_acceptance_sign(const struct weir_signing_key *key, const struct weir_digest *event,
	const struct weir_digest *join, uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	uint8_t message[RECEIPT_SIZE];

	receipt_message(event, join, 0, message);
	return weir_sign(key, WEIR_CONTEXT_ACCEPTANCE, message, ACCEPTANCE_SIZE, signature);
}

bool weir_acceptance_verify(const struct weir_identity *aggregator, const struct weir_digest *event,
	const struct weir_digest *join, const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	uint8_t message[RECEIPT_SIZE];

	receipt_message(event, join, 0, message);
	return weir_verify(
		aggregator, WEIR_CONTEXT_ACCEPTANCE, message, ACCEPTANCE_SIZE, signature);
}

int weir_receipt_sign(const struct weir_signing_key *key, const struct weir_digest *event,
	const struct weir_digest *join, uint32_t batch, uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	uint8_t message[RECEIPT_SIZE];

	receipt_message(event, join, batch, message);
	return weir_sign(key, WEIR_CONTEXT_RECEIPT, message, RECEIPT_SIZE, signature);
}

bool weir_receipt_verify(const struct weir_identity *aggregator, const struct weir_digest *event,
	const struct weir_digest *join, uint32_t batch,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	uint8_t message[RECEIPT_SIZE];

	receipt_message(event, join, batch, message);
	return weir_verify(aggregator, WEIR_CONTEXT_RECEIPT, message, RECEIPT_SIZE, signature);
}
