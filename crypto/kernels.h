// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Vector arithmetic behind one table: a plain C reference, which is the specification, and faster
// tiers that override it. The table is chosen once at start and checked against known answers.
//
// Vectors are arrays of n canonical elements (u32 or u64, see modulus.h) with any alignment and
// any length, zero included. Sources never overlap destinations unless stated.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "modulus.h"

// Weights are public factors, 1 <= weight <= WEIR_WEIGHT_MAX. The bound keeps weight x element
// in reach of 32 x 32 -> 64 bit SIMD multiplications.
#define WEIR_WEIGHT_MAX UINT32_C(0x7fffffff)

// The operations for one modulus.
struct weir_vector_ops {
	// acc[i] = acc[i] + sum over s of sources[s][i], mod p. All canonical before and after.
	// A source may appear twice; source_count may be 0 (acc is then unchanged).
	void (*add_many)(void *acc, const void *const *sources, size_t source_count, size_t n);

	// acc[i] = acc[i] + sum over s of weights[s] * sources[s][i], mod p.
	void (*add_weighted)(void *acc, const void *const *sources, const uint32_t *weights,
		size_t source_count, size_t n);

	// difference[i] = a[i] - b[i] mod p. difference may be a or b.
	void (*subtract)(void *difference, const void *a, const void *b, size_t n);

	// True if every element is < p (for the rings always). The input need not be canonical.
	bool (*is_canonical)(const void *vector, size_t n);
};

struct weir_kernels {
	const char *tier; // "reference" or "avx2"
	struct weir_vector_ops
		ops[WEIR_MODULUS_LAST + 1]; // indexed by enum weir_modulus; [0] unused
};

// The tier of that name if this CPU can run it, else NULL. "reference" always works.
const struct weir_kernels *weir_kernels_tier(const char *tier);

// The best tier this CPU can run whose name is not in the comma-separated list `masked` (NULL for
// none; the environment variable WEIR_KERNELS_MASK is the programs' way to set it). "reference"
// cannot be masked: it is the last resort. The tier runs its known-answer test first. Returns NULL with errno EIO if that test fails.
const struct weir_kernels *weir_kernels_select(const char *masked);

// Runs the known-answer test of one tier. Returns 0 or -EIO.
int weir_kernels_self_test(const struct weir_kernels *kernels);
