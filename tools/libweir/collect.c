// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "collect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leader_calls.h"
#include "sharing.h"
#include "terms.h"

#define WAIT_MOST_S 20

static const struct weir_http_peer *peer_of(
	const struct weir_client *client, const struct weir_identity *identity)
{
	for (size_t i = 0; i < client->aggregator_count; i++)
		if (weir_identity_equal(&client->aggregators[i].identity, identity))
			return &client->aggregators[i];
	return NULL; // not after the announcement's check
}

static bool is_same(const struct weir_digest *a, const struct weir_digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int check_share(struct weir_client *client, const struct weir_announcement *announcement,
	size_t i, const struct weir_collected *collected, struct weir_aggregate_share *share)
{
	struct weir_document_error error;
	const struct weir_event_terms *terms = &announcement->terms;
	const char *name = peer_of(client, &terms->aggregators[i])->name;
	int result =
		weir_aggregate_share_read(collected->bytes[i], collected->size[i], share, &error);
	if (result != 0)
		return weir_client_fail(client, result, "%s: its aggregate share is refused: %s",
			name, error.message);
	if (!weir_identity_equal(&share->aggregator, &terms->aggregators[i]))
		return weir_client_fail(client, -EBADMSG,
			"%s: gave the aggregate share of another aggregator", name);
	if (!is_same(&share->event, &announcement->event_digest))
		return weir_client_fail(
			client, -EBADMSG, "%s: gave an aggregate share of another event", name);
	if (share->modulus != terms->modulus || share->dimension != terms->dimension)
		return weir_client_fail(client, -EBADMSG,
			"%s: its aggregate share has another modulus or dimension than the event",
			name);
	if (share->count < terms->min_clients || share->count > terms->max_clients ||
		share->weight < share->count || share->weight > share->count * terms->max_weight)
		return weir_client_fail(client, -EBADMSG,
			"%s: its aggregate share counts %" PRIu64 " clients of weight %" PRIu64
			", which the event does not allow",
			name, share->count, share->weight);
	return 0;
}

int weir_collect_sum(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_collected *collected, void **elements,
	struct weir_aggregate_share *header)
{
	struct weir_aggregate_share shares[WEIR_AGGREGATORS_MAX];
	const void *vectors[WEIR_AGGREGATORS_MAX];
	const struct weir_event_terms *terms = &announcement->terms;
	*elements = NULL;
	for (size_t i = 0; i < terms->aggregator_count; i++) {
		int error = check_share(client, announcement, i, collected, &shares[i]);
		if (error != 0)
			return error;
		vectors[i] = shares[i].elements;
		if (!is_same(&shares[i].set_digest, &shares[0].set_digest) ||
			shares[i].count != shares[0].count || shares[i].weight != shares[0].weight)
			return weir_client_fail(client, -EBADMSG,
				"%s and %s published sums of different sets of clients: there is "
				"no "
				"aggregate",
				peer_of(client, &terms->aggregators[0])->name,
				peer_of(client, &terms->aggregators[i])->name);
	}
	*elements = malloc(terms->dimension * weir_modulus_element_size(terms->modulus));
	if (*elements == NULL)
		return weir_client_fail(client, -ENOMEM, "out of memory");
	int error = weir_reconstruct(client->kernels, terms->modulus, vectors,
		terms->aggregator_count, *elements, terms->dimension);
	if (error != 0) {
		free(*elements);
		*elements = NULL;
		return weir_client_fail(
			client, error, "cannot add the aggregate shares: %s", strerror(-error));
	}
	*header = shares[0];
	header->elements = NULL;
	return 0;
}

// Why a share is not there yet, from the leader: 0 it may still come, or the end.
static int check_alive(struct weir_client *client, const struct weir_digest *event)
{
	struct weir_event_view view;
	int error = weir_leader_event(client, event, &view);
	if (error != 0)
		return error;
	if (strcmp(view.state, "failed") == 0)
		error = weir_client_fail(client, -ESHUTDOWN, "the event failed: %s", view.reason);
	weir_event_view_clear(&view);
	return error;
}

// One aggregator's share, waiting for its publication until end_ms.
static int fetch(struct weir_client *client, const struct weir_announcement *announcement, size_t i,
	uint64_t end_ms, struct weir_collected *collected)
{
	const struct weir_event_terms *terms = &announcement->terms;
	const struct weir_http_peer *peer = peer_of(client, &terms->aggregators[i]);
	char target[160], hex[WEIR_CLIENT_ID_SIZE], code[32];
	weir_hex_encode(announcement->event_digest.bytes, WEIR_DIGEST_SIZE, hex);
	for (;;) {
		struct weir_http_answer answer;
		uint64_t now = weir_monotonic_ms();
		uint64_t left = now < end_ms ? (end_ms - now + 999) / 1000 : 0;
		unsigned wait_s = left > WAIT_MOST_S ? WAIT_MOST_S : (unsigned)left;
		snprintf(target, sizeof(target), "/v1/events/%s/aggregate-share?wait=%u", hex,
			wait_s);
		const struct weir_http_request request = {
			.method = "GET",
			.target = target,
			.wait_s = wait_s,
			.answer_limit = weir_aggregate_share_size(terms->modulus, terms->dimension),
		};
		int error =
			weir_http_exchange(client->http, peer, &request, &answer, client->message);
		if (error != 0)
			return error;
		if (answer.status == 200) {
			collected->bytes[i] = answer.body;
			collected->size[i] = answer.length;
			return 0;
		}
		json_t *root;
		error = weir_http_json(peer, &answer, &root, code, client->message);
		json_decref(root);
		weir_http_answer_free(&answer);
		if (error == 0)
			return weir_client_fail(client, -EBADMSG,
				"%s: did not answer with an aggregate share", peer->name);
		if (error != -EEXIST || strcmp(code, "not_published") != 0)
			return error;
		error = check_alive(client, &announcement->event_digest);
		if (error != 0)
			return error;
		if (weir_monotonic_ms() >= end_ms)
			return weir_client_fail(client, -EAGAIN,
				"%s: has not published its aggregate share yet; wait longer",
				peer->name);
		if (weir_monotonic_ms() - now < 100 &&
			(error = weir_client_pause(client, 200)) != 0)
			return error;
	}
}

static int fill(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_collected *collected, struct weir_client_aggregate *aggregate)
{
	struct weir_aggregate_share header;
	const struct weir_event_terms *terms = &announcement->terms;
	void *elements;
	int error = weir_collect_sum(client, announcement, collected, &elements, &header);
	if (error != 0)
		return error;
	aggregate->clients = header.count;
	aggregate->weight = header.weight;
	aggregate->dimension = terms->dimension;
	weir_hex_encode(header.set_digest.bytes, WEIR_DIGEST_SIZE, aggregate->set_digest);
	aggregate->integers = malloc(terms->dimension * sizeof(int64_t));
	if (aggregate->integers == NULL)
		error = weir_client_fail(client, -ENOMEM, "out of memory");
	for (uint64_t i = 0; i < terms->dimension && error == 0; i++)
		aggregate->integers[i] = weir_decode_element(terms->modulus,
			terms->encoding.is_signed, weir_element_get(terms->modulus, elements, i));
	free(elements);
	return error;
}

int weir_client_collect(struct weir_client *client, const char *event, unsigned wait_seconds,
	struct weir_client_aggregate *aggregate)
{
	struct weir_digest digest;
	struct weir_event_view view = {0};
	struct weir_collected collected = {0};
	memset(aggregate, 0, sizeof(*aggregate));
	int error = weir_event_id(client, event, &digest);
	if (error == 0)
		error = weir_leader_event(client, &digest, &view);
	if (error != 0)
		return error;
	uint64_t end_ms = weir_monotonic_ms() + (uint64_t)wait_seconds * 1000;
	size_t count = view.announcement.terms.aggregator_count;
	for (size_t i = 0; i < count && error == 0; i++) {
		weir_client_report(client, WEIR_CLIENT_COLLECTING, i, count);
		error = fetch(client, &view.announcement, i, end_ms, &collected);
	}
	if (error == 0)
		error = fill(client, &view.announcement, &collected, aggregate);
	if (error == 0) {
		weir_client_report(client, WEIR_CLIENT_COLLECTING, count, count);
		weir_terms_fill(&view, &aggregate->terms);
	}
	for (size_t i = 0; i < count; i++)
		free(collected.bytes[i]);
	weir_event_view_clear(&view);
	return error;
}

void weir_client_aggregate_reals(const struct weir_client_aggregate *aggregate, double *reals)
{
	for (uint64_t i = 0; i < aggregate->dimension; i++) {
		int64_t integer = aggregate->integers[i];
		double value =
			aggregate->terms.is_signed ? (double)integer : (double)(uint64_t)integer;
		reals[i] = aggregate->terms.is_fixed_point ? value / aggregate->terms.scale : value;
	}
}

void weir_client_aggregate_free(struct weir_client_aggregate *aggregate)
{
	free(aggregate->integers);
	memset(aggregate, 0, sizeof(*aggregate));
}
