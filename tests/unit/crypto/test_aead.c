// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <openssl/evp.h>

#include "aead.h"
#include "crypto_test.h"

static struct weir_aead *aead;

static void setup(void)
{
	aead = weir_aead_new();
	cr_assert_not_null(aead);
}

static void teardown(void)
{
	weir_aead_free(aead);
}

TestSuite(aead, .init = setup, .fini = teardown);

// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", the submission to NIST: test
// cases 13 to 16, those of AES-256 with a nonce of 12 bytes (17 and 18 have other nonce lengths).
#define KEY_16 "feffe9928665731c6d6a8f9467308308"
#define PLAINTEXT_60                                                                               \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                         \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define CIPHERTEXT_60                                                                              \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"                         \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
#define ZERO_16 "00000000000000000000000000000000"
static const struct {
	const char *key, *nonce, *associated, *plaintext, *ciphertext, *tag;
} cases[] = {
	{ZERO_16 ZERO_16, "000000000000000000000000", "", "", "",
		"530f8afbc74536b9a963b4f1c4cb738b"},
	{ZERO_16 ZERO_16, "000000000000000000000000", "", ZERO_16,
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{KEY_16 KEY_16, "cafebabefacedbaddecaf888", "", PLAINTEXT_60 "1aafd255",
		CIPHERTEXT_60 "898015ad", "b094dac5d93471bdec1a502270e3cc6c"},
	{KEY_16 KEY_16, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		PLAINTEXT_60, CIPHERTEXT_60, "76fc6ece0f4e1768cddf8853bb2d551b"},
};

Test(aead, published_test_cases)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t key[32], nonce[12], associated[20], plaintext[64], ciphertext[64], tag[16];
		uint8_t sealed[64], opened[64], sealed_tag[16];
		struct weir_aead_key expanded;
		unhex(cases[i].key, key);
		unhex(cases[i].nonce, nonce);
		unhex(cases[i].tag, tag);
		const size_t associated_length = unhex(cases[i].associated, associated);
		const size_t length = unhex(cases[i].plaintext, plaintext);
		cr_assert_eq(unhex(cases[i].ciphertext, ciphertext), length);
		weir_aead_expand(aead, key, &expanded);
		weir_aead_seal(aead, &expanded, nonce, associated, associated_length, plaintext,
			length, sealed, sealed_tag);
		cr_assert_arr_eq(sealed, ciphertext, length);
		cr_assert_arr_eq(sealed_tag, tag, 16);
		cr_assert(weir_aead_open(aead, &expanded, nonce, associated, associated_length,
			ciphertext, length, opened, tag));
		cr_assert_arr_eq(opened, plaintext, length);
	}
}

// OpenSSL's own AES-256-GCM.
static void openssl_seal(const uint8_t key[32], const uint8_t nonce[12], const void *associated,
	size_t associated_length, const void *plaintext, size_t length, uint8_t *ciphertext,
	uint8_t tag[16])
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int made;
	cr_assert_eq(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce), 1);
	if (associated_length > 0)
		cr_assert_eq(
			EVP_EncryptUpdate(cipher, NULL, &made, associated, (int)associated_length),
			1);
	if (length > 0)
		cr_assert_eq(
			EVP_EncryptUpdate(cipher, ciphertext, &made, plaintext, (int)length), 1);
	cr_assert_eq(EVP_EncryptFinal_ex(cipher, ciphertext + length, &made), 1);
	cr_assert_eq(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, tag), 1);
	EVP_CIPHER_CTX_free(cipher);
}

// One length: both ciphers agree, in place too, and nothing outside the buffers is touched.
static void check_length(size_t length, size_t associated_length)
{
	uint64_t state = 1 + length * 1000 + associated_length;
	uint8_t key[32], nonce[12], tag[16], expected_tag[16], associated[64];
	uint8_t *expected = malloc(length + 16);
	struct guarded from = guarded_new(length), to = guarded_new(length);
	struct weir_aead_key expanded;
	for (size_t i = 0; i < 32; i++)
		key[i] = (uint8_t)next_random(&state);
	for (size_t i = 0; i < 12; i++)
		nonce[i] = (uint8_t)next_random(&state);
	for (size_t i = 0; i < associated_length; i++)
		associated[i] = (uint8_t)next_random(&state);
	for (size_t i = 0; i < length; i++)
		from.bytes[i] = (uint8_t)next_random(&state);
	openssl_seal(key, nonce, associated, associated_length, from.bytes, length, expected,
		expected_tag);
	weir_aead_expand(aead, key, &expanded);

	weir_aead_seal(aead, &expanded, nonce, associated, associated_length, from.bytes, length,
		to.bytes, tag);
	cr_assert(memcmp(to.bytes, expected, length) == 0, "%zu bytes", length);
	cr_assert(memcmp(tag, expected_tag, 16) == 0, "%zu bytes", length);
	cr_assert(weir_aead_open(aead, &expanded, nonce, associated, associated_length, to.bytes,
		length, to.bytes, tag));
	cr_assert(memcmp(to.bytes, from.bytes, length) == 0, "%zu bytes", length);
	weir_aead_seal(aead, &expanded, nonce, associated, associated_length, from.bytes, length,
		from.bytes, tag);
	cr_assert(memcmp(from.bytes, expected, length) == 0, "%zu bytes", length);
	cr_assert(guarded_is_intact(&from, from.bytes) && guarded_is_intact(&to, to.bytes));
	guarded_free(&from);
	guarded_free(&to);
	free(expected);
}

Test(aead, agrees_with_openssl_for_every_length)
{
	for (size_t length = 0; length <= 300; length++)
		check_length(length, length % 61);
	for (size_t associated_length = 0; associated_length <= 64; associated_length++)
		check_length(96, associated_length);
	check_length(1408, 24);
	check_length(8192, 24);
}

Test(aead, any_flipped_bit_is_refused)
{
	uint8_t key[32] = {1}, nonce[12] = {2}, associated[24] = {3}, plaintext[80] = {4};
	uint8_t ciphertext[80], opened[80], tag[16];
	struct weir_aead_key expanded;
	weir_aead_expand(aead, key, &expanded);
	weir_aead_seal(aead, &expanded, nonce, associated, sizeof(associated), plaintext,
		sizeof(plaintext), ciphertext, tag);
	const struct {
		uint8_t *bytes;
		size_t size;
	} parts[] = {{nonce, 12}, {associated, 24}, {ciphertext, 80}, {tag, 16}};
	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		for (size_t bit = 0; bit < 8 * parts[part].size; bit++) {
			parts[part].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			const bool ok = weir_aead_open(aead, &expanded, nonce, associated,
				sizeof(associated), ciphertext, sizeof(ciphertext), opened, tag);
			parts[part].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			cr_assert(!ok, "part %zu, bit %zu", part, bit);
		}
	}
	cr_assert(!weir_aead_open(
		aead, &expanded, nonce, associated, 23, ciphertext, 80, opened, tag));
	cr_assert(!weir_aead_open(
		aead, &expanded, nonce, associated, 24, ciphertext, 79, opened, tag));
	key[31] ^= 1;
	weir_aead_expand(aead, key, &expanded);
	cr_assert(!weir_aead_open(
		aead, &expanded, nonce, associated, 24, ciphertext, 80, opened, tag));
	key[31] ^= 1;
	weir_aead_expand(aead, key, &expanded);
	cr_assert(weir_aead_open(
		aead, &expanded, nonce, associated, 24, ciphertext, 80, opened, tag));
	cr_assert_arr_eq(opened, plaintext, 80);
}

Test(aead, freeing_nothing_is_allowed)
{
	weir_aead_free(NULL);
}
