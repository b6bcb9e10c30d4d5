// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The true sum, and whether the published one is it.
#pragma once

#include "digest.h"
#include "load_event.h"

struct verdict {
	bool compared; // with anything
	bool equal;
	uint64_t clients, weight;              // in the sum
	char digest[2 * WEIR_DIGEST_SIZE + 1]; // SHA-256 of the expected aggregate share
};

// The sum of the shares of these clients at one aggregator: malloc'd, dimension elements. NULL if
// memory is short.
void *verify_expected(const struct load_event *event, unsigned aggregator, const uint32_t *clients,
	uint32_t count);

// The digest of the sum of these clients, their number and weight.
void verify_describe(const struct load_event *event, const uint32_t *clients, uint32_t count,
	const void *sum, struct verdict *verdict);

// The clients (numbers) that we saw sealed, at one aggregator at least, since that means at all:
// malloc'd. NULL if memory is short.
uint32_t *verify_sealed(const struct load_event *event, uint32_t *count);

// Without a published sum: only the digest of what it must be. Returns 0 or -ENOMEM.
int verify_nothing(const struct load_event *event, struct verdict *verdict);

// With the accumulator in the shared memory of the dataplane whose control link is at path: exactly
// the clients that the memory says are sealed, among them all that we saw sealed, and none that we
// abandoned; waits for an open batch. Returns 0 if it could be compared, or -errno after a line.
int verify_memory(const struct load_event *event, const char *path, uint64_t timeout_ms,
	struct verdict *verdict);

// With the .npy file of the aggregate share, which may be written only now. Exactly the clients that
// we saw sealed.
int verify_file(const struct load_event *event, const char *path, uint64_t timeout_ms,
	struct verdict *verdict);
