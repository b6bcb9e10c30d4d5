// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The share protocol, version 1: what a client and a dataplane say to each other over UDP.
//
// One datagram = header (24 bytes, associated data) || AES-256-GCM ciphertext || tag (16 bytes).
// Everything is little-endian. dataplane/README.md describes it byte by byte with test vectors.
// Free of DPDK: clients, the fuzzer and the control plane include it too.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_PACKET_VERSION      1
#define WEIR_PACKET_HEADER_SIZE  24
#define WEIR_PACKET_NONCE_OFFSET 12 // of the 12 bytes chunk || nonce in the header
#define WEIR_PACKET_TAG_SIZE     16
#define WEIR_PACKET_OVERHEAD     (WEIR_PACKET_HEADER_SIZE + WEIR_PACKET_TAG_SIZE)
#define WEIR_DEFAULT_PORT        9347 // "WEIR" on a telephone keypad; UDP for shares, TCP for HTTP

enum weir_packet_type {
	WEIR_PACKET_REQUEST = 1, // client: may I have a slot?
	WEIR_PACKET_GRANT = 2,   // aggregator: yes (window, rate), or ask again in so many ms
	WEIR_PACKET_SHARE = 3,   // client: one chunk of the share
	WEIR_PACKET_PARITY = 4,  // client: forward error correction, in events that have it
	WEIR_PACKET_QUERY = 5,   // client: which chunks have you got, from chunk N on?
	WEIR_PACKET_STATE = 6,   // aggregator: these
};

// The life of a client at one aggregator; on the wire in GRANT and STATE and in shared memory.
enum weir_client_state {
	WEIR_CLIENT_NONE = 0,      // no such client
	WEIR_CLIENT_JOINED = 1,    // in the log; has not asked for a slot
	WEIR_CLIENT_REQUESTED = 2, // asked for a slot; waits for admission
	WEIR_CLIENT_ADMITTED = 3,  // holds a slot; chunks are being received
	WEIR_CLIENT_COMPLETE = 4,  // every chunk is in the slot
	WEIR_CLIENT_COMMITTED = 5, // in the open batch
	WEIR_CLIENT_SEALED = 6,    // in the sum, for good; the slot is free again
	WEIR_CLIENT_ABORTED = 7,   // in no sum; needs a new join
};

// Field `chunk`: the top 4 bits repeat the type; the rest is the chunk's number (SHARE, PARITY) or
// a message counter (the others). With `nonce` it is the GCM nonce: chunk (4 bytes) || nonce (8).
#define WEIR_CHUNK_NUMBER_MASK UINT32_C(0x0fffffff)
#define WEIR_CHUNK_TYPE_SHIFT  28
#define WEIR_CHUNK_COUNT_MAX   (UINT32_C(1) << 28)

struct weir_packet_header {
	uint8_t version;
	uint8_t type;
	uint16_t flags;  // zero in version 1
	uint32_t event;  // the event's number at this aggregator (from its offer)
	uint32_t client; // the client's index in the event
	uint32_t chunk;
	uint64_t nonce;
} __attribute__((packed));
_Static_assert(sizeof(struct weir_packet_header) == WEIR_PACKET_HEADER_SIZE, "wire format");

// Plaintexts. A request is as long as its answer, so that answers never amplify; what it does not
// use is zero and checked to be zero.
struct weir_packet_request {
	uint8_t zero[32];
} __attribute__((packed));

struct weir_packet_grant {
	uint8_t state; // enum weir_client_state
	uint8_t zero[3];
	uint32_t echo;     // message counter of the REQUEST this answers
	uint32_t wait_ms;  // 0: the slot is granted, send; else ask again after so long
	uint32_t window;   // most chunks unacknowledged at any time
	uint64_t rate;     // most bytes a second of datagrams; 0 = not limited
	uint32_t received; // chunks in the slot so far
	uint32_t zero2;
} __attribute__((packed));

#define WEIR_STATE_BITMAP_CHUNKS 1024

struct weir_packet_query {
	uint32_t first; // first chunk of interest, a multiple of 64, below the chunk count
	uint8_t zero[156];
} __attribute__((packed));

struct weir_packet_state {
	uint8_t state; // enum weir_client_state
	uint8_t zero[3];
	uint32_t echo;     // message counter of the QUERY this answers
	uint32_t first;    // as asked
	uint32_t received; // chunks in the slot, of all
	uint32_t window;
	uint32_t wait_ms; // as in GRANT
	uint64_t rate;
	uint8_t bitmap[WEIR_STATE_BITMAP_CHUNKS /
		       8]; // bit i of byte j: chunk first + 8j + i is here
} __attribute__((packed));

_Static_assert(sizeof(struct weir_packet_request) == sizeof(struct weir_packet_grant), "padding");
_Static_assert(sizeof(struct weir_packet_query) == sizeof(struct weir_packet_state), "padding");
_Static_assert(sizeof(struct weir_packet_grant) == 32, "wire format");
_Static_assert(sizeof(struct weir_packet_state) == 160, "wire format");

// How a vector is cut into chunks: the last one may be short, all others have chunk_elements, a
// multiple of 16 (so that every chunk starts on a 64-byte boundary of the slot).
static inline uint32_t weir_chunk_count(uint64_t dimension, uint32_t chunk_elements)
{
	return (uint32_t)((dimension + chunk_elements - 1) / chunk_elements);
}

static inline uint32_t weir_chunk_length(
	uint64_t dimension, uint32_t chunk_elements, uint32_t chunk)
{
	uint64_t rest = dimension - (uint64_t)chunk * chunk_elements;
	return rest < chunk_elements ? (uint32_t)rest : chunk_elements; // elements
}

static inline uint32_t weir_packet_chunk_field(enum weir_packet_type type, uint32_t number)
{
	return (uint32_t)type << WEIR_CHUNK_TYPE_SHIFT | (number & WEIR_CHUNK_NUMBER_MASK);
}
