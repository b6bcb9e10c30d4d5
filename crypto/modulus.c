// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "modulus.h"

#include <errno.h>
#include <string.h>

static const char *const names[WEIR_MODULUS_LAST + 1] = {
	[WEIR_MODULUS_M31] = "2^31-1",
	[WEIR_MODULUS_M61] = "2^61-1",
	[WEIR_MODULUS_R32] = "2^32",
	[WEIR_MODULUS_R64] = "2^64",
};

const char *weir_modulus_name(enum weir_modulus modulus)
{
	// An enum read from a packet or a file may hold any number.
	const unsigned int number = (unsigned int)modulus;
	return number <= WEIR_MODULUS_LAST ? names[number] : NULL;
}

int weir_modulus_parse(const char *name, enum weir_modulus *modulus)
{
	for (unsigned int number = WEIR_MODULUS_FIRST; number <= WEIR_MODULUS_LAST; number++) {
		if (strcmp(name, names[number]) == 0) {
			*modulus = (enum weir_modulus)number;
			return 0;
		}
	}
	return -EINVAL;
}
