// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "checksum.h"
#include "crypto_test.h"

Test(checksum, check_value)
{
	// the catalogue's check value of CRC-32C
	cr_assert_eq(weir_crc32c(0, "123456789", 9), 0xe3069283);
	cr_assert_eq(weir_crc32c(0, NULL, 0), 0);
}

// RFC 3720 section B.4, its bytes read as a little-endian number.
Test(checksum, rfc_3720)
{
	uint8_t bytes[48];
	memset(bytes, 0, 32);
	cr_assert_eq(weir_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	cr_assert_eq(weir_crc32c(0, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	cr_assert_eq(weir_crc32c(0, bytes, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	cr_assert_eq(weir_crc32c(0, bytes, 32), 0x113fdb5c);
	cr_assert_eq(unhex("01c00000000000000000000000000000140000000000040000000014"
			   "0000001828000000000000000200000000000000",
			     bytes),
		48);
	cr_assert_eq(weir_crc32c(0, bytes, 48), 0xd9963a56);
}

// Bit by bit, from the polynomial.
static uint32_t slow_crc32c(const uint8_t *bytes, size_t length)
{
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

Test(checksum, every_length_in_pieces)
{
	struct guarded g = guarded_new(700);
	uint64_t state = 1;
	for (size_t i = 0; i < 700; i++)
		g.bytes[i] = (uint8_t)next_random(&state);
	for (size_t length = 0; length <= 700; length++) {
		const uint8_t *bytes = guarded_tail(&g, length);
		const uint32_t whole = weir_crc32c(0, bytes, length);
		const size_t first = length / 3;
		const uint32_t part = weir_crc32c(0, bytes, first);
		cr_assert_eq(whole, slow_crc32c(bytes, length), "%zu bytes", length);
		cr_assert_eq(weir_crc32c(part, bytes + first, length - first), whole);
	}
	guarded_free(&g);
}
