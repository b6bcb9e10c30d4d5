// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A batch as commit.c opens it and commit_slice computes it; nobody else looks inside.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_common.h>

#include "appliance_config.h"
#include "control_link.h"
#include "kernels.h"

// Where a worker has got to in the tile that it took. Nobody else writes here.
struct commit_progress {
	bool has_tile;
	uint64_t tile;
	uint32_t source; // the next to add
} __rte_cache_aligned;

struct commit_job {
	// Set when the batch is opened, then read by everybody.
	const struct weir_vector_ops *ops;
	const uint8_t *from; // accumulators
	uint8_t *to;
	uint64_t dimension;
	uint32_t element_size;
	uint64_t tile_count;
	uint32_t source_count;
	uint32_t plain_count;    // sources of weight 1, which come first
	const uint8_t **sources; // [source_count], slots
	uint32_t *weights;       // [source_count]

	// control thread only
	uint32_t batch;
	uint32_t *clients; // [source_count], in the order of COMMIT
	uint64_t held_before;
	uint64_t count_after, weight_after;
	uint8_t set_digest_after[32];
	bool finished; // flipped

	// workers: rw; control thread: ro
	_Alignas(64) _Atomic uint64_t tiles_taken;
	_Alignas(64) _Atomic uint64_t tiles_done;
	struct commit_progress progress[WEIR_WORKERS_MAX];
};
