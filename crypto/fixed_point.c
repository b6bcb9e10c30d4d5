// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "fixed_point.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "fixed point must not be built with -ffast-math: NaN, infinity and ties would change"
#endif
_Static_assert(FLT_EVAL_METHOD == 0, "products must be rounded to double, not kept wider");

static const double EXACT_INTEGERS = 9007199254740992.0; // 2^53

// The largest absolute value that an element can stand for.
static uint64_t magnitude_max(enum weir_modulus modulus, bool is_signed)
{
	return is_signed ? weir_modulus_max(modulus) / 2 : weir_modulus_max(modulus);
}

// value mod the modulus, for a value that magnitude_max allows.
static uint64_t element_of(enum weir_modulus modulus, int64_t value)
{
	if (value >= 0)
		return (uint64_t)value;
	// modulus - |value|, without the modulus, which 2^64 does not have room for
	return weir_modulus_max(modulus) - (UINT64_C(0) - (uint64_t)value) + 1;
}

static void element_set(enum weir_modulus modulus, void *vector, size_t i, uint64_t element)
{
	uint8_t *bytes = vector;
	const uint32_t narrow = (uint32_t)element;
	if (weir_modulus_element_size(modulus) == sizeof(narrow))
		memcpy(bytes + i * sizeof(narrow), &narrow, sizeof(narrow));
	else
		memcpy(bytes + i * sizeof(element), &element, sizeof(element));
}

uint64_t weir_element_get(enum weir_modulus modulus, const void *vector, size_t i)
{
	const uint8_t *bytes = vector;
	uint32_t narrow;
	uint64_t wide;
	if (weir_modulus_element_size(modulus) == sizeof(narrow)) {
		memcpy(&narrow, bytes + i * sizeof(narrow), sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, bytes + i * sizeof(wide), sizeof(wide));
	return wide;
}

static void zero(enum weir_modulus modulus, void *elements, size_t n)
{
	if (n > 0)
		memset(elements, 0, n * weir_modulus_element_size(modulus));
}

int weir_fixed_point_bound(double scale, double clip, uint64_t *bound)
{
	if (!isfinite(scale) || !isfinite(clip) || scale <= 0 || clip <= 0)
		return -EDOM;
	const double largest = roundeven(clip * scale);
	if (!(largest >= 1 && largest <= EXACT_INTEGERS))
		return -EDOM;
	*bound = (uint64_t)largest;
	return 0;
}

int weir_headroom_check(enum weir_modulus modulus, bool is_signed, uint64_t max_clients,
	uint64_t max_weight, uint64_t bound)
{
	if (max_clients == 0 || max_weight == 0 || bound == 0)
		return -EINVAL;
	const unsigned __int128 limit = magnitude_max(modulus, is_signed);
	// Two factors below 2^64 cannot overflow 128 bits; three can, but once two are known to be
	// within a limit below 2^64, the third cannot either.
	const unsigned __int128 weights = (unsigned __int128)max_clients * max_weight;
	if (weights > limit || weights * bound > limit)
		return -ERANGE;
	return 0;
}

int weir_encode_reals(enum weir_modulus modulus, const struct weir_encoding *encoding,
	const double *reals, size_t n, void *elements, size_t *clipped, size_t *bad)
{
	const double clip = encoding->clip;
	uint64_t bound;
	size_t count = 0;
	if (!encoding->is_fixed_point || !encoding->is_signed ||
		weir_fixed_point_bound(encoding->scale, clip, &bound) != 0 ||
		bound != encoding->bound || bound > magnitude_max(modulus, true)) {
		zero(modulus, elements, n);
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		double x = reals[i];
		if (!isfinite(x)) {
			zero(modulus, elements, n);
			*bad = i;
			return -EDOM;
		}
		if (fabs(x) > clip) {
			x = copysign(clip, x);
			count++;
		}
		// |x| <= clip, and products and rounding are monotonic: at most bound <= 2^53.
		const int64_t value = (int64_t)roundeven(x * encoding->scale);
		element_set(modulus, elements, i, element_of(modulus, value));
	}
	*clipped = count;
	return 0;
}

int weir_encode_integers(enum weir_modulus modulus, const struct weir_encoding *encoding,
	const int64_t *integers, size_t n, void *elements, size_t *bad)
{
	if (encoding->is_fixed_point ||
		encoding->bound > magnitude_max(modulus, encoding->is_signed)) {
		zero(modulus, elements, n);
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		const int64_t value = integers[i];
		const uint64_t magnitude =
			value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
		if (magnitude > encoding->bound || (value < 0 && !encoding->is_signed)) {
			zero(modulus, elements, n);
			*bad = i;
			return -ERANGE;
		}
		element_set(modulus, elements, i, element_of(modulus, value));
	}
	return 0;
}

int64_t weir_decode_element(enum weir_modulus modulus, bool is_signed, uint64_t element)
{
	const uint64_t max = weir_modulus_max(modulus);
	if (!is_signed || element <= max / 2)
		return (int64_t)element;
	return -(int64_t)(max - element) - 1; // element - modulus
}
