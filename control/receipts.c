// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "receipts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "log.h"
#include "report.h"

#define SIGNATURES_A_TURN 8 // some 0.4 ms

struct receipt_batch {
	struct receipt_batch *next;
	uint32_t batch;
	bool sealed;
	size_t count, done; // signatures
	uint32_t *clients;
	uint8_t (*signatures)[WEIR_SIGNATURE_SIZE];
};

static void batch_free(struct receipt_batch *batch)
{
	if (!batch)
		return;
	free(batch->clients);
	free(batch->signatures);
	free(batch);
}

static struct receipt_batch *batch_new(uint32_t number, const uint32_t *clients, size_t count)
{
	struct receipt_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->batch = number;
	batch->count = count;
	batch->clients = calloc(count, sizeof(*batch->clients));
	batch->signatures = calloc(count, sizeof(*batch->signatures));
	if (!batch->clients || !batch->signatures) {
		batch_free(batch);
		return NULL;
	}
	memcpy(batch->clients, clients, count * sizeof(*clients));
	return batch;
}

// Where the batch hangs in the list; at its end if it is not there.
static struct receipt_batch **find(struct receipts *receipts, uint32_t number)
{
	struct receipt_batch **link = &receipts->first;

	while (*link && (*link)->batch != number)
		link = &(*link)->next;
	return link;
}

static void drop(struct receipt_batch **link)
{
	struct receipt_batch *batch = *link;

	if (batch) {
		*link = batch->next;
		batch_free(batch);
	}
}

void receipts_commit(
	struct event *event, uint32_t batch, const uint32_t *clients, size_t client_count)
{
	struct receipt_batch **link = find(&event->participant.receipts, batch), *owed;

	if (*link)
		return; // repeated a moment ago
	owed = batch_new(batch, clients, client_count);
	if (!owed) {
		log_event(event, "no receipts for batch %u: out of memory", batch);
		return;
	}
	*link = owed;
	event_work(event);
}

void receipts_rollback(struct event *event, uint32_t batch)
{
	drop(find(&event->participant.receipts, batch));
}

void receipts_sealed(struct event *event, uint32_t batch)
{
	struct receipt_batch *owed = *find(&event->participant.receipts, batch);

	if (owed)
		owed->sealed = true;
	event_work(event);
}

// The sealed clients by batch, of which each has its piece, in order: [starts[b], starts[b + 1]).
static uint32_t *sort_by_batch(const struct weir_event_machine *machine, size_t *starts)
{
	uint32_t *sorted = calloc(machine->client_count + 1, sizeof(*sorted));

	for (size_t i = 0; i < machine->client_count; i++)
		if (machine->clients[i].state == WEIR_CLIENT_SEALED)
			starts[machine->clients[i].batch + 1]++;
	for (size_t b = 0; b <= machine->last_batch; b++)
		starts[b + 1] += starts[b];
	// Each start moves to its batch's end, which is where the next one's was.
	for (size_t i = 0; sorted && i < machine->client_count; i++)
		if (machine->clients[i].state == WEIR_CLIENT_SEALED)
			sorted[starts[machine->clients[i].batch]++] = (uint32_t)i;
	return sorted;
}

void receipts_repeat(struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;
	size_t *ends = calloc((size_t)machine->last_batch + 2, sizeof(*ends)), start = 0;
	uint32_t *sorted = ends ? sort_by_batch(machine, ends) : NULL;

	receipts_clear(&event->participant.receipts);
	if (!sorted)
		log_event(event, "no receipts again: out of memory");
	for (uint32_t b = 1; sorted && b <= machine->last_batch; b++) {
		start = ends[b - 1];
		if (ends[b] == start)
			continue;
		receipts_commit(event, b, &sorted[start], ends[b] - start);
		receipts_sealed(event, b);
	}
	if (machine->open_batch)
		receipts_commit(
			event, machine->open_batch, machine->open_clients, machine->open_count);
	free(sorted);
	free(ends);
}

static int sign_some(struct event *event, struct receipt_batch *batch)
{
	for (int n = 0; n < SIGNATURES_A_TURN && batch->done < batch->count; n++, batch->done++) {
		uint32_t client = batch->clients[batch->done];
		int error = weir_receipt_sign(event->control->key, &event->digest,
			&event->machine.clients[client].join.digest, batch->batch,
			batch->signatures[batch->done]);

		if (error)
			return error;
	}
	return 0;
}

void receipts_work(struct event *event)
{
	struct receipts *receipts = &event->participant.receipts;
	bool share_first = event->state == WEIR_EVENT_FROZEN && !event->participant.share_durable;
	struct receipt_batch **link = &receipts->first, *batch;
	int error;

	while (*link && (*link)->done == (*link)->count)
		link = &(*link)->next;
	if (*link) {
		error = sign_some(event, *link);
		if (error) {
			log_event(event, "no receipts for batch %u: %s", (*link)->batch,
				strerror(-error));
			drop(link);
		}
		event_work(event);
	}
	while ((batch = receipts->first) && batch->sealed && batch->done == batch->count &&
		!share_first) {
		report_receipts(event, batch->batch, batch->clients, batch->count,
			(const uint8_t(*)[WEIR_SIGNATURE_SIZE])batch->signatures);
		drop(&receipts->first);
	}
}

void receipts_clear(struct receipts *receipts)
{
	while (receipts->first)
		drop(&receipts->first);
}
