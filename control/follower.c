// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "event_log.h"
#include "json_read.h"
#include "log.h"

#define ENTRY_MAX      (1u << 20)
#define PAUSE_MS       1000  // after an answer that we cannot use
#define LOOK_AGAIN_MS  10000 // the deadline is by the wall clock, which may be set
#define EMPTY_PAUSE_MS 20    // a leader that does not wait must not keep us busy
#define POSTS_MANY     16    // that it has not answered: it is asked for nothing that makes more

struct post {
	struct post *next;
	json_t *body;
	char name[32];
};

struct follower {
	struct peer *leader;
	struct http_call *log_call, *joins_call, *post_call;
	struct post *posts, **last_post;
	size_t post_count;
	uint64_t joins_after;
	bool started, joins_started;
	bool checking;                     // the log's last entry is asked for again
	char instance[WEIR_INSTANCE_SIZE]; // of the leader that was told what we reported
	uint64_t heard_ms;                 // when the leader last told us of the log
	struct timer log_again, joins_again, silence;
};

static void follow_log(void *context);
static void follow_joins(void *context);
static void bear_silence(void *context);

struct follower *follower_new(struct event *event)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return NULL;
	follower->leader = control_peer(event->control, &event->terms.aggregators[0]);
	follower->last_post = &follower->posts;
	timer_init(&follower->log_again, follow_log, event);
	timer_init(&follower->joins_again, follow_joins, event);
	timer_init(&follower->silence, bear_silence, event);
	return follower;
}

static void pop_post(struct follower *follower)
{
	struct post *post = follower->posts;

	follower->posts = post->next;
	follower->post_count--;
	if (!follower->posts)
		follower->last_post = &follower->posts;
	json_decref(post->body);
	free(post);
}

static void ask_no_more(struct event *event)
{
	struct follower *follower = event->follower;
	struct timers *timers = &event->control->timers;

	http_call_cancel(follower->log_call);
	http_call_cancel(follower->joins_call);
	follower->log_call = follower->joins_call = NULL;
	timer_stop(timers, &follower->log_again);
	timer_stop(timers, &follower->joins_again);
	timer_stop(timers, &follower->silence);
}

void follower_stop(struct event *event)
{
	struct follower *follower = event->follower;

	if (!follower)
		return;
	ask_no_more(event);
	http_call_cancel(follower->post_call);
	while (follower->posts)
		pop_post(follower);
	free(follower);
	event->follower = NULL;
}

void follower_leave(struct event *event)
{
	struct follower *follower = event->follower;

	if (follower && follower->leader && follower->posts)
		ask_no_more(event);
	else
		follower_stop(event);
}

bool follower_idle(const struct event *event)
{
	return !event->follower || !event->follower->posts;
}

// A leader that was restarted has forgotten what was reported, and counts joins from 1 again.
static void notice_restart(struct event *event)
{
	struct follower *follower = event->follower;
	bool restarted = follower->instance[0] &&
			 strcmp(follower->instance, follower->leader->instance) != 0;

	if (restarted && follower->post_count >= POSTS_MANY)
		return; // noticed again when it has taken them
	memcpy(follower->instance, follower->leader->instance, sizeof(follower->instance));
	if (!restarted || event_ended(event))
		return;
	log_event(event, "the leader was restarted: reporting again");
	http_call_cancel(follower->joins_call);
	follower->joins_call = NULL;
	timer_stop(&event->control->timers, &follower->joins_again);
	follower->joins_after = 0;
	if (follower->joins_started)
		follow_joins(event);
	participant_repeat(event);
}

static void post_next(struct event *event);

static void posted(void *context, long status, const json_t *body)
{
	struct event *event = context;
	struct follower *follower = event->follower;
	const char *sentence = json_string_value(json_object_get(body, "error"));

	follower->post_call = NULL;
	if (status >= 300)
		log_event(event, "the leader refused our %s: %ld %s", follower->posts->name, status,
			sentence ? sentence : "");
	pop_post(follower);
	if (event_ended(event) && !follower->posts) {
		follower_stop(event); // abandoned, and the leader knows
		return;
	}
	notice_restart(event);
	post_next(event);
	event_stir(event); // what was gathered meanwhile
}

static void post_next(struct event *event)
{
	struct follower *follower = event->follower;
	char target[192];

	if (follower->post_call || !follower->posts || !follower->leader)
		return;
	snprintf(target, sizeof(target), "/v1/events/%s/%s", event->id, follower->posts->name);
	follower->post_call = http_client_send(event->control->client, follower->leader, "POST",
		target, json_incref(follower->posts->body), 0, posted, event);
}

void follower_post(struct event *event, const char *name, json_t *body)
{
	struct follower *follower = event->follower;
	struct post *post = body && follower ? calloc(1, sizeof(*post)) : NULL;

	if (!post) {
		log_event(event, "could not send our %s to the leader", name);
		json_decref(body);
		return;
	}
	post->body = body;
	snprintf(post->name, sizeof(post->name), "%s", name);
	*follower->last_post = post;
	follower->last_post = &post->next;
	follower->post_count++;
	post_next(event);
}

static void start_joins(struct event *event)
{
	struct follower *follower = event->follower;

	if (event->state != WEIR_EVENT_OPEN || follower->joins_started)
		return;
	follower->joins_started = true;
	follow_joins(event);
}

static int take_entry(struct event *event, json_t *item, struct weir_document_error *error)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	const char *text;
	const struct weir_json_field fields[] = {
		{"entry", WEIR_JSON_STRING, &text, ENTRY_MAX},
		{"signature", WEIR_JSON_HEX, signature, sizeof(signature)},
	};
	int status = weir_json_read(item, "log entry", fields, 2, error);

	return status ? status : event_follow(event, text, signature, error);
}

static void log_answered(void *context, long status, const json_t *body)
{
	struct event *event = context;
	struct follower *follower = event->follower;
	struct weir_document_error error = {"the answer is not one"};
	const json_t *entries = json_object_get(body, "entries");
	size_t i;
	json_t *item;

	follower->log_call = NULL;
	notice_restart(event);
	if (status == 403 || status == 404) {
		event_abandon(event, "the leader does not know the event (any more)");
		return;
	}
	if (status != 200 || !json_is_array(entries)) {
		timer_set(&event->control->timers, &follower->log_again,
			clock_monotonic_ms() + PAUSE_MS);
		return;
	}
	if (follower->checking && !json_array_size(entries)) {
		event_abandon(event, "the leader's log is shorter than ours");
		return;
	}
	json_array_foreach(entries, i, item)
	{
		if (event_ended(event))
			break; // nothing has a place behind an end
		if (take_entry(event, item, &error)) {
			event_abandon(event, error.message);
			return;
		}
	}
	// Nothing new: is the end of the log still what we have? A leader that lost some of it might
	// have nothing to say for ever.
	follower->heard_ms = clock_monotonic_ms();
	follower->checking = !i && event->machine.next_index;
	if (!event_ended(event) && i)
		follow_log(event);
	else if (!event_ended(event))
		timer_set(&event->control->timers, &follower->log_again,
			clock_monotonic_ms() + EMPTY_PAUSE_MS);
	start_joins(event);
}

static void follow_log(void *context)
{
	struct event *event = context;
	struct follower *follower = event->follower;
	uint64_t wait_ms = http_client_wait_ms(event->control->config);
	char target[192];

	if (follower->log_call || !follower->leader)
		return;
	snprintf(target, sizeof(target), "/v1/events/%s/log?from=%llu&wait=%llu", event->id,
		(unsigned long long)(event->machine.next_index - follower->checking),
		(unsigned long long)(follower->checking ? 0 : wait_ms / 1000));
	follower->log_call = http_client_send(event->control->client, follower->leader, "GET",
		target, NULL, wait_ms, log_answered, event);
}

// A leader that is away delays, but not for ever.
static void bear_silence(void *context)
{
	struct event *event = context;
	struct follower *follower = event->follower;
	uint64_t patience = event->control->config->control.leader_timeout_ms;
	uint64_t now = clock_monotonic_ms();
	char reason[128];

	timer_set(&event->control->timers, &follower->silence,
		now + (patience < LOOK_AGAIN_MS ? patience : LOOK_AGAIN_MS));
	if (event->participant.share_stored || now < follower->heard_ms + patience ||
		clock_wall_ms() < event->terms.deadline_ms)
		return;
	snprintf(reason, sizeof(reason),
		"given up: the leader has told nothing for %llu s, and the deadline has passed",
		(unsigned long long)(now - follower->heard_ms) / 1000);
	event_quit(event, reason);
}

static json_t *judge(struct event *event, json_t *item)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE], acceptance[WEIR_SIGNATURE_SIZE];
	char digest_hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)], hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];
	struct weir_document_error reason;
	struct weir_digest digest;
	struct weir_join join;
	const char *text;
	const struct weir_json_field fields[] = {
		{"join", WEIR_JSON_STRING, &text, ENTRY_MAX},
		{"signature", WEIR_JSON_HEX, signature, sizeof(signature)},
	};

	if (weir_json_read(item, "join", fields, 2, &reason) ||
		weir_digest("weir-join", text, strlen(text), &digest))
		return NULL;
	weir_hex_encode(digest.bytes, sizeof(digest.bytes), digest_hex);
	if (participant_consider(event, text, signature, &join, acceptance, &reason))
		return json_pack("{s:s, s:s}", "join", digest_hex, "refused", reason.message);
	weir_hex_encode(acceptance, sizeof(acceptance), hex);
	return json_pack("{s:s, s:s}", "join", digest_hex, "signature", hex);
}

static void joins_answered(void *context, long status, const json_t *body)
{
	struct event *event = context;
	struct follower *follower = event->follower;
	const json_t *joins = json_object_get(body, "joins");
	const json_t *next = json_object_get(body, "next");
	json_t *judged, *item, *verdict;
	size_t i;

	follower->joins_call = NULL;
	notice_restart(event);
	if (follower->joins_call)
		return; // what this answer says counts from another start
	if (status == 410)
		return; // no more joins
	if (status != 200 || !json_is_array(joins) || !json_is_integer(next)) {
		timer_set(&event->control->timers, &follower->joins_again,
			clock_monotonic_ms() + PAUSE_MS);
		return;
	}
	judged = json_array();
	json_array_foreach(joins, i, item)
	{
		verdict = judge(event, item);
		if (verdict)
			json_array_append_new(judged, verdict);
	}
	follower->joins_after = (uint64_t)json_integer_value(next);
	if (json_array_size(judged))
		follower_post(event, "acceptances", json_pack("{s:o}", "acceptances", judged));
	else
		json_decref(judged);
	if (i)
		follow_joins(event);
	else
		timer_set(&event->control->timers, &follower->joins_again,
			clock_monotonic_ms() + EMPTY_PAUSE_MS);
}

static void follow_joins(void *context)
{
	struct event *event = context;
	struct follower *follower = event->follower;
	uint64_t wait_ms = http_client_wait_ms(event->control->config);
	char target[192];

	if (follower->joins_call || event->state != WEIR_EVENT_OPEN || !follower->leader)
		return;
	if (follower->post_count >= POSTS_MANY) {
		timer_set(&event->control->timers, &follower->joins_again,
			clock_monotonic_ms() + EMPTY_PAUSE_MS);
		return;
	}
	snprintf(target, sizeof(target), "/v1/events/%s/joins?after=%llu&wait=%llu", event->id,
		(unsigned long long)follower->joins_after, (unsigned long long)(wait_ms / 1000));
	follower->joins_call = http_client_send(event->control->client, follower->leader, "GET",
		target, NULL, wait_ms, joins_answered, event);
}

void follower_start(struct event *event)
{
	struct follower *follower = event->follower;

	if (!follower || follower->started)
		return;
	follower->started = true;
	follower->heard_ms = clock_monotonic_ms();
	bear_silence(event);
	follow_log(event);
	start_joins(event); // of an event that was open when this process began
}
