// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Forward error correction, the receiving end: PARITY chunks wait beside their slot, and once a group
// has as many chunks of either kind as it has data chunks, those that are missing are worked out
// (crypto/fec.h).
//
// Workers stage PARITY as they do SHARE, into places of its own, and count what each group has. That
// is all they do: the control thread recovers, between its other duties, under the same discipline of
// claims, so that a share that arrives late and a recovered one never meet. What is recovered counts
// only if it could have been received: every element canonical, zeros behind a short last chunk.
//
// The bitmaps of parity are in shared memory, behind the event's accumulators; counts are private and
// follow from the bitmaps.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <rte_ring.h>

#include "event.h"
#include "fec.h"

// Part of an event's piece of the arena; offsets count from its start. chunk_count 0: no parity.
struct recovery_layout {
	struct weir_fec_parameters parameters;
	uint32_t group_count;
	uint32_t chunk_count; // of parity
	uint64_t bitmaps, bitmap_stride;
	uint64_t slots, slot_stride;
};

struct recovery {
	// Set at open, read by everybody.
	struct weir_fec *fec;
	struct weir_fec_parameters parameters;
	uint32_t group_count;
	uint32_t chunk_count; // of parity; each as long as the vector's first chunk
	uint32_t chunk_bytes;
	uint8_t *slots; // shared memory; slot s's parity at + s * slot_stride
	uint64_t slot_stride;
	_Atomic uint64_t *received; // bitmaps, shared memory; slot s's at + s * bitmap_words
	_Atomic uint64_t *claimed;  // the same shape, private
	uint64_t bitmap_words;
	_Atomic uint32_t *holders; // [slot_count]: client; control thread: rw, workers: ro

	// workers and control thread: rw
	_Atomic uint32_t *counts; // [slot_count * group_count]: chunks | parity among them << 16 |
				  // settled << 31
	_Atomic uint64_t *due;    // a bit for each slot that has a group to recover

	uint8_t *padded; // control thread: a short last chunk and its zeros
};

// Takes what an event of chunk_count chunks needs for parity from *end on, which it moves. Returns 0,
// or -EINVAL for parameters that make no sense.
int recovery_lay_out(const struct weir_link_event_open *request, uint32_t chunk_count,
	unsigned __int128 *end, struct recovery_layout *layout);

// Makes event->recovery, which stays NULL if the event has no parity. Returns 0 or -ENOMEM; free takes
// back what there is. place: base is the event's piece of the arena.
int recovery_make(struct event *event, const struct recovery_layout *layout);
void recovery_place(struct event *event, const struct recovery_layout *layout, uint8_t *base);
void recovery_free(struct event *event);

// A client is about to get a slot: no parity is there. Control thread; no worker can reach the slot.
void recovery_clear(const struct event *event, uint32_t slot);
// The slot's bitmaps are what they are: counts from them. Before the client becomes ADMITTED.
void recovery_take(
	struct event_table *table, const struct event *event, uint32_t slot, uint32_t client);
// Wipes the slot's parity.
void recovery_wipe(const struct event *event, uint32_t slot);

// Workers: a chunk of that group is now in the slot's bitmaps. Returns true if the control thread should
// be woken.
bool recovery_note(struct event_table *table, const struct event *event, uint32_t slot,
	uint32_t group, bool is_parity);

// Control thread: whether the group, of `size` data chunks, can be made whole; and that it has been.
bool recovery_has_enough(
	const struct recovery *recovery, uint32_t slot, uint32_t group, uint32_t size);
void recovery_settle(const struct recovery *recovery, uint32_t slot, uint32_t group);

// recovery_turn.c: the control thread's turn: recovers what is due, for a bounded time, and rings for clients that have
// become complete. Returns after how many milliseconds it wants to be called again; INT_MAX if nothing
// is left.
int recovery_turn(struct event_table *table, struct rte_ring *doorbells, int doorbell_descriptor);
