// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The aggregate share: only of what the log says is sealed, never for fewer clients than this
// appliance allows, once.

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate_share.h"
#include "control.h"
#include "log.h"
#include "random.h"
#include "report.h"

// What the dataplane holds is what the log says, or there is no share.
static const void *held_vector(struct event *event, size_t size)
{
	const struct dataplane_memory *memory = dataplane_link_memory(event->control->link);
	const struct weir_shm_event *shared = dataplane_memory_event(memory, event->number);
	const struct weir_event_machine *machine = &event->machine;
	const struct weir_shm_accumulator *held;
	const void *vector;

	held = shared ? dataplane_memory_held(memory, shared, size, &vector) : NULL;
	if (!held || atomic_load(&shared->state) != WEIR_SHM_EVENT_FROZEN)
		participant_break(event, "the dataplane does not hold the event");
	else if (atomic_load(&shared->held) >> 1 != machine->sealed_batch ||
		 held->batch != machine->sealed_batch)
		participant_break(event, "the dataplane holds batch %u, the log says %u",
			held->batch, machine->sealed_batch);
	else if (held->count != machine->counts[WEIR_CLIENT_SEALED] ||
		 held->weight != machine->sealed_weight ||
		 memcmp(held->set_digest, machine->sealed_digest.bytes, sizeof(held->set_digest)))
		participant_break(event, "the dataplane holds another set than the log says");
	else
		return vector;
	return NULL;
}

static int write_share(struct event *event, const void *vector)
{
	const struct weir_event_machine *machine = &event->machine;
	struct weir_aggregate_share share = {.event = event->digest,
		.aggregator = event->control->identity,
		.set_digest = machine->sealed_digest,
		.count = machine->counts[WEIR_CLIENT_SEALED],
		.weight = machine->sealed_weight,
		.modulus = event->terms.modulus,
		.dimension = event->terms.dimension,
		.elements = vector};
	size_t size = weir_aggregate_share_size(share.modulus, share.dimension);
	void *file = size ? malloc(size) : NULL;
	int error = file ? 0 : -ENOMEM;

	if (!error)
		error = weir_aggregate_share_write(&share, event->control->key, file);
	if (!error) {
		control_dirty(event->control);
		error = weir_store_share_put(event->control->store, &event->digest, file, size);
	}
	free(file);
	return error;
}

void publish_share(struct event *event)
{
	size_t element = weir_modulus_element_size(event->terms.modulus);
	uint32_t least = event->control->config->control.min_clients;
	const void *vector;
	int error;

	if (event->participant.share_stored || event->participant.broken[0] ||
		event->state != WEIR_EVENT_FROZEN)
		return;
	if (event->machine.counts[WEIR_CLIENT_SEALED] < least) {
		participant_break(event,
			"clients in the sum: %zu, this appliance's min_clients: %u",
			event->machine.counts[WEIR_CLIENT_SEALED], least);
		return;
	}
	vector = held_vector(event, event->terms.dimension * element);
	if (!vector)
		return;
	error = write_share(event, vector);
	if (!error)
		error = event_share_written(event);
	if (error)
		participant_break(
			event, "the aggregate share could not be written: %s", strerror(-error));
	else
		event->participant.share_stored = true;
}

void publish_durable(struct event *event)
{
	struct participant *participant = &event->participant;

	participant->share_durable = true;
	wait_list_wake(&event->share_waiters);
	// What could still decrypt or sum anything of this event goes now; the key in the store goes with
	// the event's end or within a second, for the others wait for us and not for the disk.
	weir_wipe(participant->key, sizeof(participant->key));
	participant->has_key = false;
	accepted_joins_clear(&participant->accepted);
	dataplane_link_batch(
		event->control->link, WEIR_LINK_EVENT_CLOSE, event->number, 0, NULL, NULL);
	participant->opened = participant->resumed = false;
	receipts_work(event);
	publish_report(event);
}

void publish_report(struct event *event)
{
	struct participant *participant = &event->participant;

	if (!participant->share_durable || participant->receipts.first ||
		participant->reported_published)
		return;
	participant->reported_published = true;
	report_published(event, &event->machine.sealed_digest);
}
