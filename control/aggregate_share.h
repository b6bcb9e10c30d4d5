// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The aggregate share as a file: header, elements, signature. control/README.md "Aggregate share".
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "documents.h"

#define WEIR_AGGREGATE_SHARE_HEADER 136

struct weir_aggregate_share {
	struct weir_digest event;
	struct weir_identity aggregator;
	struct weir_digest set_digest;
	uint64_t count;
	uint64_t weight;
	enum weir_modulus modulus;
	uint64_t dimension;
	const void *elements; // into the buffer, not copied
};

// Bytes of the whole file; 0 if dimension is too large for it.
size_t weir_aggregate_share_size(enum weir_modulus modulus, uint64_t dimension);

// Writes header, elements and signature into buffer (weir_aggregate_share_size bytes). share's
// aggregator must be the key's identity. 0, -EINVAL or -EIO.
int weir_aggregate_share_write(
	const struct weir_aggregate_share *share, const struct weir_signing_key *key, void *buffer);

// Parses, checks exact length, canonical elements and the signature under share->aggregator. The caller
// checks that this aggregator is the one it asked. 0 or -EBADMSG with a sentence.
int weir_aggregate_share_read(const void *buffer, size_t size, struct weir_aggregate_share *share,
	struct weir_document_error *error);
