// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "join.h"
#include "leader_calls.h"
#include "receipt.h"
#include "terms.h"

#define WAIT_MOST_S 20 // of one long-poll

static bool read_event(const json_t *one, struct weir_client_event *event)
{
	const char *id = json_string_value(json_object_get(one, "id"));
	const char *state = json_string_value(json_object_get(one, "state"));
	const char *job = json_string_value(json_object_get(one, "job"));
	struct weir_digest digest;
	if (id == NULL || state == NULL || job == NULL ||
		weir_hex_decode(id, digest.bytes, sizeof(digest.bytes)) != 0)
		return false;
	memset(event, 0, sizeof(*event));
	event->sequence = (uint64_t)json_integer_value(json_object_get(one, "sequence"));
	event->round = (uint32_t)json_integer_value(json_object_get(one, "round"));
	snprintf(event->id, sizeof(event->id), "%s", id);
	snprintf(event->state, sizeof(event->state), "%s", state);
	snprintf(event->job, sizeof(event->job), "%s", job);
	return true;
}

// Adds the events of an answer.
static int add_events(struct weir_client *client, const json_t *array,
	struct weir_client_event **events, size_t *count)
{
	size_t n = json_array_size(array);
	struct weir_client_event *grown;
	if (n == 0)
		return 0;
	grown = reallocarray(*events, *count + n, sizeof(**events));
	if (grown == NULL)
		return weir_client_fail(client, -ENOMEM, "out of memory");
	*events = grown;
	for (size_t i = 0; i < n; i++)
		if (!read_event(json_array_get(array, i), &grown[(*count)++]))
			return weir_client_fail(client, -EBADMSG,
				"%s: the list of events is malformed", client->aggregators[0].name);
	return 0;
}

// One long-poll. *more: the leader has further ones that it would tell of at once.
static int list_page(struct weir_client *client, uint64_t *after, unsigned wait_s,
	struct weir_client_event **events, size_t *count, bool *more)
{
	char target[128];
	json_t *root;
	snprintf(target, sizeof(target), "/v1/events?after=%" PRIu64 "&wait=%u", *after, wait_s);
	const struct weir_http_request request = {
		.method = "GET", .target = target, .wait_s = wait_s};
	const struct weir_http_peer *leader = &client->aggregators[0];
	int error =
		weir_http_call(client->http, leader, &request, &root, NULL, NULL, client->message);
	if (error != 0)
		return error;
	const json_t *array = json_object_get(root, "events");
	const json_t *next = json_object_get(root, "next");
	uint64_t then = (uint64_t)json_integer_value(next);
	*more = json_is_true(json_object_get(root, "more"));
	// More of the same, for ever, is no list.
	if (!json_is_array(array) || !json_is_integer(next) || (*more && then <= *after))
		error = weir_client_fail(
			client, -EBADMSG, "%s: the list of events is malformed", leader->name);
	else
		error = add_events(client, array, events, count);
	if (error == 0)
		*after = then;
	json_decref(root);
	return error;
}

static int list(struct weir_client *client, uint64_t *after, unsigned wait_s,
	struct weir_client_event **events, size_t *count)
{
	bool more = true;
	int error = 0;
	while (more && error == 0)
		error = list_page(client, after, *count > 0 ? 0 : wait_s, events, count, &more);
	if (error != 0) {
		free(*events);
		*events = NULL;
		*count = 0;
	}
	return error;
}

int weir_client_events(struct weir_client *client, uint64_t *after, unsigned wait_seconds,
	struct weir_client_event **events, size_t *count)
{
	*events = NULL;
	*count = 0;
	uint64_t end = weir_monotonic_ms() + (uint64_t)wait_seconds * 1000;
	for (;;) {
		uint64_t now = weir_monotonic_ms();
		uint64_t left = now < end ? (end - now + 999) / 1000 : 0;
		int error = list(client, after, left > WAIT_MOST_S ? WAIT_MOST_S : (unsigned)left,
			events, count);
		if (error != 0 || *count > 0 || weir_monotonic_ms() >= end)
			return error;
		// A server that answers early must not be asked in a tight loop.
		if (weir_monotonic_ms() - now < 100 &&
			(error = weir_client_pause(client, 200)) != 0)
			return error;
	}
}

int weir_client_latest(struct weir_client *client, unsigned wait_seconds, char *id)
{
	uint64_t after = 0, end = weir_monotonic_ms() + (uint64_t)wait_seconds * 1000;
	id[0] = '\0';
	for (;;) {
		struct weir_client_event *events;
		size_t count;
		uint64_t now = weir_monotonic_ms();
		unsigned left = now < end ? (unsigned)((end - now + 999) / 1000) : 0;
		int error =
			weir_client_events(client, &after, after == 0 ? 0 : left, &events, &count);
		if (error != 0)
			return error;
		for (size_t i = 0; i < count; i++)
			if (strcmp(events[i].state, "open") == 0)
				memcpy(id, events[i].id, WEIR_CLIENT_ID_SIZE);
			else if (strcmp(events[i].id, id) == 0)
				id[0] = '\0';
		free(events);
		if (id[0] != '\0')
			return 0;
		if (weir_monotonic_ms() >= end)
			return weir_client_fail(client, -ENOENT,
				"%s has no open event; name one, or try again when one is open",
				client->aggregators[0].name);
		if (count == 0 && (error = weir_client_pause(client, 200)) != 0)
			return error;
	}
}

void weir_terms_fill(const struct weir_event_view *view, struct weir_client_terms *terms)
{
	const struct weir_event_terms *from = &view->announcement.terms;
	memset(terms, 0, sizeof(*terms));
	weir_hex_encode(view->announcement.event_digest.bytes, WEIR_DIGEST_SIZE, terms->id);
	memcpy(terms->state, view->state, sizeof(terms->state));
	memcpy(terms->reason, view->reason, sizeof(terms->reason));
	memcpy(terms->job, from->job, sizeof(terms->job));
	terms->round = from->round;
	snprintf(terms->modulus, sizeof(terms->modulus), "%s", weir_modulus_name(from->modulus));
	terms->element_size = weir_modulus_element_size(from->modulus);
	terms->dimension = from->dimension;
	terms->is_fixed_point = from->encoding.is_fixed_point;
	terms->is_signed = from->encoding.is_signed;
	terms->scale = from->encoding.is_fixed_point ? from->encoding.scale : 1.0;
	terms->clip = from->encoding.is_fixed_point ? from->encoding.clip : 0.0;
	terms->bound = from->encoding.bound;
	terms->max_clients = from->max_clients;
	terms->min_clients = from->min_clients;
	terms->target_clients = from->target_clients;
	terms->max_weight = from->max_weight;
	terms->announced_ms = from->announced_ms;
	terms->deadline_ms = from->deadline_ms;
	terms->under_way = view->under_way;
	terms->sealed = view->sealed;
	terms->aborted = view->aborted;
}

int weir_client_terms(
	struct weir_client *client, const char *event, struct weir_client_terms *terms)
{
	struct weir_digest digest;
	struct weir_event_view view;
	memset(terms, 0, sizeof(*terms));
	int error = weir_event_id(client, event, &digest);
	if (error == 0)
		error = weir_leader_event(client, &digest, &view);
	if (error != 0)
		return error;
	weir_terms_fill(&view, terms);
	weir_event_view_clear(&view);
	return 0;
}

// This client's index from its receipt or its unfinished split. -ENOENT: it has none.
static int find_index(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_digest *event, uint32_t *index)
{
	struct weir_stored_receipt receipt;
	struct weir_split split;
	int error = weir_receipt_load(client, dir, event, &receipt);
	if (error == 0)
		*index = receipt.client;
	if (error != -ENOENT)
		return error;
	error = weir_split_open(dir, event, &split);
	if (error == -ENOENT)
		return error;
	if (error != 0)
		return weir_client_fail(client, error, "%s: the unfinished split is not usable: %s",
			dir->path, strerror(-error));
	error = weir_split_get_client(&split, index) ? 0 : -ENOENT;
	weir_split_close(dir, &split);
	return error;
}

int weir_client_status(
	struct weir_client *client, const char *event, struct weir_client_status *status)
{
	struct weir_digest digest;
	struct weir_state_dir dir;
	struct weir_client_view view;
	memset(status, 0, sizeof(*status));
	int error = weir_event_id(client, event, &digest);
	if (error == 0)
		error = weir_state_dir_open(&dir, client->state, client->message);
	if (error != 0)
		return error;
	error = find_index(client, &dir, &digest, &status->client);
	weir_state_dir_close(&dir);
	if (error == -ENOENT) {
		strcpy(status->state, "none");
		return 0;
	}
	if (error == 0)
		error = weir_leader_client(client, &digest, status->client, 0, &view);
	if (error != 0)
		return error;
	memcpy(status->state, view.state, sizeof(status->state));
	memcpy(status->reason, view.reason, sizeof(status->reason));
	status->batch = view.batch;
	for (size_t i = 0; i < client->aggregator_count; i++)
		status->receipts += view.has_receipt[i] &&
				    weir_receipt_verify(&client->aggregators[i].identity, &digest,
					    &view.join, view.batch, view.receipts[i]);
	return 0;
}
