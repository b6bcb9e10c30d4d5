// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The life of clients in an open event, as far as the control thread decides it. Every command
// checks its whole list first and then cannot fail, so that a refused one has changed nothing.

#include "event.h"

#include <errno.h>
#include <string.h>

#include "random.h"
#include "recovery.h"

static uint32_t client_state(const struct event *event, uint32_t client)
{
	return atomic_load_explicit(&event->clients[client].state, memory_order_acquire);
}

static bool is_open(const struct event *event)
{
	return atomic_load_explicit(&event->shared->state, memory_order_relaxed) ==
	       WEIR_SHM_EVENT_OPEN;
}

static bool same_client(const struct event *event, const struct weir_link_client *client)
{
	const struct weir_packet_keys *keys = &event->keys[client->index];

	return event->clients[client->index].weight == client->weight &&
	       memcmp(keys->to_aggregator, client->key_to_aggregator,
		       sizeof(keys->to_aggregator)) == 0 &&
	       memcmp(keys->to_client, client->key_to_client, sizeof(keys->to_client)) == 0;
}

// The client came with the memory, and its keys are still to come.
static bool awaits_keys(const struct event *event, uint32_t client)
{
	return event->awaits_keys && event->awaits_keys[client];
}

static int check_add(const struct event_table *table, const struct event *event,
	const struct weir_link_client *client, uint32_t *fresh)
{
	if (client->index >= event->max_clients || client->weight == 0 ||
		client->weight > event->max_weight)
		return -EINVAL;
	if (awaits_keys(event, client->index))
		return event->clients[client->index].weight == client->weight ? 0 : -EEXIST;
	if (client_state(event, client->index) != WEIR_CLIENT_NONE)
		return same_client(event, client) ? 0 : -EEXIST;
	if (!is_open(event))
		return -EINVAL;
	return ++*fresh > table->clients_free ? -ENOSPC : 0;
}

// Two entries of one list with the same index must not disagree either.
static int check_add_list(const struct event *event, const struct weir_link_client *clients,
	uint32_t count, uint32_t *refused)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct weir_link_client *client = &clients[i];

		if (client_state(event, client->index) != WEIR_CLIENT_NONE &&
			!awaits_keys(event, client->index))
			continue;
		for (uint32_t j = 0; j < i; j++) {
			if (clients[j].index == client->index) {
				*refused = client->index;
				return -EINVAL;
			}
		}
	}
	return 0;
}

static void set_keys(
	struct event_table *table, struct event *event, const struct weir_link_client *client)
{
	struct weir_packet_keys *keys = &event->keys[client->index];
	uint32_t slot = event->clients[client->index].slot;

	memcpy(keys->to_aggregator, client->key_to_aggregator, sizeof(keys->to_aggregator));
	memcpy(keys->to_client, client->key_to_client, sizeof(keys->to_client));
	if (awaits_keys(event, client->index) && slot != WEIR_NO_SLOT)
		weir_aead_expand(table->aead, keys->to_aggregator, &event->slot_keys[slot]);
}

// Clients that the memory held get their keys back, and everything else of theirs is as it was. Workers may
// be reading the keys that stand in for them, so the event is taken from them meanwhile.
static void return_keys(struct event_table *table, struct event *event,
	const struct weir_link_client *clients, uint32_t count)
{
	struct event *_Atomic *entry = &table->events[event->number % table->capacity];
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < count; i++)
		waiting += awaits_keys(event, clients[i].index);
	if (waiting == 0)
		return;
	atomic_store_explicit(entry, NULL, memory_order_release);
	event_quiesce(table);
	for (uint32_t i = 0; i < count; i++) {
		if (!awaits_keys(event, clients[i].index))
			continue;
		set_keys(table, event, &clients[i]);
		event->awaits_keys[clients[i].index] = false;
	}
	atomic_store_explicit(entry, event, memory_order_release);
}

int event_add_clients(struct event_table *table, uint32_t number,
	const struct weir_link_client *clients, uint32_t count, uint32_t *refused)
{
	struct event *event = event_lookup(table, number);
	uint32_t fresh = 0;
	int error;

	if (!event)
		return -ENOENT;
	for (uint32_t i = 0; i < count; i++) {
		error = check_add(table, event, &clients[i], &fresh);
		if (error) {
			*refused = clients[i].index;
			return error;
		}
	}
	error = check_add_list(event, clients, count, refused);
	if (error)
		return error;
	return_keys(table, event, clients, count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = clients[i].index;

		if (client_state(event, index) != WEIR_CLIENT_NONE)
			continue;
		set_keys(table, event, &clients[i]);
		event->clients[index].weight = clients[i].weight;
		atomic_store_explicit(
			&event->clients[index].state, WEIR_CLIENT_JOINED, memory_order_release);
	}
	event->clients_joined += fresh;
	table->clients_free -= fresh;
	return 0;
}

static bool waits_for_slot(uint32_t state)
{
	return state == WEIR_CLIENT_JOINED || state == WEIR_CLIENT_REQUESTED;
}

static int check_admit(const struct event *event, uint32_t client, uint32_t *needed)
{
	uint32_t state = client < event->max_clients ? client_state(event, client)
						     : (uint32_t)WEIR_CLIENT_NONE;

	if (state == WEIR_CLIENT_NONE)
		return -ENOENT;
	if (state == WEIR_CLIENT_ABORTED)
		return -EINVAL;
	if (!waits_for_slot(state))
		return 0; // admitted before
	if (!is_open(event))
		return -EINVAL;
	return ++*needed > event->free_slot_count ? -ENOSPC : 0;
}

static void admit(struct event_table *table, struct event *event, uint32_t client)
{
	uint32_t slot = event->free_slots[--event->free_slot_count];

	for (uint64_t i = slot * event->bitmap_words; i < (slot + 1) * event->bitmap_words; i++) {
		atomic_store_explicit(&event->received[i], 0, memory_order_relaxed);
		atomic_store_explicit(&event->claimed[i], 0, memory_order_relaxed);
	}
	recovery_clear(event, slot);
	recovery_take(table, event, slot, client);
	weir_aead_expand(table->aead, event->keys[client].to_aggregator, &event->slot_keys[slot]);
	event->clients[client].slot = slot;
	atomic_store_explicit(&event->clients[client].received, 0, memory_order_relaxed);
	event->shared->slots_used++;
	atomic_store_explicit(
		&event->clients[client].state, WEIR_CLIENT_ADMITTED, memory_order_release);
}

int event_admit(struct event_table *table, uint32_t number, const uint32_t *clients, uint32_t count,
	uint32_t *refused)
{
	struct event *event = event_lookup(table, number);
	uint32_t needed = 0;

	if (!event)
		return -ENOENT;
	for (uint32_t i = 0; i < count; i++) {
		int error = check_admit(event, clients[i], &needed);

		if (error) {
			*refused = clients[i];
			return error;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (waits_for_slot(client_state(event, clients[i])))
			admit(table, event, clients[i]);
	}
	return 0;
}

static int check_abort(const struct event *event, uint32_t client)
{
	uint32_t state = client < event->max_clients ? client_state(event, client)
						     : (uint32_t)WEIR_CLIENT_NONE;
	uint32_t slot;

	if (state == WEIR_CLIENT_NONE)
		return -ENOENT;
	if (state == WEIR_CLIENT_SEALED)
		return -EINVAL;
	slot = event->clients[client].slot;
	return slot != WEIR_NO_SLOT && event->slot_in_batch[slot] ? -EBUSY : 0;
}

// A worker that saw the client admitted may still be writing into the slot, so the slot is taken
// back only after the quiescence. The share's bytes go with it.
int event_abort(struct event_table *table, uint32_t number, const uint32_t *clients, uint32_t count,
	uint32_t *refused)
{
	struct event *event = event_lookup(table, number);

	if (!event)
		return -ENOENT;
	for (uint32_t i = 0; i < count; i++) {
		int error = check_abort(event, clients[i]);

		if (error) {
			*refused = clients[i];
			return error;
		}
	}
	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&event->clients[clients[i]].state, WEIR_CLIENT_ABORTED,
			memory_order_release);
	event_quiesce(table);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = event->clients[clients[i]].slot;

		if (slot == WEIR_NO_SLOT)
			continue;
		weir_wipe(event->slots + slot * event->slot_stride, event->slot_stride);
		recovery_wipe(event, slot);
		atomic_store_explicit(
			&event->clients[clients[i]].received, 0, memory_order_relaxed);
		event_release_slot(event, clients[i]);
	}
	return 0;
}

void event_release_slot(struct event *event, uint32_t client)
{
	uint32_t slot = event->clients[client].slot;

	weir_wipe(&event->slot_keys[slot], sizeof(event->slot_keys[slot]));
	event->clients[client].slot = WEIR_NO_SLOT;
	event->free_slots[event->free_slot_count++] = slot;
	event->shared->slots_used--;
}
