// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The four moduli Weir sums in: two Mersenne prime fields and two rings.
//
// An element is a little-endian u32 or u64 and is canonical when it is < modulus. Every function
// of crypto/ takes and returns canonical elements unless it says otherwise.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The numbers are part of the wire formats (aggregate share, control link); never renumber.
enum weir_modulus {
	WEIR_MODULUS_M31 = 1, // 2^31-1, u32 elements
	WEIR_MODULUS_M61 = 2, // 2^61-1, u64 elements
	WEIR_MODULUS_R32 = 3, // 2^32, u32 elements
	WEIR_MODULUS_R64 = 4, // 2^64, u64 elements
};

enum { WEIR_MODULUS_FIRST = WEIR_MODULUS_M31, WEIR_MODULUS_LAST = WEIR_MODULUS_R64 };

// "2^31-1", "2^61-1", "2^32" or "2^64"; NULL for a number that is none of the four.
const char *weir_modulus_name(enum weir_modulus modulus);

// The modulus of that name. Returns 0, or -EINVAL and leaves *modulus unchanged.
int weir_modulus_parse(const char *name, enum weir_modulus *modulus);

// The largest canonical element, modulus - 1.
static inline uint64_t weir_modulus_max(enum weir_modulus modulus)
{
	switch (modulus) {
	case WEIR_MODULUS_M31: return (UINT64_C(1) << 31) - 2;
	case WEIR_MODULUS_M61: return (UINT64_C(1) << 61) - 2;
	case WEIR_MODULUS_R32: return UINT32_MAX;
	case WEIR_MODULUS_R64: return UINT64_MAX;
	}
	return 0;
}

// Bytes of one element: 4 or 8.
static inline size_t weir_modulus_element_size(enum weir_modulus modulus)
{
	return modulus == WEIR_MODULUS_M31 || modulus == WEIR_MODULUS_R32 ? 4 : 8;
}
