// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Forward error correction: Reed-Solomon over GF(2^8) by Intel ISA-L, with the Cauchy matrices of
// J. Bloemer et al., "An XOR-Based Erasure-Resilient Coding Scheme" (1995).
//
// A vector's chunks are dealt into groups of at most `data` of them, and each group gets `parity`
// chunks. Whichever n of a group's n data and `parity` parity chunks arrive, all n data chunks follow
// from them. Chunk c is in group c mod groups, at position c / groups: neighbours in time are never
// neighbours in a group, and no group is more than one chunk larger than another. Parity chunk p is
// parity p / groups of group p mod groups.
//
// A coder is read-only after it is made; threads may share it. Bytes only: what they mean, and whether
// what comes out is canonical, is the caller's to know. Time depends on which chunks are missing (that
// is public), not on what they hold.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_FEC_DATA_MAX   128 // chunks in a group
#define WEIR_FEC_PARITY_MAX 64  // the two together must stay below the field's 256

// Costs a quarter more packets; at 5 % random loss a group is lost less than once in two million times.
#define WEIR_FEC_DATA_DEFAULT   64
#define WEIR_FEC_PARITY_DEFAULT 16

// What an announcement says; data 0: no forward error correction.
struct weir_fec_parameters {
	uint32_t data;   // 1 .. WEIR_FEC_DATA_MAX
	uint32_t parity; // 1 .. WEIR_FEC_PARITY_MAX
};

bool weir_fec_parameters_valid(struct weir_fec_parameters parameters);

// How many groups chunk_count chunks make: at least 1, and chunk_count < 2^32.
static inline uint32_t weir_fec_group_count(uint32_t chunk_count, uint32_t data)
{
	return (uint32_t)(((uint64_t)chunk_count + data - 1) / data);
}

// Data chunks in a group below `groups`.
static inline uint32_t weir_fec_group_size(uint32_t chunk_count, uint32_t groups, uint32_t group)
{
	return chunk_count / groups + (group < chunk_count % groups);
}

struct weir_fec;

// NULL with errno EINVAL (not valid) or ENOMEM.
struct weir_fec *weir_fec_new(struct weir_fec_parameters parameters);
void weir_fec_free(struct weir_fec *fec); // NULL is allowed

// Fills parity[0 .. parameters.parity - 1] from chunks[0 .. n - 1], 1 <= n <= parameters.data; each has
// `length` bytes, 1 <= length < 2^31. A chunk that is shorter is continued with zeros, by the caller.
void weir_fec_encode(const struct weir_fec *fec, uint32_t n, size_t length,
	const void *const *chunks, void *const *parity);

// chunks[i] or parity[j] NULL: it is missing. Writes missing chunk i to out[i], unless that is NULL.
// out[i] of chunks that are there are ignored. Returns 0, -ENODATA if fewer than n of the n +
// parameters.parity chunks are there, or -EINVAL if n is out of range; on error nothing is written.
int weir_fec_recover(const struct weir_fec *fec, uint32_t n, size_t length,
	const void *const *chunks, const void *const *parity, void *const *out);
