// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What an accumulator held once a batch was in it, in a file of the state directory. It is complete and
// durable before the batch is acknowledged, and read again only if the dataplane's memory is lost.
//
//   snapshot-EVENT-BATCH: struct snapshot_header | elements as in the accumulator
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "modulus.h"

#define SNAPSHOT_MAGIC   UINT64_C(0x31504e5352494557) // "WEIRSNP1"
#define SNAPSHOT_VERSION 1

struct snapshot_header {
	uint64_t magic;
	uint32_t version;
	uint32_t crc; // CRC-32C of the whole file, this field being 0
	struct weir_digest event;
	struct weir_digest set_digest;
	uint64_t count;  // clients in it
	uint64_t weight; // sum of their weights
	uint64_t dimension;
	uint32_t modulus; // enum weir_modulus
	uint32_t batch;
	uint8_t zero[16];
};
_Static_assert(sizeof(struct snapshot_header) == 128, "file layout");

// Magic, version and crc need not be set. The file is written beside, synced and renamed, so that it is
// there whole or not at all. Returns 0 or -errno.
int snapshot_write(
	const char *directory, const struct snapshot_header *header, const void *elements);
// Opens the file of that event and batch if it is whole and says exactly what is wanted: a descriptor at
// its start, or a negative errno: -ENOENT if there is none, -EBADMSG if it is torn, damaged or of
// another accumulator.
int snapshot_open(const char *directory, const struct snapshot_header *wanted);
// Removes the event's snapshots but those of the two batches (0: none), and what a write that was
// interrupted has left of it.
void snapshot_keep(
	const char *directory, const struct weir_digest *event, uint32_t batch, uint32_t other);
// For each snapshot there is: wanted says whether its event still needs any; else it is removed.
typedef _Bool snapshot_wanted(void *context, const struct weir_digest *event);
void snapshot_sweep(const char *directory, snapshot_wanted *wanted, void *context);
