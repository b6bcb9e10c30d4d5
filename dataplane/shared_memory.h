// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the dataplane and the control process see together: one memory file that the dataplane makes
// and hands over the control link. Not EAL memory, and where a folder can be had for it not even this
// process's: a dataplane that was killed finds its file again, with all slots and accumulators
// (memory_file.h, event_adopt.h). Hence the order of stores wherever several belong together: after a
// kill at any instruction what is there can be told from what was about to be.
//
//   header | counters, one block a worker | event table | arena
//
// The arena is carved per event: client table, received bitmaps, slots, two accumulators. Offsets
// count from the start of the file. Fixed-width types only; sizes are pinned. Every field names its
// writer. Free of DPDK.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "counters.h"

#define WEIR_SHM_MAGIC   UINT64_C(0x314d485352494557) // "WEIRSHM1"
#define WEIR_SHM_VERSION 1

struct weir_shm_header {
	uint64_t magic;
	uint32_t version;
	uint32_t worker_count;
	uint64_t total_size;
	uint64_t incarnation; // random, of this start of the dataplane, also when it found the file
	uint32_t counter_count;
	uint32_t counter_stride; // bytes from one worker's block of u64 counters to the next
	uint64_t counters_offset;
	uint32_t event_capacity;
	uint32_t client_capacity; // joined clients, all events together
	uint64_t events_offset;
	uint64_t arena_offset;
	uint64_t arena_size;
	_Atomic uint64_t arena_used; // dataplane's control thread: rw
	uint8_t uses_hugepages;
	uint8_t without_cipher; // control thread: set once a static event has none
	uint8_t zero[38];
};
_Static_assert(sizeof(struct weir_shm_header) == 128, "shared layout");

// One client of an event. state is the truth that doorbells only point to.
struct weir_shm_client {
	_Atomic uint32_t state; // enum weir_client_state; workers: joined -> requested, admitted ->
				// complete; dataplane's control thread: all else
	_Atomic uint32_t received; // chunks in the slot; workers: rw
	uint32_t slot;             // control thread: rw; WEIR_NO_SLOT if none
	uint32_t weight;           // control thread: set at join
};
_Static_assert(sizeof(struct weir_shm_client) == 16, "shared layout");

#define WEIR_NO_SLOT UINT32_MAX

// What one accumulator holds. Written before `held` points to it, never while it does.
struct weir_shm_accumulator {
	uint64_t offset; // the vector, 64-byte aligned, whole tiles
	uint64_t count;  // clients in it
	uint64_t weight; // sum of their weights
	uint32_t batch;  // last batch in it; 0 = none yet
	uint32_t zero;
	uint8_t set_digest[32]; // of the committed set, control/README.md
};
_Static_assert(sizeof(struct weir_shm_accumulator) == 64, "shared layout");

enum weir_shm_event_state {
	WEIR_SHM_EVENT_FREE = 0,
	WEIR_SHM_EVENT_OPEN = 1,
	WEIR_SHM_EVENT_FROZEN = 2, // nothing is staged or committed any more
};

struct weir_shm_event {
	_Atomic uint32_t number; // 0 = this entry is free
	_Atomic uint32_t state;  // enum weir_shm_event_state
	uint32_t modulus;        // enum weir_modulus
	uint32_t chunk_elements;
	uint64_t dimension;
	uint32_t chunk_count;
	uint32_t max_clients;
	uint32_t slot_count;
	uint32_t slots_used;     // control thread: rw
	uint64_t clients_offset; // struct weir_shm_client[max_clients]
	uint64_t bitmaps_offset; // received bitmap of slot s at + s * bitmap_stride
	uint64_t bitmap_stride;
	uint64_t slots_offset; // slot s at + s * slot_stride
	uint64_t slot_stride;  // a multiple of 64, not of 4096
	// batch << 1 | selector: which accumulator is current and the batch it holds. One store flips it.
	_Atomic uint64_t held;
	_Atomic uint32_t open_batch; // the batch in COMMIT..SEAL, 0 if none
	// control thread: rw. Stored before the first of the effects, so that a successor finishes them.
	_Atomic uint32_t sealed_batch;      // the last one sealed
	_Atomic uint32_t rolled_back_batch; // the highest of those
	uint32_t fec;                       // as in EVENT_OPEN; parity lies behind the accumulators
	uint32_t zero[22];
	struct weir_shm_accumulator accumulators[2];
};
_Static_assert(sizeof(struct weir_shm_event) == 320, "shared layout");
