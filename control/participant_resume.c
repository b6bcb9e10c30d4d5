// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// After a restart: of this process, of its dataplane, of the leader. The log says what has happened;
// each of the three is brought to that by what it may have been told before.

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "index_list.h"
#include "log.h"
#include "report.h"

// Our offer: the announcement has it, or of a draft, the store.
static int restore_offer(struct event *event)
{
	struct participant *participant = &event->participant;
	const struct weir_event_machine *machine = &event->machine;
	struct weir_document_error error;
	struct weir_offer offer;
	int status = 0;

	if (machine->announcement.event_text)
		participant->offer = strdup(machine->announcement.signed_offers[event->self].text);
	else
		status = weir_store_offer_get(
			event->control->store, &event->digest, &participant->offer);
	if (status == -ENOENT)
		return 0; // not made yet
	if (!participant->offer)
		return status ? status : -ENOMEM;
	status = weir_offer_parse(participant->offer, &offer, &error);
	if (status)
		return status;
	participant->slots = offer.slots;
	return weir_sign(event->control->key, "weir-offer", participant->offer,
		strlen(participant->offer), participant->offer_signature);
}

static int restore_share(struct event *event)
{
	struct participant *participant = &event->participant;
	void *share;
	size_t size;
	int status = weir_store_share_get(event->control->store, &event->digest, &share, &size);

	free(share);
	participant->share_stored = participant->share_durable = !status;
	return status == -ENOENT ? 0 : status;
}

int participant_restore(struct event *event)
{
	struct participant *participant = &event->participant;
	int status = restore_offer(event);

	if (!status)
		status = restore_share(event);
	if (status)
		return status;
	receipts_repeat(event);
	event_work(event);
	if (!participant->offer || participant->share_durable)
		return 0;
	status = weir_store_key_get(event->control->store, &event->digest, participant->key);
	participant->has_key = !status;
	if (status == -ENOENT)
		participant_break(event, "the store has lost the event's key");
	return status == -ENOENT ? 0 : status;
}

// What the leader has been told of completions counts no more.
static void repeat_completions(struct event *event)
{
	struct participant *participant = &event->participant;

	if (participant->reported_capacity)
		memset(participant->reported, 0, participant->reported_capacity);
	participant_scan(event);
}

static int list_clients(const struct weir_event_machine *machine, enum weir_client_state state,
	struct index_list *list)
{
	for (uint32_t i = 0; i < machine->client_count; i++)
		if (machine->clients[i].state == state && index_list_add(list, i))
			return -ENOMEM;
	return 0;
}

static void told(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "what had happened in the event", status, detail);
}

static void tell_clients(
	struct event *event, enum weir_link_type type, enum weir_client_state state)
{
	struct index_list list = {0};

	if (list_clients(&event->machine, state, &list))
		participant_break(event, "out of memory");
	else
		dataplane_link_clients(event->control->link, type, event->number, list.items,
			list.count, told, event);
	index_list_clear(&list);
}

static void tell_batch(struct event *event, enum weir_link_type type, uint32_t batch)
{
	dataplane_link_batch(event->control->link, type, event->number, batch, told, event);
}

// What the dataplane holds, by batches. It may be computing one, so that is looked at first.
struct holding {
	uint32_t stray;  // a batch that the log has rolled back, or 0
	uint32_t sealed; // the batch below the stray or open one
	bool has_open;   // it has begun the batch that is open by the log
};

static struct holding look_at(
	const struct weir_event_machine *machine, const struct weir_shm_event *shared)
{
	uint32_t open = atomic_load(&shared->open_batch);
	uint64_t held = atomic_load(&shared->held);
	uint32_t batch = (uint32_t)(held >> 1);
	struct holding holding = {.sealed = batch};

	holding.has_open = machine->open_batch &&
			   (open == machine->open_batch || batch == machine->open_batch);
	// One that is open there may be sealed by now: others were the last to hold it.
	if (open > machine->sealed_batch && open != machine->open_batch)
		holding.stray = open;
	else if (batch > machine->sealed_batch && batch != machine->open_batch)
		holding.stray = batch;
	if (batch && (batch == machine->open_batch || batch == holding.stray))
		holding.sealed = shared->accumulators[(held & 1) ^ 1].batch;
	return holding;
}

// Brings the dataplane to the batch that the log has sealed. False: it cannot be brought there.
static bool settle(struct event *event, const struct holding *holding)
{
	const struct weir_event_machine *machine = &event->machine;

	if (holding->stray > machine->last_batch) {
		participant_break(event,
			"the dataplane holds batch %u, which the log does not know",
			holding->stray);
		return false;
	}
	if (holding->stray)
		tell_batch(event, WEIR_LINK_ROLLBACK, holding->stray);
	if (holding->sealed != machine->sealed_batch && participant_restore_sealed(event))
		return false;
	if (machine->sealed_batch && !holding->has_open) // else it was sealed before that began
		tell_batch(event, WEIR_LINK_SEAL, machine->sealed_batch);
	return true;
}

// One that is in its snapshot only stays there until it is sealed, or is forgotten when it is rolled
// back: its clients get their slots again then.
static void tell_open_batch(struct event *event, bool has_begun)
{
	const struct weir_event_machine *machine = &event->machine;
	struct participant *participant = &event->participant;
	struct event_totals totals;

	if (!has_begun && participant_batch_is_on_disk(event)) {
		participant->batch_on_disk = participant->committed_batch = machine->open_batch;
		report_batch(event, machine->open_batch, false);
		return;
	}
	tell_clients(event, WEIR_LINK_CLIENT_ADMIT, WEIR_CLIENT_COMMITTED);
	event_open_totals(machine, &totals);
	participant_commit(
		event, machine->open_batch, machine->open_clients, machine->open_count, &totals);
}

void participant_resume(struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;
	struct participant *participant = &event->participant;
	const struct weir_shm_event *shared =
		dataplane_memory_event(dataplane_link_memory(event->control->link), event->number);
	struct holding holding;

	if (event_ended(event) || !participant->opened)
		return;
	participant->adding_count = 0;
	participant->told_until = machine->next_index;
	participant->batch_on_disk = 0;
	participant->resumed = true;
	if (event->state == WEIR_EVENT_DRAFT)
		return;
	if (!shared) {
		participant_break(event, "the dataplane does not hold the event");
		return;
	}
	holding = look_at(machine, shared);
	for (uint32_t i = 0; i < machine->client_count; i++)
		participant_add_client(event, i, &machine->clients[i].join);
	participant_flush(event);
	if (participant->broken[0] || !settle(event, &holding))
		return;
	if (event->state == WEIR_EVENT_OPEN) {
		tell_clients(event, WEIR_LINK_CLIENT_ABORT, WEIR_CLIENT_ABORTED);
		tell_clients(event, WEIR_LINK_CLIENT_ADMIT, WEIR_CLIENT_ADMITTED);
		if (machine->open_batch)
			tell_open_batch(event, holding.has_open);
	} else {
		participant_freeze(event);
	}
	if (machine->client_count)
		log_event(event, "resumed: %zu clients, %zu of them sealed", machine->client_count,
			machine->counts[WEIR_CLIENT_SEALED]);
	repeat_completions(event);
}

void participant_repeat(struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;
	struct participant *participant = &event->participant;

	if (participant->broken[0]) {
		report_refused(event, participant->broken);
		return;
	}
	if (event->state == WEIR_EVENT_DRAFT && participant->offer)
		report_offer(event);
	repeat_completions(event);
	if (machine->open_batch && participant->committed_batch == machine->open_batch)
		report_batch(event, machine->open_batch, false);
	receipts_repeat(event);
	participant->reported_published = false;
	event_work(event);
}
