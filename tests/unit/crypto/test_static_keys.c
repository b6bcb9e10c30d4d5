// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <string.h>
#include <criterion/criterion.h>

#include "crypto_test.h"
#include "static_keys.h"

// Computed apart by agreement_answers.py.
Test(static_keys, known_answers)
{
	uint8_t secret[WEIR_STATIC_SECRET_SIZE], wanted[2][WEIR_PACKET_KEY_SIZE];
	struct weir_packet_keys keys;

	for (unsigned i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	unhex("e4cdfae8ab4b89c1cf8af215d489a17abf15f684c59d7eb6766bf776525303fa", wanted[0]);
	unhex("2aa5417d9d3a43cafc1f9f0d322ee6f570ce00113c463d34af55624eb74fb8e6", wanted[1]);
	cr_assert_eq(weir_static_keys(secret, 0x01020304, 0x0a0b0c0d, &keys), 0);
	cr_expect_eq(memcmp(keys.to_aggregator, wanted[0], sizeof(wanted[0])), 0);
	cr_expect_eq(memcmp(keys.to_client, wanted[1], sizeof(wanted[1])), 0);
}

Test(static_keys, differ_by_event_client_and_secret)
{
	uint8_t secret[WEIR_STATIC_SECRET_SIZE] = {7};
	struct weir_packet_keys keys[4];

	cr_assert_eq(weir_static_keys(secret, 1, 2, &keys[0]), 0);
	cr_assert_eq(weir_static_keys(secret, 2, 2, &keys[1]), 0);
	cr_assert_eq(weir_static_keys(secret, 1, 3, &keys[2]), 0);
	secret[31] = 1;
	cr_assert_eq(weir_static_keys(secret, 1, 2, &keys[3]), 0);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			cr_expect_neq(memcmp(&keys[i], &keys[j], sizeof(keys[i])), 0);
}
