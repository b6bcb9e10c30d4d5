// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Reals and signed integers as elements, and the proof that a sum cannot wrap.
//
// A real x becomes clip(x, -clip, clip) * scale in IEEE double, rounded to the nearest integer,
// ties to even. A negative integer -v is the element modulus - v: the upper half of the modulus is
// negative. The sum of at most max_clients vectors, each at most bound in absolute value and each
// weighted by at most max_weight, is exact if the product of the three fits (weir_headroom_check).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "modulus.h"

// How a vector's values become elements.
struct weir_encoding {
	bool is_fixed_point; // false: values are integers already, scale and clip are ignored
	bool is_signed;      // always true for fixed point
	double scale;        // > 0 and finite
	double clip;         // > 0 and finite
	uint64_t bound;      // largest absolute value of an encoded value; >= 1
};

// The bound that scale and clip imply: clip * scale rounded like a value. Returns 0, or -EDOM if
// either is not finite and positive, or the bound is 0 or above 2^53 (doubles no longer hold every
// integer there); *bound is then unchanged.
int weir_fixed_point_bound(double scale, double clip, uint64_t *bound);

// 0 if max_clients * max_weight * bound <= modulus - 1 (unsigned) or <= (modulus - 1) / 2 rounded
// down (signed; for the rings 2^31 - 1 and 2^63 - 1), else -ERANGE. -EINVAL if a factor is 0.
int weir_headroom_check(enum weir_modulus modulus, bool is_signed, uint64_t max_clients,
	uint64_t max_weight, uint64_t bound);

// Encodes n reals. Returns 0 and the number of clipped coordinates in *clipped; -EDOM with the
// index of the first NaN or infinity in *bad; -EINVAL if the encoding is not a signed fixed-point
// one whose bound is the one that scale and clip imply and fits the modulus. elements are zeroed on
// error. Rounding assumes the default floating-point environment (to nearest).
int weir_encode_reals(enum weir_modulus modulus, const struct weir_encoding *encoding,
	const double *reals, size_t n, void *elements, size_t *clipped, size_t *bad);

// Encodes n integers. Returns 0; -ERANGE with the index of the first value that is beyond the
// bound (or negative where the encoding is unsigned) in *bad; -EINVAL if the encoding is fixed
// point or its bound does not fit the modulus. elements are zeroed on error.
int weir_encode_integers(enum weir_modulus modulus, const struct weir_encoding *encoding,
	const int64_t *integers, size_t n, void *elements, size_t *bad);

// The integer an element stands for. Signed: elements above (modulus - 1) / 2 are negative.
// Unsigned: the element itself, as the value's two's complement bits (only 2^64 can exceed
// INT64_MAX; print it as uint64_t).
int64_t weir_decode_element(enum weir_modulus modulus, bool is_signed, uint64_t element);

// Element i of a vector, widened.
uint64_t weir_element_get(enum weir_modulus modulus, const void *vector, size_t i);
