// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Sends a client's shares to all aggregators at once over kernel UDP sockets: one non-blocking loop,
// one lane an aggregator (lane.h). dataplane/README.md "The share protocol".
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "aead.h"
#include "agreement.h"
#include "modulus.h"

struct weir_sender;

struct weir_sender_peer {
	const char *name; // for messages
	struct sockaddr_storage address;
	socklen_t address_length;
	uint32_t event; // its number there
	struct weir_packet_keys keys;
	const void *share; // the whole vector; borrowed until the sender is freed
};

struct weir_sender_setup {
	const struct weir_sender_peer *peers;
	size_t peer_count;
	uint32_t client;
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements;
	uint64_t share_nonce;
	uint64_t
		patience_ms; // give up when an aggregator has not answered, or nothing arrived, so long
	const atomic_bool *cancelled;
	// Called now and then; waiting: no aggregator has granted a slot yet. May be NULL.
	void (*progress)(void *opaque, uint64_t received, uint64_t chunks, bool waiting,
		double bytes_per_second);
	void *opaque;
};

// What happened on the wire, all lanes together.
struct weir_sender_counts {
	uint64_t shares;   // SHARE datagrams sent
	uint64_t resent;   // of these, chunks sent before
	uint64_t messages; // REQUEST and QUERY sent
	uint64_t answers;  // authentic ones
	uint64_t ignored;  // datagrams that were not
};

// NULL with errno and a sentence in message (WEIR_CLIENT_TEXT_SIZE bytes).
struct weir_sender *weir_sender_new(const struct weir_sender_setup *setup, char *message);

// Returns 0 when every aggregator has every chunk (or is further along); -ECONNABORTED when one says
// that this client is aborted; -ETIMEDOUT when one is silent; -EAGAIN when all answer but none has
// anything new (they have no slot for it yet); -ECANCELED, -EMSGSIZE (chunks do not fit the path's MTU)
// or another -errno, with a sentence. May be called again after any of them.
int weir_sender_run(struct weir_sender *sender, char *message);

// Makes the next run ask every aggregator again: a batch that was rolled back may have cost one its
// copy.
void weir_sender_doubt(struct weir_sender *sender);

// Chunks that are known to have arrived, at all aggregators together.
uint64_t weir_sender_received(const struct weir_sender *sender);

struct weir_sender_counts weir_sender_counts(const struct weir_sender *sender);

// Wipes the keys. NULL is allowed.
void weir_sender_free(struct weir_sender *sender);
