// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The list of events: those that have ended long ago from the store, page by page, then what memory has.

#include <errno.h>
#include <stdlib.h>

#include "api.h"
#include "event_log.h"

#define PAGE_EVENTS 256 // of the store, in one answer

struct list {
	struct request *request;
	json_t *items;
	uint64_t next;  // what the caller asks for after this answer
	size_t visited; // of the store's
};

static bool may_see(const struct request *request, const struct weir_event_terms *terms,
	enum weir_event_state state)
{
	const struct weir_identity *caller = &request->caller;

	if ((request->access & API_OPERATOR) || weir_terms_aggregator(terms, caller) >= 0)
		return true;
	return state != WEIR_EVENT_DRAFT &&
	       ((request->access & API_MEMBER) || weir_terms_has_collector(terms, caller));
}

static void add_item(struct list *list, const char *id, const char *job, uint32_t round,
	enum weir_event_state state, uint64_t sequence)
{
	json_array_append_new(list->items,
		json_pack("{s:I, s:s, s:s, s:s, s:I}", "sequence", (json_int_t)sequence, "id", id,
			"state", weir_event_state_name(state), "job", job, "round",
			(json_int_t)round));
}

static void add_event(struct list *list, const struct event *event)
{
	const struct request *request = list->request;

	if (!may_see(request, &event->terms, event->state))
		return;
	add_item(list, event->id, event->terms.job, event->terms.round, event->state,
		event->sequence);
	if (event->state == WEIR_EVENT_DRAFT && event_aggregator(event, &request->caller) >= 0)
		json_object_set_new(json_array_get(list->items, json_array_size(list->items) - 1),
			"event", json_string(event->text));
}

// Whether the caller may see an event that only the store has: it has ended. Returns 1, 0 or -EIO.
static int may_see_stored(const struct request *request, const struct weir_stored_event *stored)
{
	struct weir_event_terms terms;
	int error;

	if (request->access & (API_OPERATOR | API_MEMBER))
		return 1;
	error = event_terms_stored(stored, &terms);
	return error ? error : may_see(request, &terms, WEIR_EVENT_FAILED);
}

static int list_stored(void *context, const struct weir_stored_event *stored)
{
	struct list *list = context;
	const struct event_book *book = &list->request->control->book;
	const struct event *event = key_table_get(&book->by_digest, stored->digest.bytes);
	char id[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	int visible;

	if (stored->changed > book->forgotten_until)
		return 1;
	list->next = stored->changed;
	list->visited++;
	if (event) { // unless it has changed since: then it comes with those of memory
		if (event->sequence <= book->forgotten_until)
			add_event(list, event);
		return 0;
	}
	visible = may_see_stored(list->request, stored);
	if (visible <= 0)
		return visible;
	weir_hex_encode(stored->digest.bytes, sizeof(stored->digest.bytes), id);
	add_item(list, id, stored->job, stored->round, event_state_parse(stored->state),
		stored->changed);
	return 0;
}

static int by_sequence(const void *a, const void *b)
{
	const struct event *const *left = a, *const *right = b;

	return ((*left)->sequence > (*right)->sequence) - ((*left)->sequence < (*right)->sequence);
}

// Those in memory that changed after that, in order. Returns 0 or -ENOMEM.
static int list_memory(struct list *list, uint64_t after)
{
	const struct event_book *book = &list->request->control->book;
	const struct event **events = calloc(book->by_digest.count + 1, sizeof(*events));
	size_t count = 0;

	if (!events)
		return -ENOMEM;
	for (const struct event *event = book->first; event; event = event->next)
		if (event->sequence > after)
			events[count++] = event;
	qsort(events, count, sizeof(*events), by_sequence);
	for (size_t i = 0; i < count; i++)
		add_event(list, events[i]);
	free(events);
	list->next = book->sequence;
	return 0;
}

// Returns 0, or -errno; *more: the store has further ones, to be asked for first.
static int fill(struct list *list, bool *more)
{
	struct request *request = list->request;
	const struct event_book *book = &request->control->book;
	int status = 0;

	*more = false;
	if (request->after < book->forgotten_until)
		status = weir_store_events(request->control->store, request->after + 1, PAGE_EVENTS,
			list_stored, list);
	if (status < 0)
		return status;
	*more = list->visited == PAGE_EVENTS;
	if (*more)
		return 0;
	return list_memory(list,
		request->after > book->forgotten_until ? request->after : book->forgotten_until);
}

void api_events(struct request *request)
{
	struct event_book *book = &request->control->book;
	struct list list = {.request = request, .items = json_array(), .next = request->after};
	bool more;
	int error = list.items ? fill(&list, &more) : -ENOMEM;
	json_t *answer;

	if (error) {
		json_decref(list.items);
		request_error(request, 500, error == -ENOMEM ? "memory" : "store", "%s",
			error == -ENOMEM ? "out of memory" : "the events cannot be read");
		return;
	}
	if (!json_array_size(list.items) && !more && request->after <= book->sequence &&
		request_wait(request, &book->change_waiters, 0)) {
		json_decref(list.items);
		return;
	}
	answer = json_pack("{s:I, s:o}", "next", (json_int_t)list.next, "events", list.items);
	if (more)
		json_object_set_new(answer, "more", json_true());
	request_answer(request, 200, answer);
}
