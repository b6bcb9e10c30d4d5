// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The specification of every kernel: element by element, source by source.

#include "kernels_scalar.h"

static inline void add_many(void *acc, const void *const *sources, size_t source_count, size_t n,
	size_t size, weir_add_fn *add)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = weir_load(acc, i, size);
		for (size_t s = 0; s < source_count; s++)
			sum = add(sum, weir_load(sources[s], i, size));
		weir_store(acc, i, size, sum);
	}
}

static inline void add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n, size_t size, weir_add_product_fn *add_product)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = weir_load(acc, i, size);
		for (size_t s = 0; s < source_count; s++)
			sum = add_product(sum, weights[s], weir_load(sources[s], i, size));
		weir_store(acc, i, size, sum);
	}
}

static inline void subtract(void *difference, const void *a, const void *b, size_t n, size_t size,
	weir_add_fn *subtract_one)
{
	for (size_t i = 0; i < n; i++)
		weir_store(difference, i, size,
			subtract_one(weir_load(a, i, size), weir_load(b, i, size)));
}

// Looks at every element, whatever it finds.
static inline bool all_below(const void *vector, size_t n, size_t size, uint64_t p)
{
	bool ok = true;
	for (size_t i = 0; i < n; i++)
		ok &= weir_load(vector, i, size) < p;
	return ok;
}

static void m31_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 4, weir_m31_add);
}

static void m31_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 4, weir_m31_add_product);
}

static void m31_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 4, weir_m31_subtract);
}

static bool m31_is_canonical(const void *vector, size_t n)
{
	return all_below(vector, n, 4, WEIR_P31);
}

static void m61_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 8, weir_m61_add);
}

static void m61_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 8, weir_m61_add_product);
}

static void m61_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 8, weir_m61_subtract);
}

static bool m61_is_canonical(const void *vector, size_t n)
{
	return all_below(vector, n, 8, WEIR_P61);
}

static void r32_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 4, weir_ring_add);
}

static void r32_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 4, weir_ring_add_product);
}

static void r32_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 4, weir_ring_subtract);
}

static void r64_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 8, weir_ring_add);
}

static void r64_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 8, weir_ring_add_product);
}

static void r64_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 8, weir_ring_subtract);
}

// Every word is an element of a ring.
static bool ring_is_canonical(const void *vector, size_t n)
{
	return true;
}

const struct weir_kernels weir_kernels_reference = {
	.tier = "reference",
	.ops =
		{
			[WEIR_MODULUS_M31] = {m31_add_many, m31_add_weighted, m31_subtract,
				m31_is_canonical},
			[WEIR_MODULUS_M61] = {m61_add_many, m61_add_weighted, m61_subtract,
				m61_is_canonical},
			[WEIR_MODULUS_R32] = {r32_add_many, r32_add_weighted, r32_subtract,
				ring_is_canonical},
			[WEIR_MODULUS_R64] = {r64_add_many, r64_add_weighted, r64_subtract,
				ring_is_canonical},
		},
};
