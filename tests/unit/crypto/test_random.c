// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "crypto_test.h"
#include "random.h"

// Takes the place of the C library's in this program: a kernel as slow and as unwilling as set.
static size_t most_at_once = SIZE_MAX;
static int calls_until_failure = -1; // -1: never
static int calls;

ssize_t getrandom(void *bytes, size_t length, unsigned int flags)
{
	if (calls_until_failure >= 0 && calls >= calls_until_failure) {
		errno = ENOSYS;
		return -1;
	}
	if (calls++ % 3 == 1 && most_at_once != SIZE_MAX) {
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_getrandom, bytes, length < most_at_once ? length : most_at_once, flags);
}

Test(random, short_and_interrupted_answers_are_completed)
{
	uint8_t a[1000], b[1000];
	most_at_once = 7;
	cr_assert_eq(weir_random_bytes(a, sizeof(a)), 0);
	cr_assert_eq(weir_random_bytes(b, sizeof(b)), 0);
	for (size_t i = 0; i + 10 <= sizeof(a); i += 10)
		cr_assert_neq(memcmp(a + i, b + i, 10), 0);
}

Test(random, failure_leaves_zeroes)
{
	static const uint8_t zero[1000];
	uint8_t a[1000];
	memset(a, 0xff, sizeof(a));
	most_at_once = 100;
	calls_until_failure = 4;
	cr_assert_eq(weir_random_bytes(a, sizeof(a)), -EIO);
	cr_assert_arr_eq(a, zero, sizeof(a));
}

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
