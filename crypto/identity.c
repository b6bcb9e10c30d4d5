// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto_internal.h"
#include "identity_key.h"
#include "random.h"

struct weir_signing_key *weir_signing_key_adopt(EVP_PKEY *pkey)
{
	struct weir_signing_key *key = calloc(1, sizeof(*key));
	size_t size = sizeof(key->identity.bytes);
	if (key == NULL || EVP_PKEY_get_raw_public_key(pkey, key->identity.bytes, &size) != 1 ||
		size != sizeof(key->identity.bytes)) {
		ERR_clear_error();
		EVP_PKEY_free(pkey);
		free(key);
		errno = EIO;
		return NULL;
	}
	key->pkey = pkey;
	return key;
}

struct weir_signing_key *weir_signing_key_from_secret(const uint8_t secret[32])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
	if (pkey == NULL) {
		ERR_clear_error();
		errno = EIO;
		return NULL;
	}
	return weir_signing_key_adopt(pkey);
}

struct weir_signing_key *weir_signing_key_generate(void)
{
	uint8_t secret[32];
	if (weir_random_bytes(secret, sizeof(secret)) != 0) {
		errno = EIO;
		return NULL;
	}
	struct weir_signing_key *key = weir_signing_key_from_secret(secret);
	weir_wipe(secret, sizeof(secret));
	return key;
}

void weir_signing_key_free(struct weir_signing_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey); // wipes the private half
	free(key);
}

const struct weir_identity *weir_signing_key_identity(const struct weir_signing_key *key)
{
	return &key->identity;
}

int weir_sign_raw(const struct weir_signing_key *key, const void *message, size_t length,
	uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	size_t size = WEIR_SIGNATURE_SIZE;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const bool ok = md != NULL && EVP_DigestSignInit(md, NULL, NULL, NULL, key->pkey) == 1 &&
			EVP_DigestSign(md, signature, &size, message, length) == 1 &&
			size == WEIR_SIGNATURE_SIZE;
	EVP_MD_CTX_free(md);
	if (!ok) {
		ERR_clear_error();
		memset(signature, 0, WEIR_SIGNATURE_SIZE);
	}
	return ok ? 0 : -EIO;
}

bool weir_verify_raw(const struct weir_identity *identity, const void *message, size_t length,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, identity->bytes, sizeof(identity->bytes));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const bool ok = pkey != NULL && md != NULL &&
			EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
			EVP_DigestVerify(md, signature, WEIR_SIGNATURE_SIZE, message, length) == 1;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ok;
}

// context || 0x00 || message in one allocation: Ed25519 reads its message twice, so OpenSSL wants
// it whole. NULL if memory is short.
static uint8_t *frame(
	const char *context, const void *message, size_t length, size_t *framed_length)
{
	const size_t prefix = strlen(context) + 1;
	if (length > SIZE_MAX - prefix)
		return NULL;
	uint8_t *framed = malloc(prefix + length);
	if (framed == NULL)
		return NULL;
	memcpy(framed, context, prefix);
	if (length > 0)
		memcpy(framed + prefix, message, length);
	*framed_length = prefix + length;
	return framed;
}

int weir_sign(const struct weir_signing_key *key, const char *context, const void *message,
	size_t length, uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	size_t framed_length;
	uint8_t *framed = frame(context, message, length, &framed_length);
	if (framed == NULL) {
		memset(signature, 0, WEIR_SIGNATURE_SIZE);
		return -EIO;
	}
	const int rc = weir_sign_raw(key, framed, framed_length, signature);
	free(framed);
	return rc;
}

bool weir_verify(const struct weir_identity *identity, const char *context, const void *message,
	size_t length, const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	size_t framed_length;
	uint8_t *framed = frame(context, message, length, &framed_length);
	if (framed == NULL)
		return false;
	const bool ok = weir_verify_raw(identity, framed, framed_length, signature);
	free(framed);
	return ok;
}

bool weir_identity_equal(const struct weir_identity *a, const struct weir_identity *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void weir_hex_encode(const uint8_t *bytes, size_t size, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * size] = '\0';
}

// The value of a lower-case digit, -1 for any other character.
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int weir_hex_decode(const char *hex, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const int high = digit_value(hex[2 * i]);
		const int low = high < 0 ? -1 : digit_value(hex[2 * i + 1]);
		if (low < 0)
			goto invalid;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (hex[2 * size] == '\0')
		return 0;
invalid:
	memset(bytes, 0, size);
	return -EINVAL;
}
