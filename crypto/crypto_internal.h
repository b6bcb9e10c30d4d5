// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Parts of crypto/ that only its own files and tests call, so that the published test vectors of
// the primitives can be checked without Weir's own framing around them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"
#include "modulus.h"

// Ed25519 over exactly these bytes, without a context (RFC 8032 section 5.1).
int weir_sign_raw(const struct weir_signing_key *key, const void *message, size_t length,
	uint8_t signature[WEIR_SIGNATURE_SIZE]);
bool weir_verify_raw(const struct weir_identity *identity, const void *message, size_t length,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);

// X25519 (RFC 7748 section 6.1). Returns 0; -EBADMSG if the result is all zero; -EIO.
int weir_x25519(const uint8_t private_key[32], const uint8_t peer_public[32], uint8_t secret[32]);

// HKDF-SHA256, extract and expand (RFC 5869). Returns 0, or -EIO with out zeroed.
int weir_hkdf_sha256(const void *salt, size_t salt_length, const void *secret, size_t secret_length,
	const void *info, size_t info_length, void *out, size_t out_length);

// Turns a key stream of whole elements (stream_bytes is a multiple of the element size) into
// uniform canonical elements: each candidate keeps as many low bits as the modulus has, and one
// that equals the modulus is skipped. Writes at most n elements to vector; returns how many.
size_t weir_uniform_from_stream(enum weir_modulus modulus, const uint8_t *stream,
	size_t stream_bytes, void *vector, size_t n);
