// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The dataplane's shared memory as the control process sees it: read only, every offset checked
// before it is followed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared_memory.h"

struct dataplane_memory {
	const struct weir_shm_header *header; // NULL: not mapped
	size_t size;
	// What the header said when it was checked. The dataplane can write over it at any time, so
	// that nothing is found by what stands there now.
	uint64_t counters_offset, events_offset;
	uint32_t worker_count, counter_stride, event_capacity;
};

// Maps the descriptor (which stays the caller's). Returns 0, -EPROTO (not our layout), or -errno.
int dataplane_memory_map(struct dataplane_memory *memory, int descriptor);
void dataplane_memory_unmap(struct dataplane_memory *memory);

// True if an event of that number could be opened now.
bool dataplane_memory_number_free(const struct dataplane_memory *memory, uint32_t number);
// The open or frozen event of that number, or NULL.
const struct weir_shm_event *dataplane_memory_event(
	const struct dataplane_memory *memory, uint32_t number);
// Its client table, or NULL if it does not lie within the memory.
const struct weir_shm_client *dataplane_memory_clients(
	const struct dataplane_memory *memory, const struct weir_shm_event *event);
// What the current accumulator holds and its vector, or NULL if that is not within the memory.
const struct weir_shm_accumulator *dataplane_memory_held(const struct dataplane_memory *memory,
	const struct weir_shm_event *event, size_t vector_size, const void **vector);
// The table entry itself, for listing; NULL beyond it.
const struct weir_shm_event *dataplane_memory_entry(
	const struct dataplane_memory *memory, uint32_t entry);
uint64_t dataplane_memory_counter(
	const struct dataplane_memory *memory, unsigned worker, unsigned counter);
