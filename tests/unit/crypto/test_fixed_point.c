// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <math.h>

#include "crypto_test.h"
#include "fixed_point.h"

static const enum weir_modulus all[] = {
	WEIR_MODULUS_M31, WEIR_MODULUS_M61, WEIR_MODULUS_R32, WEIR_MODULUS_R64};

static unsigned __int128 modulus_value(enum weir_modulus modulus)
{
	return (unsigned __int128)weir_modulus_max(modulus) + 1;
}

static struct weir_encoding fixed(double scale, double clip)
{
	struct weir_encoding encoding = {
		.is_fixed_point = true, .is_signed = true, .scale = scale, .clip = clip};
	cr_assert_eq(weir_fixed_point_bound(scale, clip, &encoding.bound), 0);
	return encoding;
}

Test(fixed_point, bounds)
{
	uint64_t bound;
	static const struct {
		double scale, clip;
		uint64_t bound;
	} good[] = {{1, 1, 1}, {65536, 8, 524288}, {10, 0.25, 2}, {10, 0.35, 4}, {1, 0.75, 1},
		{1, 1.5, 2}, {1, 2.5, 2}, {1, 9007199254740992.0, UINT64_C(1) << 53},
		{0x1p60, 0x1p-10, UINT64_C(1) << 50}};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(weir_fixed_point_bound(good[i].scale, good[i].clip, &bound), 0);
		cr_assert_eq(bound, good[i].bound, "%zu: %lu", i, bound);
	}
	static const double bad[][2] = {{0, 1}, {1, 0}, {-1, 1}, {1, -1}, {NAN, 1}, {1, NAN},
		{INFINITY, 1}, {1, INFINITY}, {1, 0.5}, {0.1, 0.1}, {1e-300, 1e-300},
		{1e300, 1e300}, {1, 9007199254740994.0}, {2, 9007199254740992.0}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bound = 77;
		cr_assert_eq(weir_fixed_point_bound(bad[i][0], bad[i][1], &bound), -EDOM, "%zu", i);
		cr_assert_eq(bound, 77);
	}
}

Test(fixed_point, headroom_is_tight)
{
	for (size_t m = 0; m < 4; m++) {
		for (int is_signed = 0; is_signed <= 1; is_signed++) {
			const uint64_t limit =
				(uint64_t)(is_signed ? (modulus_value(all[m]) - 1) / 2
						     : modulus_value(all[m]) - 1);
			const uint64_t factors[] = {1, 2, 3, 569, 65535, limit / 3, limit};
			for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
				const uint64_t f = factors[i], rest = limit / f;
				cr_assert_eq(weir_headroom_check(all[m], is_signed, f, 1, rest), 0);
				cr_assert_eq(weir_headroom_check(all[m], is_signed, 1, f, rest), 0);
				cr_assert_eq(weir_headroom_check(all[m], is_signed, rest, f, 1), 0);
				if (rest == UINT64_MAX)
					continue;
				cr_assert_eq(weir_headroom_check(all[m], is_signed, f, 1, rest + 1),
					-ERANGE);
				cr_assert_eq(weir_headroom_check(all[m], is_signed, rest + 1, f, 1),
					-ERANGE);
				cr_assert_eq(weir_headroom_check(all[m], is_signed, 1, rest + 1, f),
					-ERANGE);
			}
		}
	}
}

Test(fixed_point, headroom_survives_products_beyond_128_bits)
{
	// 2^43 * 2^43 * 2^43 = 2^129, and 2^64 - 1 cubed; 2^64 * 2^64 would be 0 in 128 bits
	static const uint64_t big[] = {
		UINT64_C(1) << 43, UINT64_C(1) << 63, UINT64_C(1) << 62, UINT64_MAX};
	for (size_t m = 0; m < 4; m++)
		for (size_t i = 0; i < 64; i++)
			cr_assert_eq(weir_headroom_check(all[m], i % 2, big[i % 4], big[i / 4 % 4],
					     big[i / 16]),
				-ERANGE);
	for (size_t m = 0; m < 4; m++) {
		cr_assert_eq(weir_headroom_check(all[m], true, 0, UINT64_MAX, UINT64_MAX), -EINVAL);
		cr_assert_eq(weir_headroom_check(all[m], true, UINT64_MAX, 0, UINT64_MAX), -EINVAL);
		cr_assert_eq(weir_headroom_check(all[m], true, UINT64_MAX, UINT64_MAX, 0), -EINVAL);
	}
}

Test(fixed_point, ties_go_to_even)
{
	static const struct {
		double x;
		int64_t value;
	} cases[] = {{0.5, 0}, {1.5, 2}, {2.5, 2}, {3.5, 4}, {-0.5, 0}, {-1.5, -2}, {-2.5, -2},
		{-3.5, -4}, {0.49999999999999994, 0}, {0.5000000000000001, 1}, {-0.0, 0}, {0.0, 0},
		{99.5, 100}, {-98.5, -98}, {1e-320, 0}, {7, 7}, {-7, -7}};
	enum { N = sizeof(cases) / sizeof(cases[0]) };
	const struct weir_encoding encoding = fixed(1, 100);
	for (size_t m = 0; m < 4; m++) {
		double reals[N];
		uint64_t elements[N]; // room for either width
		size_t clipped = 9, bad = 9;
		for (size_t i = 0; i < N; i++)
			reals[i] = cases[i].x;
		cr_assert_eq(
			weir_encode_reals(all[m], &encoding, reals, N, elements, &clipped, &bad),
			0);
		cr_assert_eq(clipped, 0);
		for (size_t i = 0; i < N; i++) {
			const uint64_t element = weir_element_get(all[m], elements, i);
			const __int128 expected =
				cases[i].value < 0
					? (__int128)modulus_value(all[m]) + cases[i].value
					: cases[i].value;
			cr_assert(element == (uint64_t)expected, "%g in %s", cases[i].x,
				weir_modulus_name(all[m]));
			cr_assert_eq(weir_decode_element(all[m], true, element), cases[i].value);
		}
	}
}

Test(fixed_point, clips_and_counts)
{
	const struct weir_encoding encoding = fixed(1024, 2.5);
	const double reals[] = {2.5, -2.5, 2.5000001, -2.6, 1e308, -1e308, 0, 1};
	const int64_t values[] = {2560, -2560, 2560, -2560, 2560, -2560, 0, 1024};
	for (size_t m = 0; m < 4; m++) {
		uint64_t elements[8];
		size_t clipped = 99, bad = 99;
		cr_assert_eq(
			weir_encode_reals(all[m], &encoding, reals, 8, elements, &clipped, &bad),
			0);
		cr_assert_eq(clipped, 4);
		for (size_t i = 0; i < 8; i++)
			cr_assert_eq(weir_decode_element(
					     all[m], true, weir_element_get(all[m], elements, i)),
				values[i]);
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

Test(fixed_point, what_is_not_a_number_is_named)
{
	const struct weir_encoding encoding = fixed(16, 4);
	const double wrong[] = {NAN, INFINITY, -INFINITY, -NAN};
	for (size_t m = 0; m < 4; m++) {
		for (size_t w = 0; w < 4; w++) {
			double reals[5] = {1, 2, 3, wrong[w], NAN};
			uint8_t elements[40];
			const size_t size = 5 * weir_modulus_element_size(all[m]);
			size_t clipped = 0, bad = 99;
			memset(elements, 0xff, sizeof(elements));
			cr_assert_eq(weir_encode_reals(
					     all[m], &encoding, reals, 5, elements, &clipped, &bad),
				-EDOM);
			cr_assert_eq(bad, 3);
			cr_assert(is_zero(elements, size));
			cr_assert(size == 40 || elements[size] == 0xff);
		}
	}
}

Test(fixed_point, an_encoding_that_does_not_hold_is_refused)
{
	const double real = 1;
	const int64_t integer = 1;
	uint64_t element = 5;
	size_t clipped, bad;
	struct weir_encoding e = fixed(16, 4);
	e.bound++;
	cr_assert_eq(weir_encode_reals(WEIR_MODULUS_M61, &e, &real, 1, &element, &clipped, &bad),
		-EINVAL);
	cr_assert_eq(element, 0);
	e = fixed(1, 0x1p30); // 2^30 > (2^31 - 2) / 2
	cr_assert_eq(weir_encode_reals(WEIR_MODULUS_M31, &e, &real, 1, &element, &clipped, &bad),
		-EINVAL);
	cr_assert_eq(
		weir_encode_reals(WEIR_MODULUS_R32, &e, &real, 1, &element, &clipped, &bad), 0);
	cr_assert_eq(
		weir_encode_integers(WEIR_MODULUS_R32, &e, &integer, 1, &element, &bad), -EINVAL);
	e = (struct weir_encoding){.is_signed = true, .bound = UINT64_C(1) << 30};
	cr_assert_eq(
		weir_encode_integers(WEIR_MODULUS_M31, &e, &integer, 1, &element, &bad), -EINVAL);
	e.is_signed = false;
	cr_assert_eq(weir_encode_integers(WEIR_MODULUS_M31, &e, &integer, 1, &element, &bad), 0);
	cr_assert_eq(weir_encode_reals(WEIR_MODULUS_M31, &e, &real, 1, &element, &clipped, &bad),
		-EINVAL);
}

Test(fixed_point, integers_at_the_ends)
{
	for (size_t m = 0; m < 4; m++) {
		const uint64_t half = weir_modulus_max(all[m]) / 2;
		const struct weir_encoding encoding = {.is_signed = true, .bound = half};
		const int64_t integers[] = {0, 1, -1, (int64_t)half, -(int64_t)half, 12345, -12345};
		uint64_t elements[7];
		size_t bad;
		cr_assert_eq(
			weir_encode_integers(all[m], &encoding, integers, 7, elements, &bad), 0);
		for (size_t i = 0; i < 7; i++) {
			const uint64_t element = weir_element_get(all[m], elements, i);
			const unsigned __int128 expected =
				(modulus_value(all[m]) + (unsigned __int128)integers[i]) %
				modulus_value(all[m]);
			cr_assert(element == (uint64_t)expected);
			cr_assert_eq(weir_decode_element(all[m], true, element), integers[i]);
		}
	}
	cr_assert_eq(weir_decode_element(WEIR_MODULUS_R64, true, UINT64_C(1) << 63), INT64_MIN);
	cr_assert_eq(weir_decode_element(WEIR_MODULUS_R32, true, 0x80000000), INT32_MIN);
	cr_assert_eq(weir_decode_element(WEIR_MODULUS_R32, false, 0x80000000), 0x80000000);
	cr_assert_eq(
		(uint64_t)weir_decode_element(WEIR_MODULUS_R64, false, UINT64_MAX), UINT64_MAX);
}

Test(fixed_point, integers_beyond_the_bound_are_named)
{
	static const int64_t beyond[] = {11, -11, INT64_MAX, INT64_MIN};
	for (size_t m = 0; m < 4; m++) {
		const size_t size = 4 * weir_modulus_element_size(all[m]);
		for (size_t i = 0; i < 4; i++) {
			const struct weir_encoding encoding = {.is_signed = true, .bound = 10};
			const int64_t integers[4] = {10, -10, beyond[i], 3};
			uint64_t elements[4];
			size_t bad = 99;
			memset(elements, 0xff, sizeof(elements));
			cr_assert_eq(weir_encode_integers(
					     all[m], &encoding, integers, 4, elements, &bad),
				-ERANGE);
			cr_assert_eq(bad, 2);
			cr_assert(is_zero(elements, size));
		}
		const struct weir_encoding unsigned_one = {.is_signed = false, .bound = 10};
		const int64_t integers[2] = {10, -1};
		uint64_t elements[2];
		size_t bad = 99;
		cr_assert_eq(
			weir_encode_integers(all[m], &unsigned_one, integers, 2, elements, &bad),
			-ERANGE);
		cr_assert_eq(bad, 1);
	}
}

Test(fixed_point, vectors_may_be_unaligned_and_empty)
{
	const struct weir_encoding encoding = fixed(1, 100);
	const double reals[] = {-3, 4, -5};
	for (size_t m = 0; m < 4; m++) {
		const size_t size = 3 * weir_modulus_element_size(all[m]);
		struct guarded g = guarded_new(64);
		size_t clipped, bad;
		for (size_t shift = 0; shift < 8; shift++) {
			uint8_t *at = (uint8_t *)guarded_tail(&g, size + shift);
			cr_assert_eq(
				weir_encode_reals(all[m], &encoding, reals, 3, at, &clipped, &bad),
				0);
			for (size_t i = 0; i < 3; i++)
				cr_assert_eq(weir_decode_element(
						     all[m], true, weir_element_get(all[m], at, i)),
					(int64_t)reals[i]);
		}
		cr_assert_eq(
			weir_encode_reals(all[m], &encoding, NULL, 0, NULL, &clipped, &bad), 0);
		guarded_free(&g);
	}
}
