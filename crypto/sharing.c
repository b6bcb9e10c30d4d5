// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "sharing.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto_internal.h"
#include "random.h"

enum { STREAM_SIZE = 4096 }; // key stream made at a time; a multiple of every element size

static size_t accept_below_m31(const uint8_t *stream, size_t words, uint8_t *vector, size_t n)
{
	const uint32_t p = (UINT32_C(1) << 31) - 1;
	size_t accepted = 0;
	for (size_t i = 0; i < words && accepted < n; i++) {
		uint32_t candidate;
		memcpy(&candidate, stream + i * sizeof(candidate), sizeof(candidate));
		candidate &= p; // p is all ones: 31 uniform bits, p itself among them
		memcpy(vector + accepted * sizeof(candidate), &candidate, sizeof(candidate));
		accepted += candidate != p; // else the next candidate overwrites it
	}
	return accepted;
}

static size_t accept_below_m61(const uint8_t *stream, size_t words, uint8_t *vector, size_t n)
{
	const uint64_t p = (UINT64_C(1) << 61) - 1;
	size_t accepted = 0;
	for (size_t i = 0; i < words && accepted < n; i++) {
		uint64_t candidate;
		memcpy(&candidate, stream + i * sizeof(candidate), sizeof(candidate));
		candidate &= p;
		memcpy(vector + accepted * sizeof(candidate), &candidate, sizeof(candidate));
		accepted += candidate != p;
	}
	return accepted;
}

size_t weir_uniform_from_stream(enum weir_modulus modulus, const uint8_t *stream,
	size_t stream_bytes, void *vector, size_t n)
{
	const size_t size = weir_modulus_element_size(modulus);
	const size_t words = stream_bytes / size;
	if (modulus == WEIR_MODULUS_M31)
		return accept_below_m31(stream, words, vector, n);
	if (modulus == WEIR_MODULUS_M61)
		return accept_below_m61(stream, words, vector, n);
	const size_t taken = words < n ? words : n; // in a ring every word is an element
	if (taken > 0)
		memcpy(vector, stream, taken * size);
	return taken;
}

// AES-256-CTR under a fresh key from counter 0; the key is used for one vector only.
static EVP_CIPHER_CTX *stream_new(void)
{
	static const uint8_t counter[16];
	uint8_t key[32];
	if (weir_random_bytes(key, sizeof(key)) != 0)
		return NULL;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	if (cipher != NULL &&
		EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), NULL, key, counter) != 1) {
		EVP_CIPHER_CTX_free(cipher);
		cipher = NULL;
	}
	weir_wipe(key, sizeof(key));
	return cipher;
}

int weir_uniform_vector(enum weir_modulus modulus, void *vector, size_t n)
{
	static const uint8_t zeros[STREAM_SIZE];
	const size_t size = weir_modulus_element_size(modulus);
	uint8_t stream[STREAM_SIZE];
	uint8_t *next = vector;
	size_t missing = n;
	int rc = -EIO;
	EVP_CIPHER_CTX *cipher = stream_new();
	if (cipher == NULL)
		goto out;
	while (missing > 0) {
		const size_t wanted = missing < STREAM_SIZE / size ? missing * size : STREAM_SIZE;
		int made = 0;
		if (EVP_EncryptUpdate(cipher, stream, &made, zeros, (int)wanted) != 1 ||
			(size_t)made != wanted)
			goto out;
		const size_t accepted =
			weir_uniform_from_stream(modulus, stream, wanted, next, missing);
		next += accepted * size;
		missing -= accepted;
	}
	rc = 0;
out:
	EVP_CIPHER_CTX_free(cipher); // wipes the key schedule
	weir_wipe(stream, sizeof(stream));
	ERR_clear_error();
	if (rc != 0)
		weir_wipe(vector, n * size);
	return rc;
}

int weir_split(const struct weir_kernels *kernels, enum weir_modulus modulus, const void *secret,
	size_t n, void *const *shares, size_t share_count)
{
	const struct weir_vector_ops *ops = &kernels->ops[modulus];
	const size_t bytes = n * weir_modulus_element_size(modulus);
	int rc = 0;
	if (share_count < 2)
		rc = -EINVAL;
	else if (!ops->is_canonical(secret, n))
		rc = -EDOM;
	for (size_t s = 0; rc == 0 && s + 1 < share_count; s++)
		rc = weir_uniform_vector(modulus, shares[s], n);
	if (rc != 0) {
		for (size_t s = 0; s < share_count; s++)
			weir_wipe(shares[s], bytes);
		return rc;
	}
	void *last = shares[share_count - 1];
	ops->subtract(last, secret, shares[0], n);
	for (size_t s = 1; s + 1 < share_count; s++)
		ops->subtract(last, last, shares[s], n);
	return 0;
}

int weir_reconstruct(const struct weir_kernels *kernels, enum weir_modulus modulus,
	const void *const *shares, size_t share_count, void *secret, size_t n)
{
	const struct weir_vector_ops *ops = &kernels->ops[modulus];
	const size_t bytes = n * weir_modulus_element_size(modulus);
	weir_wipe(secret, bytes);
	if (share_count < 2)
		return -EINVAL;
	for (size_t s = 0; s < share_count; s++)
		if (!ops->is_canonical(shares[s], n))
			return -EDOM;
	ops->add_many(secret, shares, share_count, n);
	return 0;
}
