// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "crypto_test.h"
#include "digest.h"

static void assert_digest(const struct weir_digest *digest, const char *hex)
{
	uint8_t expected[WEIR_DIGEST_SIZE];
	cr_assert_eq(unhex(hex, expected), WEIR_DIGEST_SIZE);
	cr_assert_arr_eq(digest->bytes, expected, WEIR_DIGEST_SIZE);
}

static const struct {
	const char *message, *digest;
} nist[] = {
	// NIST's examples for FIPS 180-4, and the empty message
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

Test(digest, fips_180_4)
{
	for (size_t i = 0; i < sizeof(nist) / sizeof(nist[0]); i++) {
		struct weir_digest digest;
		cr_assert_eq(weir_sha256(nist[i].message, strlen(nist[i].message), &digest), 0);
		assert_digest(&digest, nist[i].digest);
	}
}

Test(digest, a_million_times_a_in_pieces)
{
	char piece[999];
	struct weir_digest digest;
	struct weir_digest_stream *stream = weir_digest_begin(NULL);
	cr_assert_not_null(stream);
	memset(piece, 'a', sizeof(piece));
	for (size_t left = 1000000; left > 0;) {
		const size_t length = left < sizeof(piece) ? left : sizeof(piece);
		cr_assert_eq(weir_digest_add(stream, piece, length), 0);
		left -= length;
	}
	cr_assert_eq(weir_digest_add(stream, NULL, 0), 0);
	cr_assert_eq(weir_digest_end(stream, &digest), 0);
	assert_digest(&digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// SHA-256 of the bytes "weir test v1" 00 "hello", from Python's hashlib.
Test(digest, context_and_zero_come_first)
{
	static const char hex[] =
		"48ccaa9196c68b816ee9fec67f618b6a7f00a56a58bf63622fff6b0d745e4029";
	struct weir_digest digest;
	cr_assert_eq(weir_digest("weir test v1", "hello", 5, &digest), 0);
	assert_digest(&digest, hex);

	struct weir_digest_stream *stream = weir_digest_begin("weir test v1");
	cr_assert_eq(weir_digest_add(stream, "he", 2), 0);
	cr_assert_eq(weir_digest_add(stream, "llo", 3), 0);
	cr_assert_eq(weir_digest_end(stream, &digest), 0);
	assert_digest(&digest, hex);
}

Test(digest, contexts_part_equal_messages)
{
	struct weir_digest a, b, c;
	cr_assert_eq(weir_digest("a", "bc", 2, &a), 0);
	cr_assert_eq(weir_digest("ab", "c", 1, &b), 0);
	cr_assert_eq(weir_digest("", "abc", 3, &c), 0);
	cr_assert_neq(memcmp(&a, &b, sizeof(a)), 0);
	cr_assert_neq(memcmp(&a, &c, sizeof(a)), 0);
	cr_assert_eq(weir_sha256("abc", 3, &b), 0);
	cr_assert_neq(memcmp(&b, &c, sizeof(b)), 0, "an empty context is not no context");
}
