// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the control thread recovers in its turn; recovery.h.

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>

#include "counters.h"
#include "kernels.h"
#include "random.h"
#include "recovery.h"

#define WORK_PER_TURN (INT64_C(4) << 20) // bytes multiplied: about a millisecond
#define AGAIN_MS      1 // a chunk that a worker is decrypting is there or given back by then

enum result {
	NOTHING,   // the group is whole, or has not enough yet
	RECOVERED, // all that was missing is there
	REFUSED,   // it is no code word of canonical elements: the client made it so
	BUSY,      // a worker is at one of the missing chunks
};

// One group of one slot.
struct group {
	const struct event *event;
	uint32_t slot, number;
	uint32_t size;                           // data chunks
	const void *chunks[WEIR_FEC_DATA_MAX];   // NULL: missing
	const void *parity[WEIR_FEC_PARITY_MAX]; // NULL: missing
	void *out[WEIR_FEC_DATA_MAX];            // of claimed chunks: where it goes
	uint32_t missing, claimed;
};

static uint32_t chunk_of(const struct group *group, uint32_t position)
{
	return position * group->event->recovery->group_count + group->number;
}

static size_t bytes_of(const struct event *event, uint32_t chunk)
{
	return (size_t)weir_chunk_length(event->dimension, event->chunk_elements, chunk) *
	       event->element_size;
}

static uint8_t *place_of(const struct group *group, uint32_t chunk)
{
	const struct event *event = group->event;

	return event->slots + group->slot * event->slot_stride +
	       (uint64_t)chunk * event->chunk_elements * event->element_size;
}

// A short chunk is worked with where there is room for its zeros.
static void *whole(const struct group *group, uint32_t chunk, bool received)
{
	struct recovery *recovery = group->event->recovery;
	uint8_t *place = place_of(group, chunk);
	size_t bytes = bytes_of(group->event, chunk);

	if (bytes == recovery->chunk_bytes)
		return place;
	memset(recovery->padded, 0, recovery->chunk_bytes);
	if (received)
		memcpy(recovery->padded, place, bytes);
	return recovery->padded;
}

static _Atomic uint64_t *word_of(
	const struct group *group, _Atomic uint64_t *bitmap, uint32_t chunk)
{
	return &bitmap[group->slot * group->event->bitmap_words + chunk / 64];
}

static bool has(_Atomic uint64_t *word, uint32_t chunk)
{
	return atomic_load_explicit(word, memory_order_acquire) >> chunk % 64 & 1;
}

// Claims what is missing. What somebody else has claimed is missing too, but not ours to write.
static void gather_chunks(struct group *group)
{
	const struct event *event = group->event;

	for (uint32_t i = 0; i < group->size; i++) {
		uint32_t chunk = chunk_of(group, i);
		uint64_t bit = UINT64_C(1) << chunk % 64;

		group->chunks[i] = group->out[i] = NULL;
		if (has(word_of(group, event->received, chunk), chunk)) {
			group->chunks[i] = whole(group, chunk, true);
			continue;
		}
		group->missing++;
		if (atomic_fetch_or_explicit(
			    word_of(group, event->claimed, chunk), bit, memory_order_acq_rel) &
			bit)
			continue;
		group->out[i] = whole(group, chunk, false);
		group->claimed++;
	}
}

static void gather_parity(struct group *group)
{
	const struct recovery *recovery = group->event->recovery;

	for (uint32_t j = 0; j < recovery->parameters.parity; j++) {
		uint32_t chunk = j * recovery->group_count + group->number;
		_Atomic uint64_t *word =
			&recovery->received[group->slot * recovery->bitmap_words + chunk / 64];

		group->parity[j] = has(word, chunk)
					   ? recovery->slots + group->slot * recovery->slot_stride +
						     (uint64_t)chunk * recovery->chunk_bytes
					   : NULL;
	}
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	uint8_t any = 0;

	for (size_t i = 0; i < length; i++)
		any |= bytes[i];
	return any == 0;
}

static bool could_be_received(
	const struct event_table *table, const struct group *group, uint32_t position)
{
	const struct event *event = group->event;
	size_t bytes = bytes_of(event, chunk_of(group, position));

	return table->kernels->ops[event->modulus].is_canonical(
		       group->out[position], bytes / event->element_size) &&
	       all_zero((const uint8_t *)group->out[position] + bytes,
		       event->recovery->chunk_bytes - bytes);
}

// Gives every claim back, with the places zeroed.
static void give_back(struct group *group)
{
	for (uint32_t i = 0; i < group->size; i++) {
		uint32_t chunk = chunk_of(group, i);

		if (!group->out[i])
			continue;
		weir_wipe(place_of(group, chunk), bytes_of(group->event, chunk));
		atomic_fetch_and_explicit(word_of(group, group->event->claimed, chunk),
			~(UINT64_C(1) << chunk % 64), memory_order_release);
	}
}

static void keep(struct group *group)
{
	for (uint32_t i = 0; i < group->size; i++) {
		uint32_t chunk = chunk_of(group, i);

		if (!group->out[i])
			continue;
		if (group->out[i] == group->event->recovery->padded)
			memcpy(place_of(group, chunk), group->out[i],
				bytes_of(group->event, chunk));
		atomic_fetch_or_explicit(word_of(group, group->event->received, chunk),
			UINT64_C(1) << chunk % 64, memory_order_release);
	}
}

static enum result recover_group(const struct event_table *table, struct group *group)
{
	const struct recovery *recovery = group->event->recovery;
	bool good;

	gather_chunks(group);
	if (!group->missing)
		return NOTHING;
	gather_parity(group);
	if (weir_fec_recover(recovery->fec, group->size, recovery->chunk_bytes, group->chunks,
		    group->parity, group->out)) {
		give_back(group);
		return NOTHING;
	}
	good = true;
	for (uint32_t i = 0; i < group->size; i++)
		good = good && (!group->out[i] || could_be_received(table, group, i));
	if (good)
		keep(group);
	else
		give_back(group);
	weir_wipe(recovery->padded, recovery->chunk_bytes);
	if (!good)
		return REFUSED;
	return group->claimed < group->missing ? BUSY : RECOVERED;
}

// These counters of worker 0 are written here and nowhere else.
static void count(const struct event_table *table, enum weir_counter counter, uint64_t n)
{
	uint8_t *block = (uint8_t *)table->memory + table->memory->counters_offset;

	((uint64_t *)block)[counter] += n;
}

// As for a worker that receives the last chunk.
static void received(struct event_table *table, const struct group *group, uint32_t client,
	struct rte_ring *doorbells, int doorbell_descriptor)
{
	const struct event *event = group->event;
	struct weir_shm_client *shared = &event->clients[client];
	uint32_t admitted = WEIR_CLIENT_ADMITTED;

	count(table, WEIR_COUNTER_chunks_recovered, group->claimed);
	if (atomic_fetch_add_explicit(&shared->received, group->claimed, memory_order_acq_rel) +
			group->claimed !=
		event->chunk_count)
		return;
	if (!atomic_compare_exchange_strong_explicit(&shared->state, &admitted,
		    WEIR_CLIENT_COMPLETE, memory_order_acq_rel, memory_order_relaxed))
		return;
	count(table, WEIR_COUNTER_slots_recovered, 1);
	(void)rte_ring_enqueue(
		doorbells, (void *)(uintptr_t)((uint64_t)event->number << 32 | client));
	(void)eventfd_write(doorbell_descriptor, 1);
}

static bool holds(const struct event *event, uint32_t slot, uint32_t client)
{
	return client < event->max_clients && event->clients[client].slot == slot &&
	       atomic_load_explicit(&event->clients[client].state, memory_order_acquire) ==
		       WEIR_CLIENT_ADMITTED &&
	       atomic_load_explicit(&event->shared->state, memory_order_relaxed) ==
		       WEIR_SHM_EVENT_OPEN;
}

struct turn {
	struct event_table *table;
	struct rte_ring *doorbells;
	int doorbell_descriptor;
	int64_t left; // of the work
};

// Returns false if the slot is to be looked at again.
static bool recover_slot(struct turn *turn, struct event *event, uint32_t slot)
{
	struct recovery *recovery = event->recovery;
	uint32_t client = atomic_load_explicit(&recovery->holders[slot], memory_order_relaxed);
	bool done = true;

	for (uint32_t number = 0; number < recovery->group_count; number++) {
		struct group group = {.event = event,
			.slot = slot,
			.number = number,
			.size = weir_fec_group_size(
				event->chunk_count, recovery->group_count, number)};
		enum result result;

		if (!holds(event, slot, client))
			return true;
		if (!recovery_has_enough(recovery, slot, number, group.size))
			continue;
		if (turn->left <= 0)
			return false;
		result = recover_group(turn->table, &group);
		turn->left -= (int64_t)group.size * group.claimed * recovery->chunk_bytes;
		if (result == RECOVERED || result == BUSY)
			received(turn->table, &group, client, turn->doorbells,
				turn->doorbell_descriptor);
		if (result == REFUSED)
			count(turn->table, WEIR_COUNTER_recoveries_refused, 1);
		if (result == BUSY)
			done = false;
		else
			recovery_settle(recovery, slot, number);
	}
	return done;
}

static void recover_event(struct turn *turn, struct event *event)
{
	struct recovery *recovery = event->recovery;

	for (uint32_t word = 0; word < (event->slot_count + UINT64_C(63)) / 64; word++) {
		uint64_t due =
			atomic_exchange_explicit(&recovery->due[word], 0, memory_order_acq_rel);
		uint64_t again = 0;

		for (; due; due &= due - 1) {
			uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(due);

			if (turn->left <= 0 || !recover_slot(turn, event, slot))
				again |= UINT64_C(1) << slot % 64;
		}
		if (!again)
			continue;
		atomic_fetch_or_explicit(&recovery->due[word], again, memory_order_release);
		atomic_store_explicit(&turn->table->recoveries_due, true, memory_order_release);
	}
}

int recovery_turn(struct event_table *table, struct rte_ring *doorbells, int doorbell_descriptor)
{
	struct turn turn = {table, doorbells, doorbell_descriptor, WORK_PER_TURN};

	if (!atomic_exchange_explicit(&table->recoveries_due, false, memory_order_acq_rel))
		return INT_MAX;
	for (uint32_t i = 0; i < table->capacity; i++) {
		struct event *event = atomic_load_explicit(&table->events[i], memory_order_relaxed);

		if (event && event->recovery)
			recover_event(&turn, event);
	}
	if (!atomic_load_explicit(&table->recoveries_due, memory_order_relaxed))
		return INT_MAX;
	return turn.left > 0 ? AGAIN_MS : 0;
}
