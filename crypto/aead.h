// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// AES-256-GCM (NIST SP 800-38D) for packets, by Intel ipsec-mb's direct API.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_AEAD_KEY_SIZE   32
#define WEIR_AEAD_NONCE_SIZE 12
#define WEIR_AEAD_TAG_SIZE   16

// One CPU-dispatched instance, read-only after creation; threads may share it.
struct weir_aead;

// An expanded key (round keys and GHASH powers), about 1 KB. A secret: wipe it after use.
struct weir_aead_key {
	_Alignas(64) uint8_t schedule[1024];
};

// NULL with errno ENODEV (no usable AES instructions) or ENOMEM.
struct weir_aead *weir_aead_new(void);
void weir_aead_free(struct weir_aead *aead);

void weir_aead_expand(const struct weir_aead *aead, const uint8_t key[WEIR_AEAD_KEY_SIZE],
	struct weir_aead_key *out);

// ciphertext and plaintext may be the same buffer or must not overlap.
void weir_aead_seal(const struct weir_aead *aead, const struct weir_aead_key *key,
	const uint8_t nonce[WEIR_AEAD_NONCE_SIZE], const void *associated, size_t associated_length,
	const void *plaintext, size_t length, void *ciphertext, uint8_t tag[WEIR_AEAD_TAG_SIZE]);

// Decrypts and compares the tag in constant time. Returns true if it is authentic. The plaintext
// buffer is written in either case: a caller that gets false must treat its content as garbage.
bool weir_aead_open(const struct weir_aead *aead, const struct weir_aead_key *key,
	const uint8_t nonce[WEIR_AEAD_NONCE_SIZE], const void *associated, size_t associated_length,
	const void *ciphertext, size_t length, void *plaintext,
	const uint8_t tag[WEIR_AEAD_TAG_SIZE]);
