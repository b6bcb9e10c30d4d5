// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The signed documents of control/README.md as structs: parse, check, format. Strict: unknown,
// missing or duplicate keys and values out of range are refused. Text is never re-serialised to be
// verified: digests and signatures are over the exact bytes received.
//
// Free of sockets and of the database; clients, the collector and the tests use it too.
// Every parse function returns 0, -EBADMSG (malformed or out of range) or -ENOMEM, with a sentence in
// error and the output zeroed (nothing to free).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fec.h"
#include "fixed_point.h"
#include "identity.h"
#include "modulus.h"

#define WEIR_AGGREGATORS_MAX 16
#define WEIR_COLLECTORS_MAX  64
#define WEIR_NAME_SIZE       64
#define WEIR_ENDPOINT_SIZE   64
#define WEIR_URL_SIZE        256

// Longest texts that are parsed or made, in bytes.
#define WEIR_EVENT_TEXT_MAX        (64 << 10)
#define WEIR_OFFER_TEXT_MAX        (4 << 10)
#define WEIR_JOIN_TEXT_MAX         (4 << 10)
#define WEIR_ANNOUNCEMENT_TEXT_MAX (1 << 20)

// What a signature or digest is for; weir_sign and weir_digest take it as context.
#define WEIR_CONTEXT_EVENT        "weir-event"
#define WEIR_CONTEXT_OFFER        "weir-offer"
#define WEIR_CONTEXT_OFFERS       "weir-offers"
#define WEIR_CONTEXT_ANNOUNCEMENT "weir-announcement"
#define WEIR_CONTEXT_JOIN         "weir-join"
#define WEIR_CONTEXT_ACCEPTANCE   "weir-acceptance"
#define WEIR_CONTEXT_RECEIPT      "weir-receipt"
#define WEIR_CONTEXT_SET          "weir-set"
#define WEIR_CONTEXT_LOG          "weir-log"
#define WEIR_CONTEXT_SHARE        "weir-aggregate-share"
#define WEIR_CONTEXT_REQUEST      "weir-request"

// A sentence in printable ASCII, whatever the refused document was.
struct weir_document_error {
	char message[256];
};

struct weir_event_terms {
	char job[WEIR_NAME_SIZE];
	uint32_t round;
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements;
	struct weir_fec_parameters fec; // zeros: none
	struct weir_encoding encoding;
	uint32_t max_clients;
	uint32_t max_weight;
	uint32_t min_clients;
	uint32_t target_clients;
	uint64_t announced_ms;
	uint64_t deadline_ms;
	uint64_t admit_timeout_ms;
	struct weir_identity aggregators[WEIR_AGGREGATORS_MAX]; // [0] leads
	size_t aggregator_count;
	struct weir_identity collectors[WEIR_COLLECTORS_MAX];
	size_t collector_count;
};

// Checks everything README says of an event, headroom included (min_clients of 1 is let through:
// whether to accept it is each appliance's policy).
int weir_event_terms_check(const struct weir_event_terms *terms, struct weir_document_error *error);
int weir_event_parse(const char *text, struct weir_event_terms *terms, struct weir_digest *digest,
	struct weir_document_error *error);
// A malloc'd text, or NULL with errno EINVAL (check fails) or ENOMEM.
char *weir_event_format(const struct weir_event_terms *terms);

// The place of that identity among the event's aggregators, or -1.
int weir_terms_aggregator(
	const struct weir_event_terms *terms, const struct weir_identity *identity);
bool weir_terms_has_collector(
	const struct weir_event_terms *terms, const struct weir_identity *identity);

struct weir_offer {
	struct weir_digest event;
	struct weir_identity aggregator;
	uint8_t key[32];
	char endpoint[WEIR_ENDPOINT_SIZE]; // address:port, numeric
	char url[WEIR_URL_SIZE];
	uint32_t number;
	uint32_t slots;
	uint32_t min_clients;
};

int weir_offer_parse(const char *text, struct weir_offer *offer, struct weir_document_error *error);
char *weir_offer_format(const struct weir_offer *offer);

// One document with its signature, as it travels.
struct weir_signed_text {
	char *text; // malloc'd
	uint8_t signature[WEIR_SIGNATURE_SIZE];
};

struct weir_announcement {
	struct weir_digest event_digest;
	struct weir_digest offers_digest;
	struct weir_event_terms terms;
	struct weir_offer offers[WEIR_AGGREGATORS_MAX];
	char *event_text;
	struct weir_signed_text signed_offers[WEIR_AGGREGATORS_MAX];
	uint8_t signature[WEIR_SIGNATURE_SIZE];
};

// Parses and verifies all signatures and cross references of an announcement (JSON object text).
// What it does not know: which aggregators the caller requires (weir_announcement_requires).
int weir_announcement_parse(const char *json, struct weir_announcement *announcement,
	struct weir_document_error *error);
// Builds and signs one from the event's text and the offers in order. Returns as parse does.
int weir_announcement_make(const char *event_text, const struct weir_signed_text *offers,
	size_t offer_count, const struct weir_signing_key *leader,
	struct weir_announcement *announcement, struct weir_document_error *error);
char *weir_announcement_format(const struct weir_announcement *announcement);
void weir_announcement_clear(struct weir_announcement *announcement);
// True if the event's aggregators are exactly this set and the first of them leads.
bool weir_announcement_requires(const struct weir_announcement *announcement,
	const struct weir_identity *aggregators, size_t count);

struct weir_join {
	struct weir_digest event;
	struct weir_digest offers;
	struct weir_identity identity;
	uint8_t key[32];
	uint32_t weight;
	struct weir_digest digest; // of the text; filled by parse
};

int weir_join_parse(const char *text, struct weir_join *join, struct weir_document_error *error);
char *weir_join_format(const struct weir_join *join);

// Contexts and messages of the two bare signatures.
int weir_acceptance_sign(const struct weir_signing_key *key, const struct weir_digest *event,
	const struct weir_digest *join, uint8_t signature[WEIR_SIGNATURE_SIZE]);
bool weir_acceptance_verify(const struct weir_identity *aggregator, const struct weir_digest *event,
	const struct weir_digest *join, const uint8_t signature[WEIR_SIGNATURE_SIZE]);
int weir_receipt_sign(const struct weir_signing_key *key, const struct weir_digest *event,
	const struct weir_digest *join, uint32_t batch, uint8_t signature[WEIR_SIGNATURE_SIZE]);
bool weir_receipt_verify(const struct weir_identity *aggregator, const struct weir_digest *event,
	const struct weir_digest *join, uint32_t batch,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);

// The committed-set digest, README "Committed-set digest".
struct weir_set_member {
	uint32_t index;
	uint32_t weight;
	struct weir_identity identity;
	struct weir_digest join;
};
// Both return 0, or -EIO; add leaves *set unchanged then.
int weir_set_digest_start(const struct weir_digest *event, struct weir_digest *set);
int weir_set_digest_add(struct weir_digest *set, uint32_t batch,
	const struct weir_set_member *members, size_t count);
