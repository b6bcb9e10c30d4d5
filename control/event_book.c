// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event_book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "event_log.h"
#include "follower.h"
#include "log.h"

#define KEEP_ENDED 8 // events that have ended and stay in memory

int event_book_init(struct control *control)
{
	uint64_t sequence;
	int error = key_table_init(&control->book.by_digest);

	if (!error)
		error = weir_store_counter_next(control->store, "event_sequence", &sequence);
	if (error)
		return error;
	control->book.sequence = sequence;
	control_dirty(control);
	return 0;
}

static void event_free(struct event *event)
{
	event_log_clear(event);
	leader_free(event);
	follower_stop(event);
	participant_clear(&event->participant);
	if (event->loaded)
		weir_event_machine_clear(&event->machine);
	free(event->text);
	free(event);
}

void event_book_clear(struct control *control)
{
	struct event *event = control->book.first, *next;

	for (; event; event = next) {
		next = event->next;
		event_free(event);
	}
	key_table_clear(&control->book.by_digest);
	control->book = (struct event_book){0};
}

struct event *event_find(const struct control *control, const struct weir_digest *digest)
{
	return key_table_get(&control->book.by_digest, digest->bytes);
}

static struct event *event_make(struct control *control, const char *text,
	const struct weir_event_terms *terms, const struct weir_digest *digest, uint32_t number)
{
	struct event *event = calloc(1, sizeof(*event));
	int self;

	if (!event)
		return NULL;
	event->control = control;
	event->digest = *digest;
	weir_hex_encode(digest->bytes, sizeof(digest->bytes), event->id);
	event->terms = *terms;
	event->text = strdup(text);
	event->number = number;
	event->last_action = &event->actions;
	self = event_aggregator(event, &control->identity);
	event->self = (size_t)(self < 0 ? 0 : self);
	if (!event->text || self < 0 ||
		key_table_put(&control->book.by_digest, digest->bytes, event)) {
		free(event->text);
		free(event);
		errno = self < 0 ? EINVAL : ENOMEM;
		return NULL;
	}
	event->next = control->book.first;
	control->book.first = event;
	return event;
}

static int begin_part(struct event *event)
{
	if (accepted_joins_init(&event->participant.accepted))
		return -EIO;
	weir_event_machine_init(&event->machine);
	event->machine.find_verified = accepted_joins_find;
	event->machine.find_context = &event->participant.accepted;
	event->loaded = true;
	if (event_leads(event))
		event->leader = leader_new(event);
	else
		event->follower = follower_new(event);
	return event->leader || event->follower ? 0 : -ENOMEM;
}

// Takes an event that could not be made whole out of the book again.
static void unmake(struct event *event)
{
	struct event_book *book = &event->control->book;

	key_table_remove(&book->by_digest, event->digest.bytes);
	book->first = event->next;
	event_free(event);
}

struct event *event_new(struct control *control, const char *text,
	const struct weir_event_terms *terms, const struct weir_digest *digest, uint32_t number)
{
	struct event *event;
	int error;

	if (event_find(control, digest)) {
		errno = EEXIST;
		return NULL;
	}
	error = weir_store_event_add(control->store, digest, &terms->aggregators[0], terms->job,
		terms->round, text, number);
	if (error) {
		errno = -error;
		return NULL;
	}
	control_dirty(control);
	event = event_make(control, text, terms, digest, number);
	if (!event)
		return NULL;
	if (begin_part(event)) {
		unmake(event);
		errno = ENOMEM;
		return NULL;
	}
	event_changed(event);
	return event;
}

int event_aggregator(const struct event *event, const struct weir_identity *identity)
{
	for (size_t i = 0; i < event->terms.aggregator_count; i++)
		if (weir_identity_equal(&event->terms.aggregators[i], identity))
			return (int)i;
	return -1;
}

bool event_has_collector(const struct event *event, const struct weir_identity *identity)
{
	for (size_t i = 0; i < event->terms.collector_count; i++)
		if (weir_identity_equal(&event->terms.collectors[i], identity))
			return true;
	return false;
}

// Of ended events: what can be replayed from the store, and what only a running event needs.
static void unload(struct event *event)
{
	leader_free(event);
	follower_stop(event);
	participant_forget(&event->participant);
	if (event->loaded)
		weir_event_machine_clear(&event->machine);
	event->loaded = false;
}

void event_book_trim(struct control *control)
{
	size_t kept = 0;

	for (struct event *event = control->book.first; event; event = event->next)
		if (event->loaded && event_ended(event) && !event->actions &&
			kept++ >= KEEP_ENDED && follower_idle(event))
			unload(event);
}

void event_stir(struct event *event)
{
	struct event_book *book = &event->control->book;

	if (event->stirred)
		return;
	event->stirred = true;
	event->next_stirred = book->stirred;
	book->stirred = event;
	event->control->restless = true;
}

void event_work(struct event *event)
{
	struct event_book *book = &event->control->book;

	if (event->working)
		return;
	event->working = true;
	event->next_working = book->working;
	book->working = event;
	event->control->restless = true;
}

void event_book_work(struct control *control)
{
	struct event *event = control->book.working, *next;

	control->book.working = NULL;
	for (; event; event = next) {
		next = event->next_working;
		event->working = false;
		if (event_ended(event))
			continue;
		receipts_work(event);
		leader_receipts_work(event);
		publish_report(event);
	}
}

void event_book_step(struct control *control)
{
	struct event *event;

	while ((event = control->book.stirred)) {
		control->book.stirred = event->next_stirred;
		event->stirred = false;
		if (event_ended(event))
			continue;
		participant_step(event);
		if (event->leader)
			leader_step(event);
	}
}

// An event that had not ended when the process before this one did goes on from what its log says.
// What the dataplane has of it is looked at when the link is up.
static int take_up(struct event *event)
{
	int error = begin_part(event);

	if (!error)
		error = event_log_replay(event);
	if (!error)
		error = participant_restore(event);
	if (!error && event->leader)
		error = leader_restore(event);
	if (!error && event->follower)
		follower_start(event);
	return error;
}

static int restore_one(void *context, const struct weir_digest *digest,
	const struct weir_identity *leader, const char *text, const char *state, uint32_t number)
{
	struct control *control = context;
	struct weir_event_terms terms;
	struct weir_document_error error;
	struct weir_digest parsed;
	struct event *event;

	if (weir_event_parse(text, &terms, &parsed, &error)) {
		log_line("the store holds an event that cannot be read: %s", error.message);
		return -EIO;
	}
	event = event_make(control, text, &terms, digest, number);
	if (!event)
		return -errno;
	event->state = event_state_parse(state);
	event->sequence = ++control->book.sequence;
	if (event_ended(event))
		return 0;
	event->state = WEIR_EVENT_DRAFT;
	return take_up(event);
}

int event_book_restore(struct control *control)
{
	uint64_t value = control->book.sequence;
	int error = weir_store_events(control->store, restore_one, control);

	// Every event got a sequence of its own; the counter follows.
	while (!error && value < control->book.sequence)
		error = weir_store_counter_next(control->store, "event_sequence", &value);
	if (error)
		log_line("cannot restore the events: %s", strerror(-error));
	return error;
}
