// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// SHARE datagrams sealed in advance, in a buffer far larger than any cache.
//
// They lie in the order in which they are sent: so many clients at a time as there are slots, taking
// turns with `run` packets each. Each lies behind a gap as long as Ethernet, IP and UDP headers, as
// it does in a received frame.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aead.h"
#include "share_source.h"
#include "static_event.h"

#define PACKET_STORE_HEADERS 42

struct packet_store {
	uint8_t *frames;
	size_t stride;     // from one to the next, whole cache lines
	uint16_t *lengths; // of datagrams
	uint64_t count;
	size_t bytes; // of frames
	bool huge;
};

struct packet_store_options {
	uint32_t first_client; // the store holds clients first_client .. first_client + clients - 1
	uint32_t clients;
	uint32_t run; // packets that a client sends in a row
};

// How many clients' packets fit into so many MiB: whole groups of as many as there are slots, one at
// least.
uint32_t packet_store_fitting(const struct weir_static_event_config *event, uint64_t mib);

// Seals every packet of these clients. Returns 0 or -errno.
int packet_store_init(struct packet_store *store, const struct weir_aead *aead,
	const struct weir_static_event_config *event, const struct share_source *source,
	const struct packet_store_options *options);
void packet_store_free(struct packet_store *store); // zeroed is allowed

static inline uint8_t *packet_store_datagram(const struct packet_store *store, uint64_t i)
{
	return store->frames + i * store->stride + PACKET_STORE_HEADERS;
}
