// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>

#include "crypto_test.h"
#include "modulus.h"

static const struct {
	enum weir_modulus modulus;
	const char *name;
	uint64_t max;
	size_t size;
} all[] = {
	{WEIR_MODULUS_M31, "2^31-1", 2147483646, 4},
	{WEIR_MODULUS_M61, "2^61-1", 2305843009213693950, 8},
	{WEIR_MODULUS_R32, "2^32", 4294967295, 4},
	{WEIR_MODULUS_R64, "2^64", UINT64_MAX, 8},
};

Test(modulus, names_and_sizes)
{
	for (size_t i = 0; i < 4; i++) {
		enum weir_modulus parsed = 0;
		cr_assert_str_eq(weir_modulus_name(all[i].modulus), all[i].name);
		cr_assert_eq(weir_modulus_parse(all[i].name, &parsed), 0);
		cr_assert_eq(parsed, all[i].modulus);
		cr_assert_eq(weir_modulus_max(all[i].modulus), all[i].max);
		cr_assert_eq(weir_modulus_element_size(all[i].modulus), all[i].size);
	}
}

Test(modulus, numbers_are_those_of_the_wire)
{
	cr_assert_eq(WEIR_MODULUS_M31, 1);
	cr_assert_eq(WEIR_MODULUS_M61, 2);
	cr_assert_eq(WEIR_MODULUS_R32, 3);
	cr_assert_eq(WEIR_MODULUS_R64, 4);
}

Test(modulus, unknown_ones_are_refused)
{
	static const char *const wrong[] = {"", "2^31", "2^31-1 ", " 2^32", "2^61", "2^641", "M31"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		enum weir_modulus modulus = WEIR_MODULUS_R32;
		cr_assert_eq(weir_modulus_parse(wrong[i], &modulus), -EINVAL, "%s", wrong[i]);
		cr_assert_eq(modulus, WEIR_MODULUS_R32);
	}
	cr_assert_null(weir_modulus_name((enum weir_modulus)0));
	cr_assert_null(weir_modulus_name((enum weir_modulus)5));
	cr_assert_null(weir_modulus_name((enum weir_modulus)255));
}
