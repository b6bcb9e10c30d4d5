// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event_adopt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "commit.h"
#include "console.h"
#include "event_layout.h"
#include "random.h"

// The command that would have made such an entry, but for what is not kept in it.
static struct weir_link_event_open request_of(const struct weir_shm_event *shared, uint32_t number)
{
	return (struct weir_link_event_open){
		.number = number,
		.modulus = shared->modulus,
		.dimension = shared->dimension,
		.chunk_elements = shared->chunk_elements,
		.max_clients = shared->max_clients,
		.slot_count = shared->slot_count,
		.fec = shared->fec,
		.max_weight = 1,
		.window = 1,
	};
}

// Returns 0 if the entry is that of an event whose place is inside the arena and nobody else's.
static int find(struct event_table *table, uint32_t index)
{
	struct weir_shm_event *shared = event_shared(table, index);
	uint32_t number = atomic_load_explicit(&shared->number, memory_order_relaxed);
	struct weir_link_event_open request = request_of(shared, number);
	uint64_t start = shared->clients_offset;
	struct event_layout layout;

	if (number == 0)
		return -ENOENT;
	if (number % table->capacity != index || start % 4096 != 0 ||
		event_lay_out(table, &request, &layout))
		return -EBADMSG;
	int error = arena_take(table->arena, start, layout.length);
	if (error)
		return error == -ENOMEM ? error : -EBADMSG;
	// Whoever looks finds no other offsets than those that we shall use.
	event_describe(shared, &request, &layout, start);
	table->found[index] = (struct found_event){number, start, layout.length};
	return 0;
}

int event_find_kept(struct event_table *table)
{
	int count = 0;

	for (uint32_t i = 0; i < table->capacity; i++) {
		struct weir_shm_event *shared = event_shared(table, i);
		int error = find(table, i);

		if (error == -ENOMEM)
			return error;
		if (error == -EBADMSG)
			console("%s: entry %" PRIu32 " is damaged; its event is given up",
				table->memory_path, i);
		if (error)
			memset((void *)shared, 0, sizeof(*shared));
		count += !error;
	}
	arena_wipe_free(table->arena);
	return count;
}

static void forget(struct event_table *table, struct found_event *found)
{
	struct weir_shm_event *shared = event_shared(table, found->number);

	atomic_store_explicit(&shared->number, 0, memory_order_release);
	memset((void *)shared, 0, sizeof(*shared));
	arena_free(table->arena, found->arena_offset, found->arena_length);
	*found = (struct found_event){0};
}

void event_forget_found(struct event_table *table, uint32_t number)
{
	struct found_event *found = &table->found[number % table->capacity];

	if (number != 0 && found->number == number)
		forget(table, found);
}

static uint32_t state_of(const struct weir_shm_client *client)
{
	return atomic_load_explicit(&client->state, memory_order_relaxed);
}

static bool holds_slot(uint32_t state)
{
	return state == WEIR_CLIENT_ADMITTED || state == WEIR_CLIENT_COMPLETE ||
	       state == WEIR_CLIENT_COMMITTED;
}

// Chunks in a slot, or UINT32_MAX if one is marked that there is not.
static uint32_t count_received(const struct event *event, uint32_t slot)
{
	const _Atomic uint64_t *words = event->received + slot * event->bitmap_words;
	uint32_t count = 0;

	for (uint64_t i = 0; i < event->bitmap_words; i++) {
		uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);
		uint64_t left = event->chunk_count > 64 * i ? event->chunk_count - 64 * i : 0;

		if (left < 64 && word >> left)
			return UINT32_MAX;
		count += (uint32_t)__builtin_popcountll(word);
	}
	return count;
}

// A slot beside a state that holds none is one that was being given or taken back; in batches every
// chunk has been received.
static bool client_is_sound(
	const struct event *event, const struct weir_shm_client *client, bool *slot_taken)
{
	uint32_t state = state_of(client), slot = client->slot;

	if (state == WEIR_CLIENT_NONE)
		return true;
	if (state > WEIR_CLIENT_ABORTED || client->weight == 0 ||
		client->weight > event->max_weight)
		return false;
	if (slot == WEIR_NO_SLOT)
		return !holds_slot(state);
	if (slot >= event->slot_count || slot_taken[slot])
		return false;
	slot_taken[slot] = true;
	if (!holds_slot(state))
		return true;
	uint32_t received = count_received(event, slot);
	return state == WEIR_CLIENT_ADMITTED ? received <= event->chunk_count
					     : received == event->chunk_count;
}

// Gives back what is in nobody's hands, and finds the rest again: the slot's claims and the number of
// chunks follow from what has been received, for a chunk counts from then on.
static void settle_client(struct event *event, struct weir_shm_client *client)
{
	uint32_t state = state_of(client), slot = client->slot;

	if (!holds_slot(state)) {
		if (slot != WEIR_NO_SLOT && state == WEIR_CLIENT_ABORTED)
			weir_wipe(event->slots + slot * event->slot_stride, event->slot_stride);
		client->slot = WEIR_NO_SLOT;
		if (state != WEIR_CLIENT_SEALED)
			atomic_store_explicit(&client->received, 0, memory_order_relaxed);
		return;
	}
	for (uint64_t i = slot * event->bitmap_words; i < (slot + 1) * event->bitmap_words; i++)
		atomic_store_explicit(&event->claimed[i],
			atomic_load_explicit(&event->received[i], memory_order_relaxed),
			memory_order_relaxed);
	uint32_t received = count_received(event, slot);
	atomic_store_explicit(&client->received, received, memory_order_relaxed);
	if (state == WEIR_CLIENT_ADMITTED && received == event->chunk_count)
		atomic_store_explicit(&client->state, WEIR_CLIENT_COMPLETE, memory_order_release);
}

static bool clients_are_sound(struct event *event, bool *slot_taken)
{
	for (uint32_t i = 0; i < event->max_clients; i++) {
		if (!client_is_sound(event, &event->clients[i], slot_taken))
			return false;
		event->clients_joined += state_of(&event->clients[i]) != WEIR_CLIENT_NONE;
	}
	return true;
}

static void settle_clients(struct event_table *table, struct event *event, bool *slot_taken)
{
	memset(slot_taken, 0, event->slot_count * sizeof(*slot_taken));
	for (uint32_t i = 0; i < event->max_clients; i++) {
		uint32_t slot = event->clients[i].slot;

		settle_client(event, &event->clients[i]);
		if (event->clients[i].slot != WEIR_NO_SLOT) {
			slot_taken[slot] = true;
			recovery_take(table, event, slot, i);
		} else if (slot != WEIR_NO_SLOT &&
			   state_of(&event->clients[i]) == WEIR_CLIENT_ABORTED) {
			recovery_wipe(event, slot);
		}
	}
	event->free_slot_count = 0;
	for (uint32_t slot = event->slot_count; slot-- > 0;)
		if (!slot_taken[slot])
			event->free_slots[event->free_slot_count++] = slot;
	event->shared->slots_used = event->slot_count - event->free_slot_count;
}

// Nobody knows these keys, so nothing opens under them until the client is added again.
static int invent_keys(const struct event_table *table, struct event *event)
{
	for (uint32_t i = 0; i < event->max_clients; i++) {
		const struct weir_shm_client *client = &event->clients[i];

		if (state_of(client) == WEIR_CLIENT_NONE)
			continue;
		int error = weir_random_bytes(&event->keys[i], sizeof(event->keys[i]));
		if (error)
			return error;
		event->awaits_keys[i] = true;
		if (client->slot != WEIR_NO_SLOT)
			weir_aead_expand(table->aead, event->keys[i].to_aggregator,
				&event->slot_keys[client->slot]);
	}
	return 0;
}

// First everything is looked at, then everything is set: a state of affairs that is refused is left as
// it was.
static int take_over(struct event_table *table, struct event *event)
{
	bool *slot_taken = calloc(event->slot_count, sizeof(*slot_taken));
	int error = -ENOMEM;

	event->awaits_keys = calloc(event->max_clients, sizeof(*event->awaits_keys));
	if (!slot_taken || !event->awaits_keys)
		goto end;
	error = -EBADMSG;
	if (!clients_are_sound(event, slot_taken) || !commit_is_sound(event))
		goto end;
	error = -ENOSPC;
	if (event->clients_joined > table->clients_free)
		goto end;
	error = commit_resume(event);
	if (error)
		goto end;
	settle_clients(table, event, slot_taken);
	error = invent_keys(table, event);
end:
	free(slot_taken);
	return error;
}

static bool same_place(const struct weir_shm_event *shared,
	const struct weir_link_event_open *request, const struct event_layout *layout,
	const struct found_event *found)
{
	return shared->modulus == request->modulus && shared->dimension == request->dimension &&
	       shared->chunk_elements == request->chunk_elements &&
	       shared->max_clients == request->max_clients &&
	       shared->slot_count == request->slot_count && shared->fec == request->fec &&
	       layout->length == found->arena_length;
}

int event_adopt(struct event_table *table, const struct weir_link_event_open *request,
	const struct event_layout *layout)
{
	struct found_event *found = &table->found[request->number % table->capacity];
	struct event *event;
	int error;

	if (found->number == 0)
		return -ENOENT;
	if (found->number != request->number) {
		// The control process has given this entry to another event: it knows the old one no more.
		forget(table, found);
		return -ENOENT;
	}
	if (!same_place(event_shared(table, request->number), request, layout, found))
		return -EEXIST;
	event = event_make(request, layout);
	if (!event)
		return -ENOSPC;
	event_place(table, event, layout, found->arena_offset);
	error = take_over(table, event);
	if (error) {
		event_free(event);
		if (error != -EBADMSG)
			return -ENOSPC;
		console("event %" PRIu32 ": what the memory holds of it is damaged and given up",
			request->number);
		forget(table, found);
		return -ENOENT;
	}
	table->clients_free -= event->clients_joined;
	*found = (struct found_event){0};
	atomic_store_explicit(
		&table->events[request->number % table->capacity], event, memory_order_release);
	commit_settle(table, event);
	console("event %" PRIu32 ": taken over (clients: %" PRIu32 ", slots in use: %" PRIu32
		", batch: %" PRIu64 ")",
		event->number, event->clients_joined, event->shared->slots_used,
		atomic_load(&event->shared->held) >> 1);
	return 0;
}
