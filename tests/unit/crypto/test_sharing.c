// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "crypto_internal.h"
#include "crypto_test.h"
#include "sharing.h"

static const enum weir_modulus all[] = {
	WEIR_MODULUS_M31, WEIR_MODULUS_M61, WEIR_MODULUS_R32, WEIR_MODULUS_R64};

// Takes the place of the C library's in this program, to fail from a chosen call on.
static int calls_until_failure = -1; // -1: never

ssize_t getrandom(void *bytes, size_t length, unsigned int flags)
{
	if (calls_until_failure == 0) {
		errno = ENOSYS;
		return -1;
	}
	if (calls_until_failure > 0)
		calls_until_failure--;
	return syscall(SYS_getrandom, bytes, length, flags);
}

static uint64_t get(enum weir_modulus modulus, const void *vector, size_t i)
{
	return weir_modulus_element_size(modulus) == 4 ? ((const uint32_t *)vector)[i]
						       : ((const uint64_t *)vector)[i];
}

static void put(enum weir_modulus modulus, void *vector, size_t i, uint64_t element)
{
	if (weir_modulus_element_size(modulus) == 4)
		((uint32_t *)vector)[i] = (uint32_t)element;
	else
		((uint64_t *)vector)[i] = element;
}

// Every path of the rejection, with a key stream that we choose.
Test(sharing, candidates_at_the_modulus_are_rejected)
{
	const uint32_t p31 = 0x7fffffff;
	const uint32_t narrow[] = {p31, 5, 0xffffffff, 0x80000000, p31 - 1, 0xfffffffe, p31, 0, 9};
	const uint32_t narrow_accepted[] = {5, 0, p31 - 1, p31 - 1, 0, 9};
	const uint64_t p61 = UINT64_C(0x1fffffffffffffff);
	const uint64_t wide[] = {p61, 5, UINT64_MAX, UINT64_C(1) << 61, p61 - 1, UINT64_MAX - 1,
		UINT64_C(0x3fffffffffffffff), 0, 9};
	const uint64_t wide_accepted[] = {5, 0, p61 - 1, p61 - 1, 0, 9};
	uint32_t narrow_out[10];
	uint64_t wide_out[10];
	cr_assert_eq(weir_uniform_from_stream(WEIR_MODULUS_M31, (const uint8_t *)narrow,
			     sizeof(narrow), narrow_out, 10),
		6);
	cr_assert_arr_eq(narrow_out, narrow_accepted, sizeof(narrow_accepted));
	cr_assert_eq(weir_uniform_from_stream(
			     WEIR_MODULUS_M61, (const uint8_t *)wide, sizeof(wide), wide_out, 10),
		6);
	cr_assert_arr_eq(wide_out, wide_accepted, sizeof(wide_accepted));
}

Test(sharing, rings_take_every_word_as_it_is)
{
	const uint32_t narrow[] = {0, UINT32_MAX, 0x7fffffff, 3};
	const uint64_t wide[] = {0, UINT64_MAX, UINT64_C(0x1fffffffffffffff), 3};
	uint32_t narrow_out[4];
	uint64_t wide_out[4];
	cr_assert_eq(weir_uniform_from_stream(
			     WEIR_MODULUS_R32, (const uint8_t *)narrow, 16, narrow_out, 4),
		4);
	cr_assert_arr_eq(narrow_out, narrow, 16);
	cr_assert_eq(
		weir_uniform_from_stream(WEIR_MODULUS_R64, (const uint8_t *)wide, 32, wide_out, 4),
		4);
	cr_assert_arr_eq(wide_out, wide, 32);
}

Test(sharing, stream_writes_no_more_than_asked)
{
	static const uint8_t stream[80];
	for (size_t m = 0; m < 4; m++) {
		const size_t size = weir_modulus_element_size(all[m]);
		for (size_t n = 0; n < 10; n++) {
			struct guarded g = guarded_new(n * size);
			cr_assert_eq(weir_uniform_from_stream(all[m], stream, 80, g.bytes, n), n);
			cr_assert(guarded_is_intact(&g, g.bytes));
			guarded_free(&g);
		}
	}
}

// Pearson's statistic over `cells` equally wide cells of [0, modulus) is about normal with mean
// cells - 1 and deviation sqrt(2 (cells - 1)): 8 deviations are never seen by chance.
static void assert_uniform(enum weir_modulus modulus, const void *vector, size_t n, bool low_bits)
{
	enum { CELLS = 64 };
	size_t counts[CELLS] = {0};
	double statistic = 0;
	const double expected = (double)n / CELLS;
	for (size_t i = 0; i < n; i++) {
		const uint64_t x = get(modulus, vector, i);
		cr_assert_leq(x, weir_modulus_max(modulus));
		const unsigned __int128 top = (unsigned __int128)x * CELLS;
		counts[low_bits ? x % CELLS
				: (size_t)(top /
					   ((unsigned __int128)weir_modulus_max(modulus) + 1))]++;
	}
	for (size_t c = 0; c < CELLS; c++)
		statistic +=
			((double)counts[c] - expected) * ((double)counts[c] - expected) / expected;
	const double deviations = (statistic - (CELLS - 1)) / sqrt(2.0 * (CELLS - 1));
	cr_assert(
		fabs(deviations) < 8, "%s: %g deviations", weir_modulus_name(modulus), deviations);
}

Test(sharing, uniform_vectors_are_uniform)
{
	enum { N = 200000 };
	uint64_t *vector = malloc(N * sizeof(*vector));
	for (size_t m = 0; m < 4; m++) {
		cr_assert_eq(weir_uniform_vector(all[m], vector, N), 0);
		assert_uniform(all[m], vector, N, false);
		assert_uniform(all[m], vector, N, true);
	}
	free(vector);
}

// Every single share, the difference among them, must look uniform, whatever the secret is.
Test(sharing, shares_are_uniform)
{
	enum { N = 100000 };
	const struct weir_kernels *kernels = weir_kernels_select(NULL);
	uint64_t *secret = calloc(N, sizeof(*secret)), *buffers[3];
	void *shares[3];
	for (size_t s = 0; s < 3; s++)
		shares[s] = buffers[s] = malloc(N * sizeof(*secret));
	for (size_t m = 0; m < 4; m++) {
		cr_assert_eq(weir_split(kernels, all[m], secret, N, shares, 3), 0);
		for (size_t s = 0; s < 3; s++) {
			assert_uniform(all[m], shares[s], N, false);
			assert_uniform(all[m], shares[s], N, true);
		}
	}
	for (size_t s = 0; s < 3; s++)
		free(buffers[s]);
	free(secret);
}

Test(sharing, uniform_fills_every_length_and_no_more)
{
	// past one 4096-byte piece of key stream for either width
	static const size_t lengths[] = {
		0, 1, 2, 3, 15, 16, 17, 511, 512, 513, 1023, 1024, 1025, 2500};
	for (size_t m = 0; m < 4; m++) {
		const size_t size = weir_modulus_element_size(all[m]);
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			const size_t n = lengths[l];
			struct guarded g = guarded_new(n * size);
			size_t fill = 0;
			cr_assert_eq(weir_uniform_vector(all[m], g.bytes, n), 0);
			cr_assert(guarded_is_intact(&g, g.bytes));
			for (size_t i = 0; i < n * size; i++)
				fill += g.bytes[i] == GUARD_FILL;
			cr_assert(fill <= n * size / 20 + 8, "%zu bytes of %zu not written", fill,
				n * size);
			guarded_free(&g);
		}
	}
}

// A secret of boundary values and others.
static void fill_secret(enum weir_modulus modulus, void *secret, size_t n)
{
	const uint64_t max = weir_modulus_max(modulus);
	uint64_t state = 42;
	for (size_t i = 0; i < n; i++) {
		const uint64_t values[] = {0, 1, max, max - 1, max / 2, next_random(&state) % max};
		put(modulus, secret, i, values[i % 6]);
	}
}

static void check_split(
	const struct weir_kernels *kernels, enum weir_modulus modulus, size_t m, size_t n)
{
	const size_t bytes = n * weir_modulus_element_size(modulus);
	const unsigned __int128 p = (unsigned __int128)weir_modulus_max(modulus) + 1;
	uint64_t *secret = malloc(n * 8 + 8), *sum = malloc(n * 8 + 8), *first[5], *second[5];
	void *shares[5], *again[5];
	for (size_t s = 0; s < m; s++) {
		shares[s] = first[s] = malloc(n * 8 + 8);
		again[s] = second[s] = malloc(n * 8 + 8);
	}
	fill_secret(modulus, secret, n);
	cr_assert_eq(weir_split(kernels, modulus, secret, n, shares, m), 0);
	cr_assert_eq(weir_split(kernels, modulus, secret, n, again, m), 0);
	for (size_t i = 0; i < n; i++) {
		unsigned __int128 total = 0;
		for (size_t s = 0; s < m; s++) {
			cr_assert_leq(get(modulus, shares[s], i), weir_modulus_max(modulus));
			total += get(modulus, shares[s], i);
		}
		cr_assert(total % p == get(modulus, secret, i));
	}
	for (size_t s = 0; s < m && n >= 16; s++) {
		cr_assert_neq(memcmp(shares[s], again[s], bytes), 0, "a share was used twice");
		cr_assert_neq(memcmp(shares[s], secret, bytes), 0, "a share is the secret");
		for (size_t t = 0; t < s; t++)
			cr_assert_neq(memcmp(shares[s], shares[t], bytes), 0);
	}
	memset(sum, 0xff, bytes);
	cr_assert_eq(weir_reconstruct(kernels, modulus, (const void *const *)again, m, sum, n), 0);
	cr_assert(memcmp(sum, secret, bytes) == 0);
	for (size_t s = 0; s < m; s++) {
		free(first[s]);
		free(second[s]);
	}
	free(secret);
	free(sum);
}

Test(sharing, reconstruction_is_exact)
{
	static const size_t lengths[] = {0, 1, 2, 16, 17, 353, 2500};
	static const char *const tiers[] = {"reference", "avx2"};
	for (size_t tier = 0; tier < 2; tier++) {
		const struct weir_kernels *kernels = weir_kernels_tier(tiers[tier]);
		for (size_t modulus = 0; kernels != NULL && modulus < 4; modulus++)
			for (size_t m = 2; m <= 5; m++)
				for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
					check_split(kernels, all[modulus], m, lengths[l]);
	}
}

static bool is_zero(const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < size; i++)
		if (p[i] != 0)
			return false;
	return true;
}

Test(sharing, errors_leave_zeroes)
{
	const struct weir_kernels *kernels = weir_kernels_select(NULL);
	enum { N = 20 };
	for (size_t m = 0; m < 4; m++) {
		const size_t bytes = N * weir_modulus_element_size(all[m]);
		const bool is_ring = all[m] == WEIR_MODULUS_R32 || all[m] == WEIR_MODULUS_R64;
		uint64_t secret[N], a[N], b[N];
		void *shares[] = {a, b};
		fill_secret(all[m], secret, N);
		memset(a, 0xff, sizeof(a));
		memset(b, 0xff, sizeof(b));
		cr_assert_eq(weir_split(kernels, all[m], secret, N, shares, 1), -EINVAL);
		cr_assert(is_zero(a, bytes));
		cr_assert_eq(weir_split(kernels, all[m], secret, N, shares, 0), -EINVAL);
		cr_assert_eq(weir_reconstruct(
				     kernels, all[m], (const void *const *)shares, 1, secret, N),
			-EINVAL);
		cr_assert(is_zero(secret, bytes));
		if (is_ring)
			continue;
		memset(a, 0xff, sizeof(a));
		put(all[m], secret, N - 1, weir_modulus_max(all[m]) + 1);
		cr_assert_eq(weir_split(kernels, all[m], secret, N, shares, 2), -EDOM);
		cr_assert(is_zero(a, bytes) && is_zero(b, bytes));
		put(all[m], b, 3, weir_modulus_max(all[m]) + 1);
		cr_assert_eq(weir_reconstruct(
				     kernels, all[m], (const void *const *)shares, 2, secret, N),
			-EDOM);
		cr_assert(is_zero(secret, bytes));
	}
}

Test(sharing, no_share_survives_a_failing_generator)
{
	const struct weir_kernels *kernels = weir_kernels_select(NULL);
	for (int calls = 0; calls < 3; calls++) { // one key a uniform share, three of four
		uint32_t secret[20] = {1, 2, 3}, buffers[4][20];
		void *shares[] = {buffers[0], buffers[1], buffers[2], buffers[3]};
		memset(buffers, 0xff, sizeof(buffers));
		calls_until_failure = calls;
		cr_assert_eq(weir_split(kernels, WEIR_MODULUS_M31, secret, 20, shares, 4), -EIO);
		cr_assert(is_zero(buffers, sizeof(buffers)));
	}
	uint64_t vector[20];
	memset(vector, 0xff, sizeof(vector));
	calls_until_failure = 0;
	cr_assert_eq(weir_uniform_vector(WEIR_MODULUS_R64, vector, 20), -EIO);
	cr_assert(is_zero(vector, sizeof(vector)));
}
