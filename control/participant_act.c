// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What an aggregator does once an entry of the log is durable here, and what it hears back.

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agreement.h"
#include "control.h"
#include "log.h"
#include "random.h"
#include "report.h"

enum {
	REPORTED_REQUESTED = 1,
	REPORTED_COMPLETE = 2,
	REPORTED_ADMITTED = 4, // where clients send without asking: events with fec
};

void participant_command_done(struct event *event, const char *command, int status, uint32_t detail)
{
	// After a broken link everything is said again.
	if (status && status != -ENOTCONN)
		participant_break(event, "the dataplane refused %s (client %u): %s", command,
			detail, strerror(-status));
}

static void added(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "to add clients", status, detail);
}

static void admitted(void *context, int status, uint32_t detail)
{
	const struct event *event = context;

	participant_command_done(context, "to admit clients", status, detail);
	if (!status && event->terms.fec.data)
		participant_scan(context);
}

static void aborted(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "to abort clients", status, detail);
}

static void commit_taken(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "a batch", status, detail);
}

static void rolled_back(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "to roll a batch back", status, detail);
	participant_scan(context); // slots of the batch may be complete still
}

static void sealed(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "to seal a batch", status, detail);
}

static void frozen(void *context, int status, uint32_t detail)
{
	struct event *event = context;

	participant_command_done(event, "to freeze", status, detail);
	if (status)
		return;
	event_timing_note(&event->timing, EVENT_STEP_frozen);
	publish_share(event);
}

void participant_flush(struct event *event)
{
	struct participant *participant = &event->participant;
	size_t size = participant->adding_count * sizeof(*participant->adding);

	if (!participant->adding_count)
		return;
	if (participant->resumed)
		dataplane_link_client_add(event->control->link, event->number, participant->adding,
			participant->adding_count, added, event);
	weir_wipe(participant->adding, size);
	participant->adding_count = 0;
}

void participant_add_client(struct event *event, uint32_t index, const struct weir_join *join)
{
	struct participant *participant = &event->participant;
	struct weir_packet_keys keys;
	struct weir_link_client *client;
	int error = 0;

	if (!participant->adding)
		participant->adding = calloc(WEIR_LINK_ADD_MAX, sizeof(*participant->adding));
	if (!participant->adding)
		error = -ENOMEM;
	else if (accepted_joins_take(&participant->accepted, &join->digest, &keys))
		error = weir_agree(participant->key, join->key, &event->digest, &join->identity,
			&event->control->identity, &keys);
	if (error) {
		participant_break(event, "no keys for client %u: %s", index, strerror(-error));
		return;
	}
	client = &participant->adding[participant->adding_count++];
	client->index = index;
	client->weight = join->weight;
	memcpy(client->key_to_aggregator, keys.to_aggregator, sizeof(keys.to_aggregator));
	memcpy(client->key_to_client, keys.to_client, sizeof(keys.to_client));
	weir_wipe(&keys, sizeof(keys));
	if (participant->adding_count == WEIR_LINK_ADD_MAX)
		participant_flush(event);
}

void participant_commit(struct event *event, uint32_t batch, const uint32_t *clients, size_t count,
	const struct event_totals *after)
{
	struct weir_link_commit command = {.event = event->number,
		.batch = batch,
		.count_after = after->count,
		.weight_after = after->weight,
		.count = (uint32_t)count};

	memcpy(command.set_digest_after, after->set_digest.bytes, sizeof(command.set_digest_after));
	dataplane_link_commit(event->control->link, &command, clients, commit_taken, event);
}

static void forget_reported(struct event *event, const struct weir_log_entry *entry)
{
	struct participant *participant = &event->participant;

	for (size_t i = 0; i < entry->client_count; i++)
		if (entry->clients[i] < participant->reported_capacity)
			participant->reported[entry->clients[i]] &= (uint8_t)~REPORTED_COMPLETE;
}

void participant_freeze(struct event *event)
{
	dataplane_link_batch(
		event->control->link, WEIR_LINK_FREEZE, event->number, 0, frozen, event);
}

void participant_end(struct event *event)
{
	struct participant *participant = &event->participant;

	weir_wipe(participant->key, sizeof(participant->key));
	participant->has_key = false;
	accepted_joins_clear(&participant->accepted);
	receipts_clear(&participant->receipts);
	if (participant->opened)
		dataplane_link_batch(
			event->control->link, WEIR_LINK_EVENT_CLOSE, event->number, 0, NULL, NULL);
	participant->opened = participant->resumed = false;
	participant_tidy_snapshots(event);
	if (event->state == WEIR_EVENT_FAILED)
		log_event(event, "failed: %s", event->reason);
	else
		log_event(event, "published: %llu clients",
			(unsigned long long)event->machine.counts[WEIR_CLIENT_SEALED]);
}

// What does not need the dataplane.
static void keep_books(struct event *event, const struct weir_log_entry *entry)
{
	if (entry->type == WEIR_ENTRY_ANNOUNCE) {
		log_event(event, "open (%s, round %u)", event->terms.job, event->terms.round);
	} else if (entry->type == WEIR_ENTRY_COMMIT) {
		receipts_commit(event, entry->batch, entry->clients, entry->client_count);
	} else if (entry->type == WEIR_ENTRY_ROLLBACK) {
		forget_reported(event, entry);
		receipts_rollback(event, entry->batch);
	} else if (entry->type == WEIR_ENTRY_SEALED) {
		receipts_sealed(event, entry->batch);
	}
}

static void seal(struct event *event, uint32_t batch)
{
	bool lost = event->participant.batch_on_disk == batch;

	if (!lost || !participant_restore_sealed(event))
		dataplane_link_batch(
			event->control->link, WEIR_LINK_SEAL, event->number, batch, sealed, event);
}

static void tell_dataplane(struct event *event, const struct action *action)
{
	const struct weir_log_entry *entry = &action->entry;
	struct dataplane_link *link = event->control->link;

	if (entry->type != WEIR_ENTRY_JOIN)
		participant_flush(event);
	switch (entry->type) {
	case WEIR_ENTRY_JOIN: participant_add_client(event, entry->client, &entry->join); break;
	case WEIR_ENTRY_ADMIT:
		dataplane_link_clients(link, WEIR_LINK_CLIENT_ADMIT, event->number, entry->clients,
			entry->client_count, admitted, event);
		break;
	case WEIR_ENTRY_ABORT:
		dataplane_link_clients(link, WEIR_LINK_CLIENT_ABORT, event->number, entry->clients,
			entry->client_count, aborted, event);
		break;
	case WEIR_ENTRY_COMMIT:
		participant_commit(
			event, entry->batch, entry->clients, entry->client_count, &action->after);
		break;
	case WEIR_ENTRY_ROLLBACK:
		dataplane_link_batch(
			link, WEIR_LINK_ROLLBACK, event->number, entry->batch, rolled_back, event);
		// Their slots are gone where the batch came back from a snapshot.
		dataplane_link_clients(link, WEIR_LINK_CLIENT_ADMIT, event->number, entry->clients,
			entry->client_count, admitted, event);
		break;
	case WEIR_ENTRY_SEALED: seal(event, entry->batch); break;
	case WEIR_ENTRY_FREEZE: participant_freeze(event); break;
	default: break;
	}
}

void participant_act(struct event *event, const struct action *action)
{
	const struct weir_log_entry *entry = &action->entry;
	struct participant *participant = &event->participant;

	if (entry->type == WEIR_ENTRY_FAILED || entry->type == WEIR_ENTRY_PUBLISHED) {
		participant_end(event);
		return;
	}
	if (participant->broken[0])
		return;
	if (action->resume) {
		participant_resume(event);
		return;
	}
	if (!entry->type) {
		publish_durable(event);
		return;
	}
	keep_books(event, entry);
	// Entries of this turn may come behind a resume that has told the dataplane what they say.
	if (participant->resumed && entry->index >= participant->told_until)
		tell_dataplane(event, action);
	if (entry->type == WEIR_ENTRY_ROLLBACK || entry->type == WEIR_ENTRY_SEALED) {
		participant->batch_on_disk = 0;
		participant_tidy_snapshots(event);
	}
}

// Notes what the dataplane says of one client, if the leader has not been told.
static void look(struct event *event, const struct weir_shm_client *client, uint32_t index)
{
	struct participant *participant = &event->participant;
	uint32_t state = atomic_load_explicit(&client->state, memory_order_acquire);
	uint8_t *reported = &participant->reported[index];
	uint8_t flag = state == WEIR_CLIENT_REQUESTED                           ? REPORTED_REQUESTED
		       : state == WEIR_CLIENT_COMPLETE                          ? REPORTED_COMPLETE
		       : state == WEIR_CLIENT_ADMITTED && event->terms.fec.data ? REPORTED_ADMITTED
										: 0;

	if (!flag || (*reported & flag))
		return;
	if (!index_list_add(flag == REPORTED_COMPLETE   ? &participant->complete
			    : flag == REPORTED_ADMITTED ? &participant->admitted
							: &participant->requested,
		    index)) {
		*reported |= flag;
		if (flag == REPORTED_COMPLETE)
			event_timing_note(&event->timing, EVENT_STEP_complete);
		event_stir(event);
	}
}

// The event's clients in shared memory, and our record as long as the log's list of clients.
static const struct weir_shm_client *clients_of(struct event *event)
{
	const struct dataplane_memory *memory = dataplane_link_memory(event->control->link);
	struct participant *participant = &event->participant;
	const struct weir_shm_event *shared;
	uint8_t *grown;

	if (!participant->resumed || participant->broken[0] || event->state != WEIR_EVENT_OPEN)
		return NULL;
	shared = dataplane_memory_event(memory, event->number);
	if (!shared || shared->max_clients < event->machine.client_count)
		return NULL;
	if (participant->reported_capacity < event->machine.client_count) {
		grown = realloc(participant->reported, event->terms.max_clients);
		if (!grown)
			return NULL;
		memset(grown + participant->reported_capacity, 0,
			event->terms.max_clients - participant->reported_capacity);
		participant->reported = grown;
		participant->reported_capacity = event->terms.max_clients;
	}
	return dataplane_memory_clients(memory, shared);
}

void participant_scan(struct event *event)
{
	const struct weir_shm_client *clients = clients_of(event);

	for (size_t i = 0; clients && i < event->machine.client_count; i++)
		look(event, &clients[i], (uint32_t)i);
}

void participant_doorbell(struct event *event, const uint32_t *indexes, uint32_t count)
{
	const struct weir_shm_client *clients;

	if (!count) {
		participant_scan(event);
		return;
	}
	clients = clients_of(event);
	for (uint32_t i = 0; clients && i < count; i++)
		if (indexes[i] < event->machine.client_count)
			look(event, &clients[indexes[i]], indexes[i]);
}

void participant_committed(struct event *event, uint32_t batch, int status)
{
	if (event->participant.broken[0] || event_ended(event))
		return;
	if (!status && batch == event->machine.open_batch) {
		event_timing_note(&event->timing, EVENT_STEP_committed);
		if (participant_snapshot(event))
			return;
		event->participant.committed_batch = batch;
	}
	if (status && status != -ENODATA)
		participant_break(event, "the dataplane could not commit batch %u: %s", batch,
			strerror(-status));
	else
		report_batch(event, batch, status == -ENODATA);
}

void participant_step(struct event *event)
{
	struct participant *participant = &event->participant;

	if (!report_idle(event))
		return;
	if (participant->admitted.count)
		report_admitted(event, participant->admitted.items, participant->admitted.count);
	if (participant->requested.count || participant->complete.count)
		report_completions(event, participant->requested.items,
			participant->requested.count, participant->complete.items,
			participant->complete.count);
	participant->requested.count = participant->complete.count = 0;
	participant->admitted.count = 0;
}
