// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The leader of an event that an earlier process led.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

#define PATIENCE_MS 10000

// So that a helper that offers again is told that it has.
static int restore_offers(struct event *event)
{
	const struct weir_announcement *announcement = &event->machine.announcement;
	struct leader *leader = event->leader;

	for (size_t i = 0; i < announcement->terms.aggregator_count; i++) {
		leader->offers[i] = strdup(announcement->signed_offers[i].text);
		if (!leader->offers[i])
			return -ENOMEM;
		memcpy(leader->offer_signatures[i], announcement->signed_offers[i].signature,
			WEIR_SIGNATURE_SIZE);
		leader->offered |= (uint16_t)(1u << i);
	}
	return 0;
}

// All their time is before them again.
static int restore_admissions(struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;

	for (uint32_t i = 0; i < machine->client_count; i++)
		if (machine->clients[i].state == WEIR_CLIENT_ADMITTED &&
			leader_note_admissions(event, &i, 1))
			return -ENOMEM;
	return 0;
}

static int restore_receipt(void *context, uint32_t index, const struct weir_identity *aggregator,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct event *event = context;
	int a = event_aggregator(event, aggregator);
	struct leader_client *client = leader_client(event, index);

	if (a < 0 || !client)
		return a < 0 ? -EBADMSG : -ENOMEM;
	memcpy(client->receipts[a], signature, WEIR_SIGNATURE_SIZE);
	client->received |= (uint16_t)(1u << a);
	return 0;
}

int leader_restore(struct event *event)
{
	int error = restore_offers(event);

	if (!error)
		error = restore_admissions(event);
	if (!error)
		error = weir_store_receipts(
			event->control->store, &event->digest, 0, restore_receipt, event);
	event->leader->patience_ms = clock_monotonic_ms() + PATIENCE_MS;
	event_stir(event);
	return error;
}
