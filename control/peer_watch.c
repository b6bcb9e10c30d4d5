// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "peer_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "follower.h"
#include "log.h"

#define PAUSE_MS       1000 // after an answer that we cannot use
#define EMPTY_PAUSE_MS 20
// So many are on their way at most: a peer that does not take them is asked for no more drafts.
#define REFUSALS_MOST 32

struct peer_watch {
	struct control *control;
	struct peer *peer;
	struct http_call *call;
	uint64_t after;
	bool refused;    // its last answer was a refusal
	size_t refusals; // of its drafts, that it has not answered
	struct timer again;
};

static void refuse_draft(
	struct peer_watch *watch, const char *id, const struct weir_document_error *reason);

static void take_draft(struct peer_watch *watch, const char *id, const char *text)
{
	struct control *control = watch->control;
	struct weir_document_error reason;
	struct weir_event_terms terms;
	struct weir_digest digest;
	struct event *event;
	uint32_t number;

	if (!dataplane_link_memory(control->link)->header)
		return; // looked at again when the dataplane is there
	if (weir_event_parse(text, &terms, &digest, &reason)) {
		refuse_draft(watch, id, &reason);
		return;
	}
	// A helper lists what it takes part in as well; the leader itself is who asks us.
	if (event_find(control, &digest, &event) != -ENOENT ||
		!weir_identity_equal(&terms.aggregators[0], &watch->peer->identity))
		return;
	number = participant_policy(control, &terms, &reason)
			 ? 0
			 : participant_number(control, &reason);
	if (!number) {
		refuse_draft(watch, id, &reason);
		return;
	}
	event = event_new(control, text, &terms, &digest, number);
	if (!event) {
		snprintf(reason.message, sizeof(reason.message), "%s",
			errno == EEXIST
				? "this appliance took part in that round of the job already"
				: strerror(errno));
		refuse_draft(watch, id, &reason);
		return;
	}
	follower_start(event);
	participant_open(event);
}

static void ask(void *context);

static void refusal_sent(void *context, long status, const json_t *body)
{
	struct peer_watch *watch = context;

	watch->refusals--;
	ask(watch);
}

static void refuse_draft(
	struct peer_watch *watch, const char *id, const struct weir_document_error *reason)
{
	char target[192];

	log_line("event %.12s of peer %s is refused: %s", id, watch->peer->config->name,
		reason->message);
	snprintf(target, sizeof(target), "/v1/events/%.64s/offer", id);
	if (http_client_send(watch->control->client, watch->peer, "POST", target,
		    json_pack("{s:s}", "refused", reason->message), 0, refusal_sent, watch))
		watch->refusals++;
}

static void take_event(struct peer_watch *watch, const json_t *item)
{
	const char *id = json_string_value(json_object_get(item, "id"));
	const char *state = json_string_value(json_object_get(item, "state"));
	const char *text = json_string_value(json_object_get(item, "event"));
	struct weir_digest digest;
	char computed[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];

	if (!id || !state || strcmp(state, "draft") || !text ||
		weir_digest("weir-event", text, strlen(text), &digest))
		return;
	weir_hex_encode(digest.bytes, sizeof(digest.bytes), computed);
	if (strcmp(id, computed))
		log_line("peer %s lists a draft under an id that is not its own",
			watch->peer->config->name);
	else
		take_draft(watch, id, text);
}

// Returns what to ask for next: with the rest of the list, if not all of it could be taken.
static uint64_t take_events(struct peer_watch *watch, const json_t *events, uint64_t next)
{
	uint64_t taken = watch->after;
	json_t *item;
	size_t i;

	json_array_foreach(events, i, item)
	{
		if (watch->refusals >= REFUSALS_MOST)
			return taken;
		take_event(watch, item);
		taken = (uint64_t)json_integer_value(json_object_get(item, "sequence"));
	}
	return next;
}

static void answered(void *context, long status, const json_t *body)
{
	struct peer_watch *watch = context;
	const json_t *events = json_object_get(body, "events");
	const json_t *next = json_object_get(body, "next");
	const char *sentence = json_string_value(json_object_get(body, "error"));
	uint64_t after;

	watch->call = NULL;
	if (status != 200 || !json_is_array(events) || !json_is_integer(next)) {
		if (!watch->refused)
			log_line("peer %s refuses to list its events: %ld %s; is this appliance "
				 "among its peers?",
				watch->peer->config->name, status, sentence ? sentence : "");
		watch->refused = true;
		timer_set(&watch->control->timers, &watch->again, clock_monotonic_ms() + PAUSE_MS);
		return;
	}
	after = take_events(watch, events, (uint64_t)json_integer_value(next));
	watch->refused = false;
	// A peer that counts from the beginning has lost its store: look at everything anew.
	watch->after = after < watch->after ? 0 : after;
	if (json_array_size(events))
		ask(watch);
	else // a peer that does not wait must not keep us busy
		timer_set(&watch->control->timers, &watch->again,
			clock_monotonic_ms() + EMPTY_PAUSE_MS);
}

static void ask(void *context)
{
	struct peer_watch *watch = context;
	uint64_t wait_ms = http_client_wait_ms(watch->control->config);
	char target[96];

	if (watch->call || watch->refusals >= REFUSALS_MOST)
		return;
	snprintf(target, sizeof(target), "/v1/events?after=%" PRIu64 "&wait=%" PRIu64, watch->after,
		wait_ms / 1000);
	watch->call = http_client_send(
		watch->control->client, watch->peer, "GET", target, NULL, wait_ms, answered, watch);
	if (!watch->call)
		timer_set(&watch->control->timers, &watch->again, clock_monotonic_ms() + PAUSE_MS);
}

int peer_watch_open(struct control *control)
{
	control->watches = calloc(control->peer_count + 1, sizeof(*control->watches));
	if (!control->watches)
		return -ENOMEM;
	for (size_t i = 0; i < control->peer_count; i++) {
		struct peer_watch *watch = &control->watches[i];

		watch->control = control;
		watch->peer = &control->peers[i];
		timer_init(&watch->again, ask, watch);
		ask(watch);
	}
	return 0;
}

void peer_watch_close(struct control *control)
{
	for (size_t i = 0; control->watches && i < control->peer_count; i++) {
		http_call_cancel(control->watches[i].call);
		timer_stop(&control->timers, &control->watches[i].again);
	}
	free(control->watches);
	control->watches = NULL;
}

void peer_watch_restart(struct control *control)
{
	for (size_t i = 0; control->watches && i < control->peer_count; i++) {
		struct peer_watch *watch = &control->watches[i];

		http_call_cancel(watch->call);
		watch->call = NULL;
		watch->after = 0;
		timer_stop(&control->timers, &watch->again);
		ask(watch);
	}
}
