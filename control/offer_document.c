// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// An aggregator's offer to take part in an event, README "Offer".

#include <errno.h>
#include <string.h>

#include "endpoint.h"
#include "json_read.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int check_offer(const struct weir_offer *offer, struct weir_document_error *error)
{
	struct sockaddr_storage address;
	socklen_t length;

	if (strnlen(offer->endpoint, sizeof(offer->endpoint)) == sizeof(offer->endpoint) ||
		weir_endpoint_parse(offer->endpoint, &address, &length) != 0)
		return weir_document_refuse(
			error, "offer: endpoint is not a numeric address and a port");
	if (strnlen(offer->url, sizeof(offer->url)) == sizeof(offer->url) ||
		!weir_url_is_valid(offer->url))
		return weir_document_refuse(error,
			"offer: url is not http:// or https:// with a host and perhaps a port");
	if (offer->number == 0 || offer->slots == 0 || offer->min_clients == 0)
		return weir_document_refuse(error, "offer: number, slots or min_clients is 0");
	return 0;
}

int weir_offer_parse(const char *text, struct weir_offer *offer, struct weir_document_error *error)
{
	uint32_t version;
	const struct weir_json_field fields[] = {
		{"version", WEIR_JSON_U32, &version, .least = 1, .most = 1},
		{"event", WEIR_JSON_HEX, offer->event.bytes, sizeof(offer->event.bytes)},
		{"aggregator", WEIR_JSON_HEX, offer->aggregator.bytes,
			sizeof(offer->aggregator.bytes)},
		{"key", WEIR_JSON_HEX, offer->key, sizeof(offer->key)},
		{"endpoint", WEIR_JSON_TEXT, offer->endpoint, sizeof(offer->endpoint)},
		{"url", WEIR_JSON_TEXT, offer->url, sizeof(offer->url)},
		{"number", WEIR_JSON_U32, &offer->number, .least = 1},
		{"slots", WEIR_JSON_U32, &offer->slots, .least = 1},
		{"min_clients", WEIR_JSON_U32, &offer->min_clients, .least = 1},
	};
	json_t *root;
	int rc;

	memset(offer, 0, sizeof(*offer));
	rc = weir_json_load(text, WEIR_OFFER_TEXT_MAX, "offer", &root, error);
	if (rc == 0)
		rc = weir_json_read(root, "offer", fields, COUNT(fields), error);
	json_decref(root);
	if (rc == 0)
		rc = check_offer(offer, error);
	if (rc != 0)
		memset(offer, 0, sizeof(*offer));
	return rc;
}

char *weir_offer_format(const struct weir_offer *offer)
{
	struct weir_document_error error;

	if (check_offer(offer, &error) != 0) {
		errno = EINVAL;
		return NULL;
	}
	json_t *root = json_pack("{s:i, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I}", "version", 1,
		"event", weir_json_hex(offer->event.bytes, sizeof(offer->event.bytes)),
		"aggregator",
		weir_json_hex(offer->aggregator.bytes, sizeof(offer->aggregator.bytes)), "key",
		weir_json_hex(offer->key, sizeof(offer->key)), "endpoint", offer->endpoint, "url",
		offer->url, "number", (json_int_t)offer->number, "slots", (json_int_t)offer->slots,
		"min_clients", (json_int_t)offer->min_clients);
	char *text = weir_json_text(root, WEIR_OFFER_TEXT_MAX);
	if (text == NULL)
		errno = ENOMEM; // the offer was checked: nothing else can have failed
	return text;
}
