// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// durability = "disk": what the dataplane's accumulator holds is in a file before anybody is told that
// the batch is there, and comes back from it when the dataplane's memory is lost.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "log.h"
#include "report.h"
#include "snapshot.h"

static const char *directory_of(const struct event *event)
{
	return event->control->config->control.state;
}

static bool on_disk(const struct event *event)
{
	return event->control->config->control.durability == WEIR_DURABILITY_DISK;
}

static struct snapshot_header header_of(const struct event *event, uint32_t batch, uint64_t count,
	uint64_t weight, const struct weir_digest *set)
{
	return (struct snapshot_header){.event = event->digest,
		.set_digest = *set,
		.count = count,
		.weight = weight,
		.dimension = event->terms.dimension,
		.modulus = event->terms.modulus,
		.batch = batch};
}

static struct snapshot_header open_header(const struct event *event)
{
	struct event_totals totals;

	event_open_totals(&event->machine, &totals);
	return header_of(
		event, event->machine.open_batch, totals.count, totals.weight, &totals.set_digest);
}

static struct snapshot_header sealed_header(const struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;

	return header_of(event, machine->sealed_batch, machine->counts[WEIR_CLIENT_SEALED],
		machine->sealed_weight, &machine->sealed_digest);
}

// What the dataplane holds, if that is the open batch as the log has it.
static const void *held_vector(struct event *event, const struct snapshot_header *open)
{
	const struct dataplane_memory *memory = dataplane_link_memory(event->control->link);
	const struct weir_shm_event *shared = dataplane_memory_event(memory, event->number);
	size_t size = event->terms.dimension * weir_modulus_element_size(event->terms.modulus);
	const struct weir_shm_accumulator *held;
	const void *vector;

	held = shared ? dataplane_memory_held(memory, shared, size, &vector) : NULL;
	if (held && held->batch == open->batch && held->count == open->count &&
		held->weight == open->weight &&
		!memcmp(held->set_digest, open->set_digest.bytes, sizeof(held->set_digest)))
		return vector;
	participant_break(event, "the dataplane holds another set than the log says");
	return NULL;
}

int participant_snapshot(struct event *event)
{
	struct snapshot_header header = open_header(event);
	const void *vector;
	int error;

	if (!on_disk(event) || event->participant.committed_batch == header.batch)
		return 0; // or written when it was first committed
	vector = held_vector(event, &header);
	if (!vector)
		return -EBADMSG;
	error = snapshot_write(directory_of(event), &header, vector);
	if (error) {
		log_event(event,
			"%s: the snapshot of batch %u cannot be written: %s; stopping; %s and "
			"start it again",
			directory_of(event), header.batch, strerror(-error),
			error == -ENOSPC ? "make room there" : "see to that folder");
		event->control->failure = error;
	}
	return error;
}

bool participant_batch_is_on_disk(struct event *event)
{
	struct snapshot_header header = open_header(event);
	int file = header.batch ? snapshot_open(directory_of(event), &header) : -ENOENT;

	if (file >= 0)
		close(file);
	else if (file != -ENOENT)
		log_event(event, "the snapshot of batch %u is not used: it is torn or damaged",
			header.batch);
	return file >= 0;
}

static void restored(void *context, int status, uint32_t detail)
{
	participant_command_done(context, "a snapshot", status, detail);
}

int participant_restore_sealed(struct event *event)
{
	const struct snapshot_header header = sealed_header(event);
	struct weir_link_restore command = {.event = event->number,
		.batch = header.batch,
		.count = header.count,
		.weight = header.weight,
		.offset_in_file = sizeof(header)};
	int file = snapshot_open(directory_of(event), &header);

	if (file < 0) {
		participant_break(event, "the dataplane has lost batch %u, which is sealed%s",
			header.batch,
			file != -ENOENT  ? "; its snapshot is torn or damaged"
			: on_disk(event) ? "; there is no snapshot of it"
					 : "");
		return file;
	}
	memcpy(command.set_digest, header.set_digest.bytes, sizeof(command.set_digest));
	log_event(event, "batch %u comes back from its snapshot", header.batch);
	dataplane_link_restore(event->control->link, &command, file, restored, event);
	return 0;
}

void participant_tidy_snapshots(struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;

	if (event_ended(event))
		snapshot_keep(directory_of(event), &event->digest, 0, 0);
	else if (on_disk(event))
		snapshot_keep(directory_of(event), &event->digest, machine->sealed_batch,
			machine->open_batch);
}

static bool is_wanted(void *context, const struct weir_digest *digest)
{
	return event_running(context, digest);
}

void participant_sweep_snapshots(struct control *control)
{
	snapshot_sweep(control->config->control.state, is_wanted, control);
	for (struct event *event = control->book.first; event; event = event->next)
		if (!event_ended(event))
			participant_tidy_snapshots(event);
}
