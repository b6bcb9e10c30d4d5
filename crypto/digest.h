// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// SHA-256 (FIPS 180-4) with the same context || 0x00 || message form as signatures.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WEIR_DIGEST_SIZE 32

struct weir_digest {
	uint8_t bytes[WEIR_DIGEST_SIZE];
};

// SHA-256(context || 0x00 || message). Returns 0, or -EIO with the digest zeroed.
int weir_digest(const char *context, const void *message, size_t length, struct weir_digest *out);

// Plain SHA-256 of a buffer.
int weir_sha256(const void *message, size_t length, struct weir_digest *out);

// The same in pieces: weir_digest_begin, any number of _add, one _end (which frees it). A context
// of NULL gives plain SHA-256. NULL with errno EIO or ENOMEM.
struct weir_digest_stream;
struct weir_digest_stream *weir_digest_begin(const char *context);
int weir_digest_add(struct weir_digest_stream *stream, const void *bytes, size_t length);
int weir_digest_end(struct weir_digest_stream *stream, struct weir_digest *out);
