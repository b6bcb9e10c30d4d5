// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "leader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "log.h"

static void timer_fired(void *context)
{
	event_stir(context);
}

struct leader *leader_new(struct event *event)
{
	struct leader *leader = calloc(1, sizeof(*leader));

	if (!leader)
		return NULL;
	if (key_table_init(&leader->pending) || key_table_init(&leader->by_digest) ||
		key_table_init(&leader->refused)) {
		free(leader);
		return NULL;
	}
	timer_init(&leader->timer, timer_fired, event);
	return leader;
}

void leader_free(struct event *event)
{
	struct leader *leader = event->leader;

	if (!leader)
		return;
	timer_stop(&event->control->timers, &leader->timer);
	leader_joins_clear(event);
	leader_receipts_clear(leader);
	for (size_t i = 0; i < leader->refused.capacity; i++)
		free(leader->refused.entries[i].value);
	key_table_clear(&leader->pending);
	key_table_clear(&leader->by_digest);
	key_table_clear(&leader->refused);
	for (size_t i = 0; i < leader->client_capacity; i++)
		free(leader->clients[i]);
	free(leader->clients);
	for (size_t i = 0; i < WEIR_AGGREGATORS_MAX; i++)
		free(leader->offers[i]);
	index_list_clear(&leader->asking);
	index_list_clear(&leader->ready);
	free(leader->admissions);
	free(leader);
	event->leader = NULL;
}

struct leader_client *leader_client(struct event *event, uint32_t client)
{
	struct leader *leader = event->leader;
	size_t aggregators = event->terms.aggregator_count;

	if (client >= event->terms.max_clients)
		return NULL;
	if (client >= leader->client_capacity) {
		size_t capacity = event->terms.max_clients;
		struct leader_client **grown = calloc(capacity, sizeof(*grown));

		if (!grown)
			return NULL;
		leader->clients = grown;
		leader->client_capacity = capacity;
	}
	if (!leader->clients[client])
		leader->clients[client] =
			calloc(1, sizeof(struct leader_client) + aggregators * WEIR_SIGNATURE_SIZE);
	return leader->clients[client];
}

void leader_fail(struct event *event, const char *format, ...)
{
	struct leader *leader = event->leader;
	va_list arguments;

	if (leader->failure[0] || event_ended(event))
		return;
	va_start(arguments, format);
	vsnprintf(leader->failure, sizeof(leader->failure), format, arguments);
	va_end(arguments);
	event_stir(event);
}

int leader_draft(struct control *control, const struct weir_event_terms *terms,
	struct event **event, struct weir_document_error *reason)
{
	struct weir_event_terms parsed;
	struct weir_digest digest;
	uint32_t number;
	int error = participant_policy(control, terms, reason);
	char *text;

	if (error)
		return error;
	number = participant_number(control, reason);
	if (!number)
		return -EAGAIN;
	text = weir_event_format(terms);
	error = text ? weir_event_parse(text, &parsed, &digest, reason) : -ENOMEM;
	if (!error) {
		*event = event_new(control, text, &parsed, &digest, number);
		error = *event ? 0 : -errno;
	}
	free(text);
	if (error == -EEXIST)
		snprintf(reason->message, sizeof(reason->message),
			"round %u of job %s was used already", terms->round, terms->job);
	else if (error)
		snprintf(reason->message, sizeof(reason->message), "cannot draft the event: %s",
			strerror(-error));
	else
		participant_open(*event);
	return error;
}

int leader_offer(struct event *event, size_t a, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_document_error *reason)
{
	const struct weir_identity *identity = &event->terms.aggregators[a];
	struct leader *leader = event->leader;
	struct weir_offer offer;
	int error = weir_offer_parse(text, &offer, reason);

	if (error)
		return error;
	if (memcmp(&offer.event, &event->digest, sizeof(offer.event)) ||
		!weir_identity_equal(&offer.aggregator, identity) ||
		!weir_verify(identity, "weir-offer", text, strlen(text), signature)) {
		snprintf(reason->message, sizeof(reason->message),
			"the offer is not this aggregator's for this event");
		return -EBADMSG;
	}
	if (leader->offers[a]) {
		if (!strcmp(leader->offers[a], text))
			return 0;
		snprintf(
			reason->message, sizeof(reason->message), "another offer was made already");
		return -EEXIST;
	}
	if (event->state != WEIR_EVENT_DRAFT) {
		snprintf(
			reason->message, sizeof(reason->message), "the event is no draft any more");
		return -EEXIST;
	}
	leader->offers[a] = strdup(text);
	if (!leader->offers[a])
		return -ENOMEM;
	memcpy(leader->offer_signatures[a], signature, WEIR_SIGNATURE_SIZE);
	leader->offered |= (uint16_t)(1u << a);
	event_stir(event);
	return 0;
}

void leader_refusal(struct event *event, size_t a, const char *reason)
{
	char name[64];

	leader_fail(event, "%s: %.180s",
		control_name(event->control, &event->terms.aggregators[a], name, sizeof(name)),
		reason);
}

static void note_complete(struct event *event, size_t a, uint32_t index)
{
	uint16_t all = (uint16_t)((1u << event->terms.aggregator_count) - 1);
	struct leader *leader = event->leader;
	struct leader_client *client = leader_client(event, index);

	if (!client || client->complete == all)
		return;
	client->complete |= (uint16_t)(1u << a);
	if (client->complete != all)
		return;
	if (index_list_add(&leader->ready, index)) {
		client->complete = 0;
		return;
	}
	event_timing_note(&event->timing, EVENT_STEP_ready);
	if (leader->ready.count == 1)
		leader->ready_since_ms = clock_monotonic_ms();
}

void leader_ask(struct event *event, uint32_t index)
{
	const struct weir_event_machine *machine = &event->machine;
	struct leader_client *client;

	if (index >= machine->client_count || machine->clients[index].state != WEIR_CLIENT_JOINED)
		return;
	client = leader_client(event, index);
	if (!client || client->asked || index_list_add(&event->leader->asking, index))
		return;
	client->asked = true;
	event_stir(event);
}

bool leader_is_admitted(struct event *event, uint32_t index)
{
	uint16_t all = (uint16_t)((1u << event->terms.aggregator_count) - 1);
	const struct leader_client *client = leader_client(event, index);
	enum weir_client_state state = event->machine.clients[index].state;

	return state != WEIR_CLIENT_JOINED &&
	       (state != WEIR_CLIENT_ADMITTED ||
		       (client && (client->admitted | client->complete) == all));
}

void leader_admitted(struct event *event, size_t a, const uint32_t *clients, size_t count)
{
	for (size_t i = 0; event->state == WEIR_EVENT_OPEN && i < count; i++) {
		struct leader_client *client = clients[i] < event->machine.client_count
						       ? leader_client(event, clients[i])
						       : NULL;

		if (!client)
			continue;
		client->admitted |= (uint16_t)(1u << a);
		if (leader_is_admitted(event, clients[i]))
			wait_list_wake(&client->waiters);
	}
}

void leader_completions(struct event *event, size_t a, const uint32_t *requested,
	size_t requested_count, const uint32_t *complete, size_t complete_count)
{
	const struct weir_event_machine *machine = &event->machine;

	if (event->state != WEIR_EVENT_OPEN)
		return;
	for (size_t i = 0; i < requested_count; i++)
		leader_ask(event, requested[i]);
	for (size_t i = 0; i < complete_count; i++)
		if (complete[i] < machine->client_count &&
			machine->clients[complete[i]].state == WEIR_CLIENT_ADMITTED)
			note_complete(event, a, complete[i]);
	event_stir(event);
}

void leader_batch(struct event *event, size_t a, uint32_t batch, bool lost)
{
	struct leader *leader = event->leader;

	if (event->state != WEIR_EVENT_OPEN || !batch || batch != event->machine.open_batch)
		return;
	if (lost)
		leader->lost = true;
	else
		leader->acknowledged |= (uint16_t)(1u << a);
	event_timing_note(&event->timing, EVENT_STEP_acknowledged);
	event_stir(event);
}

void leader_receipt(struct event *event, size_t a, uint32_t batch, uint32_t index,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	uint16_t all = (uint16_t)((1u << event->terms.aggregator_count) - 1);
	const struct weir_event_machine *machine = &event->machine;
	struct leader_client *client;

	if (index >= machine->client_count || machine->clients[index].state != WEIR_CLIENT_SEALED ||
		machine->clients[index].batch != batch)
		return;
	client = leader_client(event, index);
	if (!client || (client->received >> a & 1))
		return;
	if (weir_store_receipt_put(event->control->store, &event->digest, index,
		    &event->terms.aggregators[a], signature) == -EIO)
		log_event(event, "a receipt of client %u could not be written", index);
	control_dirty(event->control);
	memcpy(client->receipts[a], signature, WEIR_SIGNATURE_SIZE);
	client->received |= (uint16_t)(1u << a);
	if (client->received == all)
		wait_list_wake(&client->waiters);
}

void leader_published(struct event *event, size_t a, const struct weir_digest *set)
{
	char name[64];

	if (event->state != WEIR_EVENT_FROZEN)
		return;
	if (memcmp(set, &event->machine.sealed_digest, sizeof(*set))) {
		leader_fail(event, "%s published another set than the log's",
			control_name(
				event->control, &event->terms.aggregators[a], name, sizeof(name)));
		return;
	}
	event->leader->published |= (uint16_t)(1u << a);
	event_timing_note(&event->timing, EVENT_STEP_shares);
	event_stir(event);
}
