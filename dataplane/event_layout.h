// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How an event is made of memory: for event.c, which opens new ones, and event_adopt.c, which takes over
// those that are there already.
#pragma once

#include "event.h"
#include "recovery.h"

// An event's piece of the arena; offsets count from its start.
struct event_layout {
	uint32_t chunk_count;
	uint64_t bitmaps, bitmap_stride;
	uint64_t slots, slot_stride;
	uint64_t accumulators, accumulator_size;
	struct recovery_layout recovery;
	uint64_t length;
};

// The layout follows from the parameters alone. The request may hold anything: -EINVAL or -ENOSPC then.
int event_lay_out(const struct event_table *table, const struct weir_link_event_open *request,
	struct event_layout *layout);

// Everything of the event that is not in shared memory, or NULL; all slots are free.
struct event *event_make(
	const struct weir_link_event_open *request, const struct event_layout *layout);
void event_free(struct event *event);

// The entry that an event of this number has.
struct weir_shm_event *event_shared(const struct event_table *table, uint32_t number);

// Sets the event's pointers into the memory; its piece of the arena starts at start.
void event_place(const struct event_table *table, struct event *event,
	const struct event_layout *layout, uint64_t start);

// Writes the parameters and offsets of an entry.
void event_describe(struct weir_shm_event *shared, const struct weir_link_event_open *request,
	const struct event_layout *layout, uint64_t start);
