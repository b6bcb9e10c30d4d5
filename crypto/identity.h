// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Ed25519 identities (RFC 8032). An identity is the 32-byte public key, written as 64 lower-case
// hexadecimal digits; the private key lives in a PEM file (PKCS #8, RFC 8410) of mode 0600.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_IDENTITY_SIZE  32
#define WEIR_SIGNATURE_SIZE 64
#define WEIR_HEX_SIZE(n)    (2 * (n) + 1) // with the final NUL

struct weir_identity {
	uint8_t bytes[WEIR_IDENTITY_SIZE];
};

struct weir_signing_key; // an identity with its private half

// A new key from the operating system's CSPRNG; NULL with errno EIO.
struct weir_signing_key *weir_signing_key_generate(void);

// From the 32-byte RFC 8032 secret (tests and vectors). NULL with errno EIO.
struct weir_signing_key *weir_signing_key_from_secret(const uint8_t secret[32]);

// Writes the PEM file, mode 0600, never over an existing file. Returns 0 or -errno (-EEXIST), with
// no file left behind on failure.
int weir_signing_key_save(const struct weir_signing_key *key, const char *path);

// Reads the PEM file. NULL with errno: EACCES also when group or others may read it, EBADMSG when
// it is not an unencrypted Ed25519 private key.
struct weir_signing_key *weir_signing_key_load(const char *path);

// Wipes and frees; NULL is allowed.
void weir_signing_key_free(struct weir_signing_key *key);

const struct weir_identity *weir_signing_key_identity(const struct weir_signing_key *key);

// Every signature in Weir is over context || 0x00 || message, so that a signature made for one
// purpose can never serve another. context is a short ASCII string (signature contexts are listed
// in control/README.md). Returns 0 or -EIO (signature zeroed).
int weir_sign(const struct weir_signing_key *key, const char *context, const void *message,
	size_t length, uint8_t signature[WEIR_SIGNATURE_SIZE]);

// True only for a valid signature.
bool weir_verify(const struct weir_identity *identity, const char *context, const void *message,
	size_t length, const uint8_t signature[WEIR_SIGNATURE_SIZE]);

bool weir_identity_equal(const struct weir_identity *a, const struct weir_identity *b);

// Lower-case hexadecimal; hex has WEIR_HEX_SIZE(size) bytes.
void weir_hex_encode(const uint8_t *bytes, size_t size, char *hex);

// Exactly 2 * size lower-case digits and a NUL. Returns 0, or -EINVAL with bytes zeroed.
int weir_hex_decode(const char *hex, uint8_t *bytes, size_t size);
