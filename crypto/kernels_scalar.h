// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One element at a time, for the reference and for the tails of the faster tiers. Internal to
// crypto/. Elements of every modulus are widened to u64 here. All arguments are canonical, weights
// are in [1, WEIR_WEIGHT_MAX], and all results are canonical. Nothing branches on an element.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are little-endian in memory");

#define WEIR_P31 ((UINT64_C(1) << 31) - 1)
#define WEIR_P61 ((UINT64_C(1) << 61) - 1)

extern const struct weir_kernels weir_kernels_reference;
extern const struct weir_kernels weir_kernels_avx2; // its functions need a CPU with AVX2

typedef uint64_t weir_add_fn(uint64_t a, uint64_t b);
typedef uint64_t weir_add_product_fn(uint64_t acc, uint32_t weight, uint64_t element);

// Vectors may have any alignment, so elements are copied, not dereferenced.
static inline uint64_t weir_load(const void *vector, size_t i, size_t element_size)
{
	const uint8_t *bytes = (const uint8_t *)vector + i * element_size;
	uint32_t narrow;
	uint64_t wide;
	if (element_size == sizeof(narrow)) {
		memcpy(&narrow, bytes, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, bytes, sizeof(wide));
	return wide;
}

static inline void weir_store(void *vector, size_t i, size_t element_size, uint64_t element)
{
	uint8_t *bytes = (uint8_t *)vector + i * element_size;
	const uint32_t narrow = (uint32_t)element;
	if (element_size == sizeof(narrow))
		memcpy(bytes, &narrow, sizeof(narrow));
	else
		memcpy(bytes, &element, sizeof(element));
}

// x < 2p, p < 2^63; returns x mod p. The sign of x - p says which of the two it is.
static inline uint64_t weir_reduce_once(uint64_t x, uint64_t p)
{
	const uint64_t difference = x - p;
	return difference + (p & (UINT64_C(0) - (difference >> 63)));
}

static inline uint64_t weir_m31_add(uint64_t a, uint64_t b)
{
	return weir_reduce_once(a + b, WEIR_P31);
}

static inline uint64_t weir_m31_subtract(uint64_t a, uint64_t b)
{
	return weir_reduce_once(a + WEIR_P31 - b, WEIR_P31);
}

static inline uint64_t weir_m31_add_product(uint64_t acc, uint32_t weight, uint64_t element)
{
	// At most (2^31 - 1) * (2^31 - 2) + 2^31 - 2 = 2^62 - 2^32; 2^31 = 1 mod p.
	const uint64_t x = acc + weight * element;
	const uint64_t folded = (x & WEIR_P31) + (x >> 31); // < 2p
	return weir_reduce_once(folded, WEIR_P31);
}

static inline uint64_t weir_m61_add(uint64_t a, uint64_t b)
{
	return weir_reduce_once(a + b, WEIR_P61);
}

static inline uint64_t weir_m61_subtract(uint64_t a, uint64_t b)
{
	return weir_reduce_once(a + WEIR_P61 - b, WEIR_P61);
}

static inline uint64_t weir_m61_add_product(uint64_t acc, uint32_t weight, uint64_t element)
{
	const unsigned __int128 x = (unsigned __int128)weight * element + acc;  // < 2^92
	const uint64_t folded = ((uint64_t)x & WEIR_P61) + (uint64_t)(x >> 61); // < 2^61 + 2^31
	return weir_reduce_once(folded, WEIR_P61);
}

// The rings: u64 wraps as 2^64 does, and weir_store cuts to 2^32.
static inline uint64_t weir_ring_add(uint64_t a, uint64_t b)
{
	return a + b;
}

static inline uint64_t weir_ring_subtract(uint64_t a, uint64_t b)
{
	return a - b;
}

static inline uint64_t weir_ring_add_product(uint64_t acc, uint32_t weight, uint64_t element)
{
	return acc + weight * element;
}
