// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Shares of any number of emulated clients out of little memory: every chunk of every client is one
// of a few rows of uniform elements, chosen by a hash of (client, chunk). So a generator never waits
// for random numbers, a chunk that lands in a wrong place shows in the sum with probability 511/512,
// and the true sum can be computed for any set of clients.
#pragma once

#include <stdint.h>

#include "kernels.h"

#define SHARE_SOURCE_ROWS 512 // 704 KiB of 352 u32: in the second-level cache

struct share_source {
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements;
	uint32_t chunk_count;
	uint64_t seed;
	uint8_t *rows; // [SHARE_SOURCE_ROWS][chunk_elements], canonical
	size_t row_bytes;
};

// The same arguments make the same shares, on every machine. Give each aggregator of an event a seed
// of its own. Returns 0 or -ENOMEM.
int share_source_init(struct share_source *source, enum weir_modulus modulus, uint64_t dimension,
	uint32_t chunk_elements, uint64_t seed);
void share_source_free(struct share_source *source); // zeroed is allowed

// The elements of a client's chunk (weir_chunk_length of them; chunk < chunk_count). Valid until
// free; 64-byte aligned if chunk_elements is a multiple of 16.
const void *share_source_chunk(const struct share_source *source, uint32_t client, uint32_t chunk);

// sum[0 .. dimension) += sum over i of weights[i] x the share of clients[i]. weights NULL: all 1.
// Returns 0 or -ENOMEM with sum unchanged.
int share_source_add(const struct share_source *source, const struct weir_kernels *kernels,
	const uint32_t *clients, const uint32_t *weights, uint32_t count, void *sum);
