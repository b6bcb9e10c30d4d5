// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every tier against sums in 128-bit integers, over lengths, alignments, numbers of sources,
// boundary values and tails. Buffers end where a page begins that may not be touched.

#include <errno.h>

#include "crypto_test.h"
#include "kernels.h"

typedef unsigned __int128 u128;

enum { SOURCES_MAX = 20, LENGTH_MAX = 2600, VECTORS = SOURCES_MAX + 1 };

static const enum weir_modulus all[] = {
	WEIR_MODULUS_M31, WEIR_MODULUS_M61, WEIR_MODULUS_R32, WEIR_MODULUS_R64};

// Buffers that all cases share: room for an accumulator and all sources, and what they hold.
struct bench {
	const struct weir_kernels *kernels;
	enum weir_modulus modulus;
	size_t size; // of an element
	struct guarded buffers[VECTORS];
	uint32_t weights[SOURCES_MAX];
	uint64_t state;
};

static uint64_t get(const struct bench *b, const void *vector, size_t i)
{
	uint64_t element = 0;
	memcpy(&element, (const uint8_t *)vector + i * b->size, b->size);
	return element;
}

static void put(const struct bench *b, void *vector, size_t i, uint64_t element)
{
	memcpy((uint8_t *)vector + i * b->size, &element, b->size);
}

static u128 modulus_of(const struct bench *b)
{
	switch (b->modulus) {
	case WEIR_MODULUS_M31: return ((u128)1 << 31) - 1;
	case WEIR_MODULUS_M61: return ((u128)1 << 61) - 1;
	case WEIR_MODULUS_R32: return (u128)1 << 32;
	case WEIR_MODULUS_R64: return (u128)1 << 64;
	}
	return 0;
}

// Mostly values where sums carry, borrow and wrap. If all_max, the largest sums there can be.
static uint64_t pick(struct bench *b, bool all_max)
{
	const uint64_t max = (uint64_t)(modulus_of(b) - 1);
	const uint64_t random = next_random(&b->state);
	if (all_max)
		return max;
	switch (random >> 60) {
	case 0: return 0;
	case 1: return 1;
	case 2: return max - 1;
	case 3:
	case 4: return max;
	case 5: return max / 2 + (random & 3) - 1;
	default: return random & max & ~UINT64_C(1); // never above the largest element
	}
}

// What the accumulator holds before sum is added. Every other element is chosen so that the result
// is 0, 1, 2 or modulus - 1: there a reduction that stops one step early leaves the modulus itself.
static uint64_t pick_start(struct bench *b, bool all_max, u128 sum, size_t i)
{
	const u128 p = modulus_of(b);
	const u128 results[] = {0, 1, 2, p - 1};
	if (all_max || i % 2 == 0)
		return pick(b, all_max);
	return (uint64_t)((results[i / 2 % 4] + p - sum % p) % p);
}

static struct bench bench_new(const struct weir_kernels *kernels, enum weir_modulus modulus)
{
	static const uint32_t weights[] = {
		1, 2, WEIR_WEIGHT_MAX, WEIR_WEIGHT_MAX - 1, 0x40000000, 3};
	struct bench b = {
		kernels, modulus, weir_modulus_element_size(modulus), .state = 88172645463325252};
	for (size_t v = 0; v < VECTORS; v++)
		b.buffers[v] = guarded_new(LENGTH_MAX * b.size + 64);
	for (size_t s = 0; s < SOURCES_MAX; s++)
		b.weights[s] = weights[s % (sizeof(weights) / sizeof(weights[0]))];
	return b;
}

static void bench_free(struct bench *b)
{
	for (size_t v = 0; v < VECTORS; v++)
		guarded_free(&b->buffers[v]);
}

// Where vector v of n elements is put: shift bytes before the end of its buffer.
static void *place(const struct bench *b, size_t v, size_t n, size_t shift)
{
	return guarded_tail(&b->buffers[v], n * b->size + shift);
}

struct shape {
	size_t n, source_count;
	size_t shift; // 0: every vector ends at the guard; else the vectors are shift bytes and more off
	bool weighted, all_max;
};

// Source s is shifted differently from its neighbours, so that they are not all aligned alike.
static size_t shift_of(const struct shape *c, size_t v)
{
	return c->shift == 0 ? 0 : (c->shift + v * 5) % 64;
}

// One call of add_many or add_weighted. Fails with the case named. (An assertion that holds costs a
// message to the test runner; with so many cases, only those that fail are made.)
static void check_add(struct bench *b, const struct shape *c)
{
	const struct weir_vector_ops *ops = &b->kernels->ops[b->modulus];
	static uint64_t expected[LENGTH_MAX];
	const void *sources[SOURCES_MAX];
	uint8_t *acc = place(b, SOURCES_MAX, c->n, shift_of(c, SOURCES_MAX));
	const size_t after = shift_of(c, SOURCES_MAX);
	bool ok = true;
	memset(b->buffers[SOURCES_MAX].bytes, GUARD_FILL, b->buffers[SOURCES_MAX].size);
	for (size_t s = 0; s < c->source_count; s++)
		sources[s] = place(b, s, c->n, shift_of(c, s));
	for (size_t i = 0; i < c->n; i++) {
		u128 sum = 0;
		for (size_t s = 0; s < c->source_count; s++) {
			const uint64_t element = pick(b, c->all_max);
			put(b, place(b, s, c->n, shift_of(c, s)), i, element);
			sum += (u128)element * (c->weighted ? b->weights[s] : 1);
		}
		const uint64_t start = pick_start(b, c->all_max, sum, i);
		put(b, acc, i, start);
		expected[i] = (uint64_t)((start + sum) % modulus_of(b));
	}
	if (c->weighted)
		ops->add_weighted(acc, sources, b->weights, c->source_count, c->n);
	else
		ops->add_many(acc, sources, c->source_count, c->n);
	for (size_t i = 0; i < c->n; i++)
		ok &= get(b, acc, i) == expected[i];
	ok &= guarded_is_intact(&b->buffers[SOURCES_MAX], acc);
	for (size_t i = 0; i < after; i++)
		ok &= acc[c->n * b->size + i] == GUARD_FILL;
	if (!ok)
		cr_assert(ok, "%s, %s: %zu elements, %zu sources, shift %zu%s%s", b->kernels->tier,
			weir_modulus_name(b->modulus), c->n, c->source_count, c->shift,
			c->weighted ? ", weighted" : "", c->all_max ? ", largest" : "");
}

static void check_subtract(struct bench *b, size_t n, size_t shift)
{
	const struct weir_vector_ops *ops = &b->kernels->ops[b->modulus];
	static uint64_t expected[LENGTH_MAX], x[LENGTH_MAX], y[LENGTH_MAX];
	const u128 p = modulus_of(b);
	for (size_t i = 0; i < n; i++) {
		x[i] = pick(b, false);
		y[i] = pick(b, false);
		expected[i] = (uint64_t)(((u128)x[i] + p - y[i]) % p);
	}
	for (int aliased = 0; aliased < 3; aliased++) { // the result apart, in a, in b
		const struct shape c = {.n = n, .shift = shift};
		uint8_t *a = place(b, 0, n, shift_of(&c, 0)), *s = place(b, 1, n, shift_of(&c, 1));
		uint8_t *to = aliased == 0 ? place(b, 2, n, shift_of(&c, 2)) : aliased == 1 ? a : s;
		bool ok = true;
		for (size_t v = 0; v < 3; v++)
			memset(b->buffers[v].bytes, GUARD_FILL, b->buffers[v].size);
		for (size_t i = 0; i < n; i++) {
			put(b, a, i, x[i]);
			put(b, s, i, y[i]);
		}
		ops->subtract(to, a, s, n);
		for (size_t i = 0; i < n; i++)
			ok &= get(b, to, i) == expected[i];
		ok &= guarded_is_intact(&b->buffers[aliased == 0 ? 2 : aliased - 1], to);
		if (!ok)
			cr_assert(ok, "%s, %s: subtract %zu elements, shift %zu, aliased %d",
				b->kernels->tier, weir_modulus_name(b->modulus), n, shift, aliased);
	}
}

// At every place in turn, the values around the modulus and the largest of the width.
static void check_canonical(struct bench *b, size_t n, size_t shift)
{
	const struct weir_vector_ops *ops = &b->kernels->ops[b->modulus];
	const uint64_t p = (uint64_t)modulus_of(b),
		       width_max = b->size == 4 ? UINT32_MAX : UINT64_MAX;
	const bool is_ring = b->modulus == WEIR_MODULUS_R32 || b->modulus == WEIR_MODULUS_R64;
	const uint64_t values[] = {p - 1, p, p + 1, 2 * p, width_max, width_max / 2 + 1, 0};
	uint8_t *vector = place(b, 0, n, shift);
	bool ok = true;
	for (size_t i = 0; i < n; i++)
		put(b, vector, i, pick(b, false));
	ok &= ops->is_canonical(vector, n);
	for (size_t i = 0; i < n; i++) {
		const uint64_t kept = get(b, vector, i);
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			const uint64_t value = values[v] & width_max;
			put(b, vector, i, value);
			ok &= ops->is_canonical(vector, n) == (is_ring || value < p);
		}
		put(b, vector, i, kept);
	}
	if (!ok)
		cr_assert(ok, "%s, %s: canonical check of %zu elements, shift %zu",
			b->kernels->tier, weir_modulus_name(b->modulus), n, shift);
}

static void sweep_short(struct bench *b)
{
	for (size_t n = 0; n <= 130; n++) {
		for (size_t count = 0; count <= SOURCES_MAX; count++) {
			check_add(b, &(struct shape){n, count, 0, false, false});
			check_add(b, &(struct shape){n, count, 0, true, false});
		}
		check_subtract(b, n, 0);
		check_canonical(b, n, 0);
	}
}

// By element and by byte: nothing promises that a vector is aligned at all.
static void sweep_alignments(struct bench *b)
{
	for (size_t shift = 1; shift < 64; shift++) {
		for (size_t n = 30; n <= 37; n++) {
			check_add(b, &(struct shape){n, 11, shift, false, false});
			check_add(b, &(struct shape){n, 11, shift, true, false});
			check_subtract(b, n, shift);
			check_canonical(b, n, shift);
		}
	}
}

// Around the ends of tiles (4096 bytes), and the largest sums that can occur.
static void sweep_tiles(struct bench *b)
{
	static const size_t lengths[] = {511, 512, 513, 1023, 1024, 1025, 1033, 2047, 2049, 2600};
	static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20};
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
			for (int kind = 0; kind < 4; kind++)
				check_add(b, &(struct shape){lengths[l], counts[c],
						     kind % 2 * b->size, kind / 2, kind % 2});
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		check_subtract(b, lengths[l], b->size);
	for (size_t count = 0; count <= SOURCES_MAX; count++) {
		check_add(b, &(struct shape){67, count, 0, false, true});
		check_add(b, &(struct shape){67, count, 0, true, true});
	}
}

static void for_each_bench(const char *tier, void (*sweep)(struct bench *b))
{
	const struct weir_kernels *kernels = weir_kernels_tier(tier);
	if (kernels == NULL)
		cr_skip_test("this CPU cannot run %s", tier);
	for (size_t m = 0; m < sizeof(all) / sizeof(all[0]); m++) {
		struct bench b = bench_new(kernels, all[m]);
		sweep(&b);
		bench_free(&b);
	}
}

Test(kernels, reference_short)
{
	for_each_bench("reference", sweep_short);
}

Test(kernels, reference_alignments)
{
	for_each_bench("reference", sweep_alignments);
}

Test(kernels, reference_tiles)
{
	for_each_bench("reference", sweep_tiles);
}

Test(kernels, avx2_short)
{
	for_each_bench("avx2", sweep_short);
}

Test(kernels, avx2_alignments)
{
	for_each_bench("avx2", sweep_alignments);
}

Test(kernels, avx2_tiles)
{
	for_each_bench("avx2", sweep_tiles);
}

// The same vector as many sources at once.
static void same_source(struct bench *b)
{
	const struct weir_vector_ops *ops = &b->kernels->ops[b->modulus];
	enum { N = 41, COUNT = 19 };
	const void *sources[COUNT];
	uint8_t *acc = place(b, 0, N, 0), *source = place(b, 1, N, 0);
	bool ok = true;
	for (size_t i = 0; i < N; i++) {
		put(b, acc, i, 1);
		put(b, source, i, (uint64_t)(modulus_of(b) - 1));
	}
	for (size_t s = 0; s < COUNT; s++)
		sources[s] = source;
	ops->add_many(acc, sources, COUNT, N); // each adds -1
	for (size_t i = 0; i < N; i++)
		ok &= get(b, acc, i) == (uint64_t)(modulus_of(b) - (COUNT - 1));
	cr_assert(ok, "%s, %s", b->kernels->tier, weir_modulus_name(b->modulus));
}

Test(kernels, reference_same_source)
{
	for_each_bench("reference", same_source);
}

Test(kernels, avx2_same_source)
{
	for_each_bench("avx2", same_source);
}

Test(kernels, tiers_by_name)
{
	cr_assert_str_eq(weir_kernels_tier("reference")->tier, "reference");
	cr_assert_null(weir_kernels_tier("avx"));
	cr_assert_null(weir_kernels_tier(""));
	const struct weir_kernels *avx2 = weir_kernels_tier("avx2");
	cr_assert_eq(avx2 != NULL, __builtin_cpu_supports("avx2") != 0);
	if (avx2 != NULL)
		cr_assert_str_eq(avx2->tier, "avx2");
}

Test(kernels, masks)
{
	const bool has_avx2 = weir_kernels_tier("avx2") != NULL;
	const char *best = has_avx2 ? "avx2" : "reference";
	static const char *const hiding[] = {
		"avx2", "avx2,", ",avx2", "other,avx2", "reference,avx2"};
	static const char *const not_hiding[] = {"", ",", "avx", "avx22", "avx2 ", "avx512,xavx2"};
	cr_assert_str_eq(weir_kernels_select(NULL)->tier, best);
	for (size_t i = 0; i < sizeof(hiding) / sizeof(hiding[0]); i++)
		cr_assert_str_eq(weir_kernels_select(hiding[i])->tier, "reference");
	for (size_t i = 0; i < sizeof(not_hiding) / sizeof(not_hiding[0]); i++)
		cr_assert_str_eq(weir_kernels_select(not_hiding[i])->tier, best);
}

// Deliberate faults, each in one operation, which the known-answer test must notice.
static const struct weir_kernels *sound;
static enum weir_modulus faulty;

static void forget_last_source(void *acc, const void *const *sources, size_t count, size_t n)
{
	sound->ops[faulty].add_many(acc, sources, count - 1, n);
}

static void forget_last_element(void *acc, const void *const *sources, size_t count, size_t n)
{
	sound->ops[faulty].add_many(acc, sources, count, n - 1);
}

static void forget_weights(
	void *acc, const void *const *sources, const uint32_t *weights, size_t count, size_t n)
{
	sound->ops[faulty].add_many(acc, sources, count, n);
}

static void subtract_the_other_way(void *difference, const void *a, const void *b, size_t n)
{
	sound->ops[faulty].subtract(difference, b, a, n);
}

static bool accept_all(const void *vector, size_t n)
{
	return true;
}

static bool refuse_all(const void *vector, size_t n)
{
	return false;
}

Test(kernels, self_test_finds_faults)
{
	sound = weir_kernels_tier("reference");
	cr_assert_eq(weir_kernels_self_test(sound), 0);
	for (size_t m = 0; m < 4; m++) {
		faulty = all[m];
		struct weir_kernels broken[6];
		for (size_t i = 0; i < 6; i++)
			broken[i] = *sound;
		broken[0].ops[faulty].add_many = forget_last_source;
		broken[1].ops[faulty].add_many = forget_last_element;
		broken[2].ops[faulty].add_weighted = forget_weights;
		broken[3].ops[faulty].subtract = subtract_the_other_way;
		broken[4].ops[faulty].is_canonical = refuse_all;
		broken[5].ops[faulty].is_canonical = accept_all;
		const bool is_ring = faulty == WEIR_MODULUS_R32 || faulty == WEIR_MODULUS_R64;
		for (size_t i = 0; i < (is_ring ? 5 : 6); i++)
			cr_assert_eq(weir_kernels_self_test(&broken[i]), -EIO, "fault %zu of %s", i,
				weir_modulus_name(faulty));
	}
}
