// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The kernels on 32-byte vectors. Built with -mavx2 in a library of its own; kernels.c hands this
// table out only on a CPU that can run it. What is left of a vector after its whole 32-byte blocks
// is done element by element.

#include <immintrin.h>

#include "kernels_scalar.h"

#define INLINE static inline __attribute__((always_inline))

enum {
	BLOCK = sizeof(__m256i),
	// The part of the accumulator worked on at a time: it stays in L1 while the sources, which
	// are read once each, stream past it.
	TILE = 4096,
};

// Lane by lane: two vectors; an accumulator and eight; an accumulator and four weighted ones.
// A weight is in all 32-bit lanes. Canonical in, canonical out.
typedef __m256i add_fn(__m256i a, __m256i b);
typedef __m256i add_8_fn(__m256i acc, const __m256i x[8]);
typedef __m256i add_products_4_fn(__m256i acc, const __m256i w[4], const __m256i x[4]);

INLINE __m256i load(const uint8_t *bytes)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

INLINE void store(uint8_t *bytes, __m256i x)
{
	_mm256_storeu_si256((__m256i *)(void *)bytes, x);
}

INLINE size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

// How many bytes of n elements are whole blocks.
INLINE size_t block_bytes(size_t n, size_t size)
{
	return n * size / BLOCK * BLOCK;
}

/* Drivers: they walk vectors; what they compute is passed in and inlined. */

INLINE void sweep_8(
	uint8_t *acc, const void *const *sources, size_t begin, size_t end, add_8_fn *add)
{
	// Kept in registers: the stores below might otherwise change the array, as far as the
	// compiler knows.
	const uint8_t *s0 = sources[0], *s1 = sources[1], *s2 = sources[2], *s3 = sources[3];
	const uint8_t *s4 = sources[4], *s5 = sources[5], *s6 = sources[6], *s7 = sources[7];
	for (size_t i = begin; i < end; i += BLOCK) {
		const __m256i x[8] = {load(s0 + i), load(s1 + i), load(s2 + i), load(s3 + i),
			load(s4 + i), load(s5 + i), load(s6 + i), load(s7 + i)};
		store(acc + i, add(load(acc + i), x));
	}
}

INLINE void add_many(void *acc, const void *const *sources, size_t source_count, size_t n,
	size_t size, add_8_fn *add_8, add_fn *add, weir_add_fn *add_one)
{
	const size_t bytes = block_bytes(n, size);
	for (size_t begin = 0; begin < bytes; begin += TILE) {
		const size_t end = min_size(begin + TILE, bytes);
		size_t s = 0;
		for (; s + 8 <= source_count; s += 8)
			sweep_8(acc, sources + s, begin, end, add_8);
		for (; s < source_count; s++) {
			const uint8_t *source = sources[s];
			for (size_t i = begin; i < end; i += BLOCK)
				store((uint8_t *)acc + i,
					add(load((uint8_t *)acc + i), load(source + i)));
		}
	}
	for (size_t i = bytes / size; i < n; i++) {
		uint64_t sum = weir_load(acc, i, size);
		for (size_t s = 0; s < source_count; s++)
			sum = add_one(sum, weir_load(sources[s], i, size));
		weir_store(acc, i, size, sum);
	}
}

INLINE void sweep_weighted_4(uint8_t *acc, const void *const sources[4], const uint32_t weights[4],
	size_t begin, size_t end, add_products_4_fn *add_products_4)
{
	const uint8_t *s0 = sources[0], *s1 = sources[1], *s2 = sources[2], *s3 = sources[3];
	const __m256i w[4] = {_mm256_set1_epi32((int)weights[0]),
		_mm256_set1_epi32((int)weights[1]), _mm256_set1_epi32((int)weights[2]),
		_mm256_set1_epi32((int)weights[3])};
	for (size_t i = begin; i < end; i += BLOCK) {
		const __m256i x[4] = {load(s0 + i), load(s1 + i), load(s2 + i), load(s3 + i)};
		store(acc + i, add_products_4(load(acc + i), w, x));
	}
}

// Four sources a pass; what is missing of the last four is a repeated source of weight 0.
INLINE void add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n, size_t size, add_products_4_fn *add_products_4,
	weir_add_product_fn *add_product)
{
	const size_t bytes = block_bytes(n, size);
	for (size_t begin = 0; begin < bytes; begin += TILE) {
		const size_t end = min_size(begin + TILE, bytes);
		for (size_t s = 0; s < source_count; s += 4) {
			const void *four[4] = {sources[s], sources[s], sources[s], sources[s]};
			uint32_t four_weights[4] = {0};
			const size_t count = min_size(4, source_count - s);
			memcpy(four, sources + s, count * sizeof(four[0]));
			memcpy(four_weights, weights + s, count * sizeof(four_weights[0]));
			sweep_weighted_4(acc, four, four_weights, begin, end, add_products_4);
		}
	}
	for (size_t i = bytes / size; i < n; i++) {
		uint64_t sum = weir_load(acc, i, size);
		for (size_t s = 0; s < source_count; s++)
			sum = add_product(sum, weights[s], weir_load(sources[s], i, size));
		weir_store(acc, i, size, sum);
	}
}

INLINE void subtract(void *difference, const void *a, const void *b, size_t n, size_t size,
	add_fn *subtract_lanes, weir_add_fn *subtract_one)
{
	const size_t bytes = block_bytes(n, size);
	for (size_t i = 0; i < bytes; i += BLOCK)
		store((uint8_t *)difference + i,
			subtract_lanes(load((const uint8_t *)a + i), load((const uint8_t *)b + i)));
	for (size_t i = bytes / size; i < n; i++)
		weir_store(difference, i, size,
			subtract_one(weir_load(a, i, size), weir_load(b, i, size)));
}

/* 2^31 - 1, eight lanes of u32. */

// x < 2p; returns x mod p: where x < p, x - p wraps to more than x.
INLINE __m256i m31_reduce_once(__m256i x)
{
	return _mm256_min_epu32(x, _mm256_sub_epi32(x, _mm256_set1_epi32((int)WEIR_P31)));
}

INLINE __m256i m31_add_lanes(__m256i a, __m256i b)
{
	return m31_reduce_once(_mm256_add_epi32(a, b));
}

INLINE __m256i m31_subtract_lanes(__m256i a, __m256i b)
{
	const __m256i difference = _mm256_sub_epi32(a, b); // wraps to more than + p if a < b
	return _mm256_min_epu32(
		difference, _mm256_add_epi32(difference, _mm256_set1_epi32((int)WEIR_P31)));
}

INLINE __m256i m31_add_lanes_8(__m256i acc, const __m256i x[8])
{
	const __m256i x01 = m31_add_lanes(x[0], x[1]), x23 = m31_add_lanes(x[2], x[3]);
	const __m256i x45 = m31_add_lanes(x[4], x[5]), x67 = m31_add_lanes(x[6], x[7]);
	const __m256i half = m31_add_lanes(x01, x23), other = m31_add_lanes(x45, x67);
	return m31_add_lanes(acc, m31_add_lanes(half, other));
}

// Lanes of u64, any value; returns a value <= p + 4 that is congruent to it: 2^31 = 1 mod p.
INLINE __m256i m31_fold(__m256i x)
{
	const __m256i p = _mm256_set1_epi64x((int64_t)WEIR_P31);
	x = _mm256_add_epi64(_mm256_and_si256(x, p), _mm256_srli_epi64(x, 31)); // < 5 * 2^31
	return _mm256_add_epi64(_mm256_and_si256(x, p), _mm256_srli_epi64(x, 31));
}

// acc and four products in lanes of u64: 2^31 + 4 * (2^31 - 1) * (2^31 - 2) < 2^64.
INLINE __m256i m31_products_4(
	__m256i acc, const __m256i w[4], __m256i x0, __m256i x1, __m256i x2, __m256i x3)
{
	const __m256i sum01 =
		_mm256_add_epi64(_mm256_mul_epu32(w[0], x0), _mm256_mul_epu32(w[1], x1));
	const __m256i sum23 =
		_mm256_add_epi64(_mm256_mul_epu32(w[2], x2), _mm256_mul_epu32(w[3], x3));
	return m31_fold(_mm256_add_epi64(acc, _mm256_add_epi64(sum01, sum23)));
}

// The multiplication takes the lower halves of u64 lanes, so even and odd elements go apart.
INLINE __m256i m31_add_products_4(__m256i acc, const __m256i w[4], const __m256i x[4])
{
	const __m256i lower = _mm256_set1_epi64x(UINT32_MAX);
	const __m256i even =
		m31_products_4(_mm256_and_si256(acc, lower), w, x[0], x[1], x[2], x[3]);
	const __m256i odd = m31_products_4(_mm256_srli_epi64(acc, 32), w,
		_mm256_srli_epi64(x[0], 32), _mm256_srli_epi64(x[1], 32),
		_mm256_srli_epi64(x[2], 32), _mm256_srli_epi64(x[3], 32));
	return m31_reduce_once(_mm256_or_si256(even, _mm256_slli_epi64(odd, 32)));
}

static void m31_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 4, m31_add_lanes_8, m31_add_lanes, weir_m31_add);
}

static void m31_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 4, m31_add_products_4,
		weir_m31_add_product);
}

static void m31_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 4, m31_subtract_lanes, weir_m31_subtract);
}

static bool m31_is_canonical(const void *vector, size_t n)
{
	const uint8_t *bytes = vector;
	const size_t end = block_bytes(n, 4);
	const __m256i max = _mm256_set1_epi32((int)WEIR_P31 - 1);
	// Four chains: one would take as long as its maxima take one after the other.
	__m256i a = max, b = max, c = max, d = max;
	bool ok = true;
	size_t i = 0;
	for (; i + 4 * BLOCK <= end; i += 4 * BLOCK) {
		a = _mm256_max_epu32(a, load(bytes + i));
		b = _mm256_max_epu32(b, load(bytes + i + BLOCK));
		c = _mm256_max_epu32(c, load(bytes + i + 2 * BLOCK));
		d = _mm256_max_epu32(d, load(bytes + i + 3 * BLOCK));
	}
	for (; i < end; i += BLOCK)
		a = _mm256_max_epu32(a, load(bytes + i));
	for (size_t tail = end / 4; tail < n; tail++)
		ok &= weir_load(vector, tail, 4) < WEIR_P31;
	const __m256i largest = _mm256_max_epu32(_mm256_max_epu32(a, b), _mm256_max_epu32(c, d));
	return ok && _mm256_movemask_epi8(_mm256_cmpeq_epi32(largest, max)) == -1;
}

/* 2^61 - 1, four lanes of u64. */

// x < 2p; returns x mod p.
INLINE __m256i m61_reduce_once(__m256i x)
{
	const __m256i p = _mm256_set1_epi64x((int64_t)WEIR_P61);
	const __m256i difference = _mm256_sub_epi64(x, p);
	const __m256i is_below = _mm256_cmpgt_epi64(_mm256_setzero_si256(), difference);
	return _mm256_add_epi64(difference, _mm256_and_si256(is_below, p));
}

// Any value; returns a value <= p + 7 that is congruent to it: 2^61 = 1 mod p.
INLINE __m256i m61_fold(__m256i x)
{
	const __m256i p = _mm256_set1_epi64x((int64_t)WEIR_P61);
	return _mm256_add_epi64(_mm256_and_si256(x, p), _mm256_srli_epi64(x, 61));
}

INLINE __m256i m61_add_lanes(__m256i a, __m256i b)
{
	return m61_reduce_once(_mm256_add_epi64(a, b));
}

INLINE __m256i m61_subtract_lanes(__m256i a, __m256i b)
{
	const __m256i p = _mm256_set1_epi64x((int64_t)WEIR_P61);
	const __m256i difference = _mm256_sub_epi64(a, b);
	const __m256i is_below = _mm256_cmpgt_epi64(_mm256_setzero_si256(), difference);
	return _mm256_add_epi64(difference, _mm256_and_si256(is_below, p));
}

INLINE __m256i sum_8_u64(const __m256i x[8])
{
	const __m256i x01 = _mm256_add_epi64(x[0], x[1]), x23 = _mm256_add_epi64(x[2], x[3]);
	const __m256i x45 = _mm256_add_epi64(x[4], x[5]), x67 = _mm256_add_epi64(x[6], x[7]);
	return _mm256_add_epi64(_mm256_add_epi64(x01, x23), _mm256_add_epi64(x45, x67));
}

// Eight elements add up to at most 8 * (2^61 - 2) < 2^64; folded and with acc to at most 2p + 6.
INLINE __m256i m61_add_lanes_8(__m256i acc, const __m256i x[8])
{
	return m61_reduce_once(m61_fold(_mm256_add_epi64(acc, m61_fold(sum_8_u64(x)))));
}

// x = high * 2^32 + low with high < 2^29. Four products weight * low, each < 2^63, are folded
// before they are added: <= 4 * (p + 3). Four products weight * high add up to h < 2^62, and
// h * 2^32 = (h >> 29) * 2^61 + (h mod 2^29) * 2^32, congruent to less than 2^33 + 2^61. With acc
// that is below 6 * 2^61 + 2^34 < 2^64.
INLINE __m256i m61_add_products_4(__m256i acc, const __m256i w[4], const __m256i x[4])
{
	const __m256i low01 = _mm256_add_epi64(
		m61_fold(_mm256_mul_epu32(w[0], x[0])), m61_fold(_mm256_mul_epu32(w[1], x[1])));
	const __m256i low23 = _mm256_add_epi64(
		m61_fold(_mm256_mul_epu32(w[2], x[2])), m61_fold(_mm256_mul_epu32(w[3], x[3])));
	const __m256i high01 = _mm256_add_epi64(_mm256_mul_epu32(w[0], _mm256_srli_epi64(x[0], 32)),
		_mm256_mul_epu32(w[1], _mm256_srli_epi64(x[1], 32)));
	const __m256i high23 = _mm256_add_epi64(_mm256_mul_epu32(w[2], _mm256_srli_epi64(x[2], 32)),
		_mm256_mul_epu32(w[3], _mm256_srli_epi64(x[3], 32)));
	const __m256i high = _mm256_add_epi64(high01, high23);
	// (h mod 2^29) * 2^32: what is above bit 28 must go
	const __m256i below = _mm256_srli_epi64(_mm256_slli_epi64(high, 35), 3);
	const __m256i shifted = _mm256_add_epi64(_mm256_srli_epi64(high, 29), below);
	const __m256i low = _mm256_add_epi64(low01, low23);
	return m61_reduce_once(m61_fold(_mm256_add_epi64(acc, _mm256_add_epi64(low, shifted))));
}

static void m61_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 8, m61_add_lanes_8, m61_add_lanes, weir_m61_add);
}

static void m61_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 8, m61_add_products_4,
		weir_m61_add_product);
}

static void m61_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 8, m61_subtract_lanes, weir_m61_subtract);
}

static bool m61_is_canonical(const void *vector, size_t n)
{
	const uint8_t *bytes = vector;
	const size_t end = block_bytes(n, 8);
	const __m256i p = _mm256_set1_epi64x((int64_t)WEIR_P61);
	__m256i bad = _mm256_setzero_si256();
	bool ok = true;
	for (size_t i = 0; i < end; i += BLOCK) {
		const __m256i x = load(bytes + i);
		bad = _mm256_or_si256(
			bad, _mm256_or_si256(_mm256_srli_epi64(x, 61), _mm256_cmpeq_epi64(x, p)));
	}
	for (size_t i = end / 8; i < n; i++)
		ok &= weir_load(vector, i, 8) < WEIR_P61;
	return ok && _mm256_testz_si256(bad, bad) == 1;
}

/* The rings: lanes wrap as the modulus does. */

INLINE __m256i r32_add_lanes(__m256i a, __m256i b)
{
	return _mm256_add_epi32(a, b);
}

INLINE __m256i r32_subtract_lanes(__m256i a, __m256i b)
{
	return _mm256_sub_epi32(a, b);
}

INLINE __m256i r32_add_lanes_8(__m256i acc, const __m256i x[8])
{
	const __m256i x01 = _mm256_add_epi32(x[0], x[1]), x23 = _mm256_add_epi32(x[2], x[3]);
	const __m256i x45 = _mm256_add_epi32(x[4], x[5]), x67 = _mm256_add_epi32(x[6], x[7]);
	const __m256i half = _mm256_add_epi32(x01, x23), other = _mm256_add_epi32(x45, x67);
	return _mm256_add_epi32(acc, _mm256_add_epi32(half, other));
}

INLINE __m256i r32_add_products_4(__m256i acc, const __m256i w[4], const __m256i x[4])
{
	const __m256i sum01 =
		_mm256_add_epi32(_mm256_mullo_epi32(w[0], x[0]), _mm256_mullo_epi32(w[1], x[1]));
	const __m256i sum23 =
		_mm256_add_epi32(_mm256_mullo_epi32(w[2], x[2]), _mm256_mullo_epi32(w[3], x[3]));
	return _mm256_add_epi32(acc, _mm256_add_epi32(sum01, sum23));
}

INLINE __m256i r64_add_lanes(__m256i a, __m256i b)
{
	return _mm256_add_epi64(a, b);
}

INLINE __m256i r64_subtract_lanes(__m256i a, __m256i b)
{
	return _mm256_sub_epi64(a, b);
}

INLINE __m256i r64_add_lanes_8(__m256i acc, const __m256i x[8])
{
	return _mm256_add_epi64(acc, sum_8_u64(x));
}

// weight * x mod 2^64, from 32-bit halves of x
INLINE __m256i r64_product(__m256i weight, __m256i x)
{
	const __m256i high = _mm256_mul_epu32(weight, _mm256_srli_epi64(x, 32));
	return _mm256_add_epi64(_mm256_mul_epu32(weight, x), _mm256_slli_epi64(high, 32));
}

INLINE __m256i r64_add_products_4(__m256i acc, const __m256i w[4], const __m256i x[4])
{
	const __m256i sum01 = _mm256_add_epi64(r64_product(w[0], x[0]), r64_product(w[1], x[1]));
	const __m256i sum23 = _mm256_add_epi64(r64_product(w[2], x[2]), r64_product(w[3], x[3]));
	return _mm256_add_epi64(acc, _mm256_add_epi64(sum01, sum23));
}

static void r32_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 4, r32_add_lanes_8, r32_add_lanes, weir_ring_add);
}

static void r32_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 4, r32_add_products_4,
		weir_ring_add_product);
}

static void r32_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 4, r32_subtract_lanes, weir_ring_subtract);
}

static void r64_add_many(void *acc, const void *const *sources, size_t source_count, size_t n)
{
	add_many(acc, sources, source_count, n, 8, r64_add_lanes_8, r64_add_lanes, weir_ring_add);
}

static void r64_add_weighted(void *acc, const void *const *sources, const uint32_t *weights,
	size_t source_count, size_t n)
{
	add_weighted(acc, sources, weights, source_count, n, 8, r64_add_products_4,
		weir_ring_add_product);
}

static void r64_subtract(void *difference, const void *a, const void *b, size_t n)
{
	subtract(difference, a, b, n, 8, r64_subtract_lanes, weir_ring_subtract);
}

// Every word is an element of a ring.
static bool ring_is_canonical(const void *vector, size_t n)
{
	return true;
}

const struct weir_kernels weir_kernels_avx2 = {
	.tier = "avx2",
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
