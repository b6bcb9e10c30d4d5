// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Event and offers under the leader's signature, README "Announcement".

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "announcement_json.h"
#include "json_read.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void weir_announcement_clear(struct weir_announcement *announcement)
{
	free(announcement->event_text);
	for (size_t i = 0; i < WEIR_AGGREGATORS_MAX; i++)
		free(announcement->signed_offers[i].text);
	memset(announcement, 0, sizeof(*announcement));
}

// What the announcement's signature is over: event digest || offers digest.
static void signed_message(
	const struct weir_announcement *announcement, uint8_t message[2 * WEIR_DIGEST_SIZE])
{
	memcpy(message, announcement->event_digest.bytes, WEIR_DIGEST_SIZE);
	memcpy(message + WEIR_DIGEST_SIZE, announcement->offers_digest.bytes, WEIR_DIGEST_SIZE);
}

static int digest_offers(struct weir_announcement *announcement)
{
	struct weir_digest digests[WEIR_AGGREGATORS_MAX];
	const size_t count = announcement->terms.aggregator_count;

	for (size_t i = 0; i < count; i++) {
		const char *text = announcement->signed_offers[i].text;
		if (weir_digest(WEIR_CONTEXT_OFFER, text, strlen(text), &digests[i]) != 0)
			return -EIO;
	}
	return weir_digest(WEIR_CONTEXT_OFFERS, digests, count * sizeof(digests[0]),
		&announcement->offers_digest);
}

static int check_offer(
	const struct weir_announcement *announcement, size_t i, struct weir_document_error *error)
{
	const struct weir_signed_text *text = &announcement->signed_offers[i];
	const struct weir_offer *offer = &announcement->offers[i];

	if (memcmp(&offer->event, &announcement->event_digest, sizeof(offer->event)) != 0)
		return weir_document_refuse(
			error, "announcement: offer %zu is for another event", i);
	if (!weir_identity_equal(&offer->aggregator, &announcement->terms.aggregators[i]))
		return weir_document_refuse(
			error, "announcement: offer %zu is not of the aggregator in that place", i);
	if (!weir_verify(&offer->aggregator, WEIR_CONTEXT_OFFER, text->text, strlen(text->text),
		    text->signature))
		return weir_document_refuse(
			error, "announcement: offer %zu has a bad signature", i);
	return 0;
}

// Copies the texts and fills everything but the signature.
static int assemble(struct weir_announcement *announcement, const char *event_text,
	const struct weir_signed_text *offers, size_t offer_count,
	struct weir_document_error *error)
{
	int rc = weir_event_parse(
		event_text, &announcement->terms, &announcement->event_digest, error);

	if (rc != 0)
		return rc;
	if (offer_count != announcement->terms.aggregator_count)
		return weir_document_refuse(error, "announcement: %zu offers of %zu aggregators",
			offer_count, announcement->terms.aggregator_count);
	announcement->event_text = strdup(event_text);
	if (announcement->event_text == NULL)
		return weir_document_no_memory(error);
	for (size_t i = 0; i < offer_count; i++) {
		struct weir_signed_text *copy = &announcement->signed_offers[i];
		rc = weir_offer_parse(offers[i].text, &announcement->offers[i], error);
		if (rc != 0)
			return rc;
		copy->text = strdup(offers[i].text);
		if (copy->text == NULL)
			return weir_document_no_memory(error);
		memcpy(copy->signature, offers[i].signature, sizeof(copy->signature));
		rc = check_offer(announcement, i, error);
		if (rc != 0)
			return rc;
	}
	return digest_offers(announcement) == 0 ? 0 : weir_document_no_memory(error);
}

// Borrows the texts from the JSON.
static int read_offers(json_t *array, struct weir_signed_text offers[WEIR_AGGREGATORS_MAX],
	struct weir_document_error *error)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text;
		const struct weir_json_field fields[] = {
			{"offer", WEIR_JSON_STRING, &text, WEIR_OFFER_TEXT_MAX},
			{"signature", WEIR_JSON_HEX, offers[i].signature,
				sizeof(offers[i].signature)},
		};
		const int rc = weir_json_read(json_array_get(array, i), "announcement: an offer",
			fields, COUNT(fields), error);
		if (rc != 0)
			return rc;
		offers[i].text = (char *)text;
	}
	return 0;
}

static int read_announcement(
	json_t *value, struct weir_announcement *announcement, struct weir_document_error *error)
{
	struct weir_signed_text offers[WEIR_AGGREGATORS_MAX];
	struct weir_digest id;
	const char *event_text;
	json_t *array;
	uint8_t message[2 * WEIR_DIGEST_SIZE];
	const struct weir_json_field fields[] = {
		{"id", WEIR_JSON_HEX, id.bytes, sizeof(id.bytes)},
		{"event", WEIR_JSON_STRING, &event_text, WEIR_EVENT_TEXT_MAX},
		{"offers", WEIR_JSON_ARRAY, &array, WEIR_AGGREGATORS_MAX},
		{"signature", WEIR_JSON_HEX, announcement->signature,
			sizeof(announcement->signature)},
	};
	int rc = weir_json_read(value, "announcement", fields, COUNT(fields), error);

	if (rc == 0)
		rc = read_offers(array, offers, error);
	if (rc == 0)
		rc = assemble(announcement, event_text, offers, json_array_size(array), error);
	if (rc != 0)
		return rc;
	if (memcmp(&id, &announcement->event_digest, sizeof(id)) != 0)
		return weir_document_refuse(error, "announcement: id is not the event's digest");
	signed_message(announcement, message);
	if (!weir_verify(&announcement->terms.aggregators[0], WEIR_CONTEXT_ANNOUNCEMENT, message,
		    sizeof(message), announcement->signature))
		return weir_document_refuse(error, "announcement: bad signature of the leader");
	return 0;
}

int weir_announcement_from_json(
	json_t *value, struct weir_announcement *announcement, struct weir_document_error *error)
{
	memset(announcement, 0, sizeof(*announcement));
	const int rc = read_announcement(value, announcement, error);
	if (rc != 0)
		weir_announcement_clear(announcement);
	return rc;
}

int weir_announcement_parse(
	const char *json, struct weir_announcement *announcement, struct weir_document_error *error)
{
	json_t *root;
	int rc;

	memset(announcement, 0, sizeof(*announcement));
	rc = weir_json_load(json, WEIR_ANNOUNCEMENT_TEXT_MAX, "announcement", &root, error);
	if (rc == 0)
		rc = weir_announcement_from_json(root, announcement, error);
	json_decref(root);
	return rc;
}

static int sign_announcement(struct weir_announcement *announcement,
	const struct weir_signing_key *leader, struct weir_document_error *error)
{
	uint8_t message[2 * WEIR_DIGEST_SIZE];

	if (!weir_identity_equal(
		    weir_signing_key_identity(leader), &announcement->terms.aggregators[0]))
		return weir_document_refuse(
			error, "announcement: the signer is not the first aggregator");
	signed_message(announcement, message);
	if (weir_sign(leader, WEIR_CONTEXT_ANNOUNCEMENT, message, sizeof(message),
		    announcement->signature) != 0)
		return weir_document_no_memory(error);
	return 0;
}

int weir_announcement_make(const char *event_text, const struct weir_signed_text *offers,
	size_t offer_count, const struct weir_signing_key *leader,
	struct weir_announcement *announcement, struct weir_document_error *error)
{
	memset(announcement, 0, sizeof(*announcement));
	int rc = assemble(announcement, event_text, offers, offer_count, error);
	if (rc == 0)
		rc = sign_announcement(announcement, leader, error);
	if (rc != 0)
		weir_announcement_clear(announcement);
	return rc;
}

json_t *weir_announcement_to_json(const struct weir_announcement *announcement)
{
	json_t *offers = json_array();

	for (size_t i = 0; i < announcement->terms.aggregator_count; i++) {
		const struct weir_signed_text *offer = &announcement->signed_offers[i];
		json_array_append_new(
			offers, json_pack("{s:s, s:o}", "offer", offer->text, "signature",
					weir_json_hex(offer->signature, sizeof(offer->signature))));
	}
	if (json_array_size(offers) != announcement->terms.aggregator_count) { // memory ran out
		json_decref(offers);
		return NULL;
	}
	return json_pack("{s:o, s:s, s:o, s:o}", "id",
		weir_json_hex(announcement->event_digest.bytes, WEIR_DIGEST_SIZE), "event",
		announcement->event_text, "offers", offers, "signature",
		weir_json_hex(announcement->signature, sizeof(announcement->signature)));
}

char *weir_announcement_format(const struct weir_announcement *announcement)
{
	return weir_json_text(weir_announcement_to_json(announcement), WEIR_ANNOUNCEMENT_TEXT_MAX);
}

bool weir_announcement_requires(const struct weir_announcement *announcement,
	const struct weir_identity *aggregators, size_t count)
{
	const struct weir_event_terms *terms = &announcement->terms;

	// The event's are distinct: if each of them is required and the numbers agree, so are the
	// required ones, and the sets are the same.
	if (count != terms->aggregator_count ||
		!weir_identity_equal(&aggregators[0], &terms->aggregators[0]))
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;
		while (j < count && !weir_identity_equal(&terms->aggregators[i], &aggregators[j]))
			j++;
		if (j == count)
			return false;
	}
	return true;
}
