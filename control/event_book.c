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

#define KEEP_ENDED   8  // events that have ended and stay in memory
#define LOAD_ENTRIES 50 // of a recalled event's log in one turn: some 1 ms

int event_book_init(struct control *control)
{
	struct event_book *book = &control->book;
	uint64_t sequence;
	int error = key_table_init(&book->by_digest);

	if (!error)
		error = key_table_init(&book->collectors);
	if (!error)
		error = weir_store_counter_next(control->store, "event_sequence", &sequence);
	if (error)
		return error;
	book->sequence = sequence;
	control_dirty(control);
	return 0;
}

static void event_free(struct event *event)
{
	event_log_clear(event);
	leader_free(event);
	follower_stop(event);
	participant_clear(&event->participant);
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
	key_table_clear(&control->book.collectors);
	control->book = (struct event_book){0};
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
	weir_event_machine_init(&event->machine);
	event->used = ++control->book.uses;
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
	event->machine.find_verified = accepted_joins_find;
	event->machine.find_context = &event->participant.accepted;
	event->loaded = true;
	if (event_leads(event))
		event->leader = leader_new(event);
	else
		event->follower = follower_new(event);
	return event->leader || event->follower ? 0 : -ENOMEM;
}

// Out of the book and out of memory.
static void remove_event(struct event *event)
{
	struct event_book *book = &event->control->book;
	struct event **link = &book->first;

	while (*link != event)
		link = &(*link)->next;
	*link = event->next;
	key_table_remove(&book->by_digest, event->digest.bytes);
	event_free(event);
}

struct event *event_new(struct control *control, const char *text,
	const struct weir_event_terms *terms, const struct weir_digest *digest, uint32_t number)
{
	struct event *event;
	int error;

	if (key_table_get(&control->book.by_digest, digest->bytes)) {
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
		remove_event(event);
		errno = ENOMEM;
		return NULL;
	}
	event_changed(event);
	return event;
}

int event_aggregator(const struct event *event, const struct weir_identity *identity)
{
	return weir_terms_aggregator(&event->terms, identity);
}

bool event_has_collector(const struct event *event, const struct weir_identity *identity)
{
	return weir_terms_has_collector(&event->terms, identity);
}

static void note_forgotten(struct event_book *book, enum weir_event_state state, uint64_t sequence)
{
	book->forgotten[state]++;
	if (book->forgotten_until < sequence)
		book->forgotten_until = sequence;
}

// Whether it is the store's alone: nobody waits for it, and nothing of it is on its way.
static bool may_be_forgotten(const struct event *event)
{
	return event_ended(event) && event->sequence <= event->control->book.durable &&
	       !event->requests && !event->actions && !event->stirred && !event->working &&
	       !event->loading && follower_idle(event) &&
	       !dataplane_link_awaits(event->control->link, event);
}

// The one that was not used for longest, if there are more than memory keeps.
static struct event *one_too_many(const struct event_book *book)
{
	struct event *oldest = NULL;
	size_t count = 0;

	for (struct event *event = book->first; event; event = event->next) {
		if (!may_be_forgotten(event))
			continue;
		count++;
		if (!oldest || event->used < oldest->used)
			oldest = event;
	}
	return count > KEEP_ENDED ? oldest : NULL;
}

void event_book_trim(struct control *control)
{
	struct event *event;

	while ((event = one_too_many(&control->book))) {
		note_forgotten(&control->book, event->state, event->sequence);
		remove_event(event);
	}
}

int event_terms_stored(const struct weir_stored_event *stored, struct weir_event_terms *terms)
{
	struct weir_document_error error;
	struct weir_digest digest;

	if (!weir_event_parse(stored->text, terms, &digest, &error))
		return 0;
	log_line("the store holds an event that cannot be read: %s", error.message);
	return -EIO;
}

static int recall(void *context, const struct weir_stored_event *stored)
{
	struct control *control = context;
	struct weir_event_terms terms;
	struct event *event;
	int error = event_terms_stored(stored, &terms);

	if (error)
		return error;
	event = event_make(control, stored->text, &terms, &stored->digest, stored->number);
	if (!event)
		return -errno;
	event->state = event_state_parse(stored->state);
	event->sequence = stored->changed;
	snprintf(event->reason, sizeof(event->reason), "%s", stored->reason);
	control->book.forgotten[event->state]--;
	return 0;
}

int event_find(struct control *control, const struct weir_digest *digest, struct event **event)
{
	struct event_book *book = &control->book;
	int error = 0;

	*event = key_table_get(&book->by_digest, digest->bytes);
	if (!*event) {
		event_book_trim(control);
		error = weir_store_event_get(control->store, digest, recall, control);
		if (!error)
			*event = key_table_get(&book->by_digest, digest->bytes);
	}
	if (*event)
		(*event)->used = ++book->uses;
	return error;
}

struct event *event_running(const struct control *control, const struct weir_digest *digest)
{
	struct event *event = key_table_get(&control->book.by_digest, digest->bytes);

	return event && !event_ended(event) ? event : NULL;
}

int event_book_note_collectors(struct control *control, const struct weir_event_terms *terms)
{
	int error = 0;

	for (size_t i = 0; i < terms->collector_count && !error; i++)
		error = key_table_put(
			&control->book.collectors, terms->collectors[i].bytes, &control->book);
	return error;
}

bool event_book_has_collector(const struct control *control, const struct weir_identity *identity)
{
	return key_table_get(&control->book.collectors, identity->bytes);
}

size_t event_book_count(const struct control *control, enum weir_event_state state)
{
	size_t count = control->book.forgotten[state];

	for (const struct event *event = control->book.first; event; event = event->next)
		count += event->state == state;
	return count;
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

void event_load(struct event *event)
{
	struct event **last = &event->control->book.loading;

	if (event->loading || event->loaded || event->unreadable)
		return;
	while (*last)
		last = &(*last)->next_loading;
	*last = event;
	event->next_loading = NULL;
	event->loading = true;
	event->control->restless = true;
}

static void load_some(struct control *control)
{
	struct event *event = control->book.loading;
	int status;

	if (!event)
		return;
	control->restless = true;
	status = event_log_replay(event, LOAD_ENTRIES);
	if (status > 0)
		return;
	control->book.loading = event->next_loading;
	event->loading = false;
	event->loaded = !status;
	event->unreadable = status;
	wait_list_wake(&event->load_waiters);
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
	load_some(control);
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
		error = event_log_replay(event, SIZE_MAX);
	if (!error)
		error = participant_restore(event);
	if (!error && event->leader)
		error = leader_restore(event);
	if (!error && event->follower)
		follower_start(event);
	return error;
}

static int restore_one(void *context, const struct weir_stored_event *stored)
{
	struct control *control = context;
	struct event_book *book = &control->book;
	enum weir_event_state state = event_state_parse(stored->state);
	struct weir_event_terms terms;
	struct event *event;
	int error = event_terms_stored(stored, &terms);

	if (error)
		return error;
	if (state != WEIR_EVENT_DRAFT && event_book_note_collectors(control, &terms))
		return -ENOMEM;
	if (state == WEIR_EVENT_PUBLISHED || state == WEIR_EVENT_FAILED) {
		note_forgotten(book, state, stored->changed);
		return 0;
	}
	event = event_make(control, stored->text, &terms, &stored->digest, stored->number);
	if (!event)
		return -errno;
	event->sequence = stored->changed;
	event->state = WEIR_EVENT_DRAFT;
	return take_up(event);
}

int event_book_restore(struct control *control)
{
	int error = weir_store_events(control->store, 0, SIZE_MAX, restore_one, control);

	if (error)
		log_line("%s: cannot restore the events: %s%s", control->config->control.state,
			strerror(-error),
			error == -EBADMSG || error == -EPROTO
				? "; the store is damaged: restore it from a backup"
				: "");
	return error;
}
