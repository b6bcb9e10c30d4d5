// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Datagrams of the share protocol as an emulated client sends them (dataplane/README.md), sealed
// straight into a buffer of the caller's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "share_packet.h"
#include "share_source.h"

// One client of an event at one aggregator.
struct traffic_client {
	uint32_t event; // number at that aggregator
	uint32_t index;
	uint64_t share_nonce; // of all its SHAREs; with a key never used for other content
	const struct weir_aead_key *key; // to the aggregator; NULL: no cipher, and a tag of zeros
};

// Bytes of the SHARE datagram of that chunk.
size_t datagram_share_length(const struct share_source *source, uint32_t chunk);

// Writes the SHARE of the chunk into datagram (datagram_share_length bytes, which is returned).
size_t datagram_share(const struct weir_aead *aead, const struct traffic_client *client,
	const struct share_source *source, uint32_t chunk, uint8_t *datagram);

// Writes a message, REQUEST or QUERY, with the plaintext body of length bytes. nonce: random at
// each start of the generator; counter: up by one for each message of the client. Returns the
// datagram's length, WEIR_PACKET_OVERHEAD + length.
size_t datagram_message(const struct weir_aead *aead, const struct traffic_client *client,
	enum weir_packet_type type, uint64_t nonce, uint32_t counter, const void *body,
	size_t length, uint8_t *datagram);
