// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A join and its split on disk: everything a client needs to send the same bytes again after it was
// killed, and nothing that it could derive anew (a second split under the same keys would give two
// plaintexts for one GCM nonce). One file an event, split-<id>, mode 0600, there from before the join
// is posted until the receipt has been stored.
//
//   offset 0      struct weir_split_header, zero-padded to 4096 bytes
//   offset 4096   the shares, each padded to a multiple of 64 bytes
//   then          CRC-32C of the header's 4096 bytes and the shares (u32, little-endian), 60 zeros
//   then          struct weir_split_position, written in place: if torn, it counts as not there
#pragma once

#include <stdint.h>

#include "agreement.h"
#include "documents.h"
#include "ledger.h"
#include "state_dir.h"

#define WEIR_SPLIT_JOIN_SIZE 1024

struct weir_split_header {
	char magic[8]; // "WEIRSPL1"
	uint32_t modulus;
	uint32_t share_count;
	uint64_t dimension;
	struct weir_digest event;
	struct weir_digest offers;
	struct weir_ledger_tags tags; // which input this is, so that it is recognised
	uint64_t share_nonce;
	uint64_t clipped; // coordinates
	uint8_t private_key[WEIR_AGREEMENT_KEY_SIZE];
	uint8_t join_signature[WEIR_SIGNATURE_SIZE];
	char join[WEIR_SPLIT_JOIN_SIZE]; // text and NUL
};
_Static_assert(sizeof(struct weir_split_header) <= 4096, "the header has one page");

struct weir_split_position {
	uint32_t client; // this client's index
	uint32_t is_set; // 1
	uint64_t zero;
	uint32_t zero2;
	uint32_t checksum; // CRC-32C of the fields before
};

struct weir_split {
	const struct weir_split_header *header; // into the mapping
	void *map;
	size_t size, stride;
	int fd;
	bool is_published; // the file has its name
	char name[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE) + 8];
};

// Makes the file under a temporary name, with the header and room for the shares, which the caller
// fills (weir_split_share) before weir_split_publish makes it durable under its name.
int weir_split_create(const struct weir_state_dir *dir, const struct weir_split_header *header,
	struct weir_split *split);
int weir_split_publish(const struct weir_state_dir *dir, struct weir_split *split);

// Opens the split of an event. Returns 0; -ENOENT; -EACCES (mode or kind of the file); -EBADMSG
// (torn or damaged); another -errno.
int weir_split_open(const struct weir_state_dir *dir, const struct weir_digest *event,
	struct weir_split *split);

// Share i. For writing only between create and publish.
void *weir_split_share(const struct weir_split *split, size_t i);

// The client's index, once known: kept durably. get: false if it is not there.
int weir_split_set_client(struct weir_split *split, uint32_t client);
bool weir_split_get_client(const struct weir_split *split, uint32_t *client);

// Unmaps; a file that was never published is removed.
void weir_split_close(const struct weir_state_dir *dir, struct weir_split *split);

// Gives the split up for good: renames it, so that nothing takes it for a split any more, overwrites the
// secrets, removes the file and closes. Returns 0 or -errno (closed in any case).
int weir_split_destroy(const struct weir_state_dir *dir, struct weir_split *split);

// Finishes what a process that died left of an event: a destruction under way, a split that was never
// published. The caller holds the event's lock. Returns 0 or -errno.
int weir_split_clear(const struct weir_state_dir *dir, const struct weir_digest *event);

// The file of an event's split, whatever is in it.
int weir_split_name(const struct weir_digest *event, char *name, size_t size);
