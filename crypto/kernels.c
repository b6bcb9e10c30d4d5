// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Which tier runs, and the known-answer test it must pass first.

#include "kernels.h"

#include <errno.h>
#include <string.h>

#include "kernels_scalar.h"

// Best first. The reference is last: it runs everywhere and cannot be masked.
static const struct weir_kernels *const tiers[] = {
	&weir_kernels_avx2,
	&weir_kernels_reference,
};
enum { TIER_COUNT = sizeof(tiers) / sizeof(tiers[0]) };

static bool cpu_can_run(const struct weir_kernels *kernels)
{
	return kernels != &weir_kernels_avx2 || __builtin_cpu_supports("avx2");
}

const struct weir_kernels *weir_kernels_tier(const char *tier)
{
	for (size_t i = 0; i < TIER_COUNT; i++)
		if (strcmp(tiers[i]->tier, tier) == 0)
			return cpu_can_run(tiers[i]) ? tiers[i] : NULL;
	return NULL;
}

static bool is_masked(const char *tier, const char *masked)
{
	while (masked != NULL) {
		const size_t length = strcspn(masked, ",");
		if (length == strlen(tier) && memcmp(masked, tier, length) == 0)
			return true;
		masked = masked[length] == ',' ? masked + length + 1 : NULL;
	}
	return false;
}

const struct weir_kernels *weir_kernels_select(const char *masked)
{
	const struct weir_kernels *chosen = &weir_kernels_reference;
	for (size_t i = 0; i < TIER_COUNT; i++) {
		if (cpu_can_run(tiers[i]) && !is_masked(tiers[i]->tier, masked)) {
			chosen = tiers[i];
			break;
		}
	}
	if (weir_kernels_self_test(chosen) != 0) {
		errno = EIO;
		return NULL;
	}
	return chosen;
}

// The known-answer test: sums over sources that hold boundary values and pseudo-random ones, long
// enough for every path (groups of sources and what is left of them, whole blocks and tails).
enum { TEST_LENGTH = 45, TEST_SOURCES = 13 };

// A vector with room to shift it off alignment by one element.
struct test_vector {
	uint64_t words[TEST_LENGTH + 1];
};

// FNV-1a (64 bits) of a result's bytes, computed apart from this code with Python's integers by
// tests/unit/crypto/known_answers.py.
static const struct {
	uint64_t add_many, add_weighted, subtract;
} answers[WEIR_MODULUS_LAST + 1] = {
	[WEIR_MODULUS_M31] = {UINT64_C(0xcfef2abe2453b30c), UINT64_C(0x7f1198a9d7ce960b),
		UINT64_C(0x6731aea49357ca9c)},
	[WEIR_MODULUS_M61] = {UINT64_C(0x9b8f04b7ba80bd2c), UINT64_C(0x1fd37231ff440089),
		UINT64_C(0xa430946565edb34f)},
	[WEIR_MODULUS_R32] = {UINT64_C(0x0e2cd7e6f0236a93), UINT64_C(0x067bbf202ba45040),
		UINT64_C(0xad4014ef8846cae0)},
	[WEIR_MODULUS_R64] = {UINT64_C(0x8eabf3aa063715cb), UINT64_C(0xa52fbab2a1ef8d9a),
		UINT64_C(0x147d144a57bdb8ef)},
};

// The finalizer of the SplitMix64 generator (Steele, Lea, Flood 2014).
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t test_element(enum weir_modulus modulus, size_t source, size_t i)
{
	const uint64_t max = weir_modulus_max(modulus);
	const uint64_t random = mix(source * 1000 + i);
	switch (random >> 62) {
	case 0: return max; // often enough that sums of many come near their bounds
	case 1: return random & 1;
	default: return random & (max >> 1);
	}
}

static void fill(enum weir_modulus modulus, void *vector, size_t source)
{
	for (size_t i = 0; i < TEST_LENGTH; i++)
		weir_store(vector, i, weir_modulus_element_size(modulus),
			test_element(modulus, source, i));
}

static uint64_t digest_of(const void *vector, size_t length)
{
	const uint8_t *bytes = vector;
	uint64_t digest = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < length; i++)
		digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
	return digest;
}

// One element that is just not canonical, at every place in turn, must be found.
static bool test_canonical(
	const struct weir_vector_ops *ops, enum weir_modulus modulus, void *vector, size_t size)
{
	bool ok = ops->is_canonical(vector, TEST_LENGTH);
	const bool is_ring = modulus == WEIR_MODULUS_R32 || modulus == WEIR_MODULUS_R64;
	for (size_t i = 0; i < TEST_LENGTH; i++) {
		const uint64_t kept = weir_load(vector, i, size);
		weir_store(vector, i, size, weir_modulus_max(modulus) + 1);
		ok &= ops->is_canonical(vector, TEST_LENGTH) == is_ring;
		weir_store(vector, i, size, kept);
	}
	return ok;
}

static bool test_modulus(const struct weir_vector_ops *ops, enum weir_modulus modulus)
{
	const size_t size = weir_modulus_element_size(modulus);
	const size_t bytes = TEST_LENGTH * size;
	struct test_vector vectors[TEST_SOURCES], result;
	const void *sources[TEST_SOURCES];
	uint32_t weights[TEST_SOURCES];
	void *acc = (uint8_t *)result.words + size;
	bool ok = true;
	for (size_t s = 0; s < TEST_SOURCES; s++) {
		sources[s] = (uint8_t *)vectors[s].words + (s % 2) * size;
		fill(modulus, (uint8_t *)vectors[s].words + (s % 2) * size, s);
		weights[s] = s % 3 == 0 ? WEIR_WEIGHT_MAX : (uint32_t)(s + 1);
	}
	fill(modulus, acc, TEST_SOURCES);
	ops->add_many(acc, sources, TEST_SOURCES, TEST_LENGTH);
	ok &= digest_of(acc, bytes) == answers[modulus].add_many;
	fill(modulus, acc, TEST_SOURCES);
	ops->add_weighted(acc, sources, weights, TEST_SOURCES, TEST_LENGTH);
	ok &= digest_of(acc, bytes) == answers[modulus].add_weighted;
	fill(modulus, acc, TEST_SOURCES);
	ops->subtract(acc, acc, sources[0], TEST_LENGTH);
	ok &= digest_of(acc, bytes) == answers[modulus].subtract;
	ok &= test_canonical(ops, modulus, acc, size);
	return ok;
}

int weir_kernels_self_test(const struct weir_kernels *kernels)
{
	bool ok = true;
	for (unsigned int number = WEIR_MODULUS_FIRST; number <= WEIR_MODULUS_LAST; number++)
		ok &= test_modulus(&kernels->ops[number], (enum weir_modulus)number);
	return ok ? 0 : -EIO;
}
