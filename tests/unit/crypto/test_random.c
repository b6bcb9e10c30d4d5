// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "crypto_test.h"
#include "random.h"

Test(random, fills_everything_and_never_twice_the_same)
{
	// More than getrandom gives at once without a signal able to cut it short (256 bytes).
	static uint8_t a[5000], b[5000];
	unsigned int bits = 0;
	cr_assert_eq(weir_random_bytes(a, sizeof(a)), 0);
	cr_assert_eq(weir_random_bytes(b, sizeof(b)), 0);
	cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
	cr_assert_neq(memcmp(a + 4984, b + 4984, 16), 0);
	for (size_t i = 0; i < sizeof(a); i++)
		bits += (unsigned int)__builtin_popcount(a[i]);
	// 40000 fair bits: 20000 +- 10 standard deviations of 100
	cr_assert(bits > 19000 && bits < 21000, "%u of 40000 bits are set", bits);
}

Test(random, touches_nothing_else)
{
	struct guarded g = guarded_new(100);
	cr_assert_eq(weir_random_bytes(g.bytes, 100), 0);
	cr_assert(guarded_is_intact(&g, g.bytes));
	weir_wipe(g.bytes, 100);
	for (size_t i = 0; i < 100; i++)
		cr_assert_eq(g.bytes[i], 0);
	cr_assert(guarded_is_intact(&g, g.bytes));
	guarded_free(&g);
}

Test(random, nothing_is_allowed)
{
	cr_assert_eq(weir_random_bytes(NULL, 0), 0);
	weir_wipe(NULL, 0);
}
