// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A small aggregator for one client, in a thread, written from share_packet.h and the dataplane's
// README alone: it receives shares as a dataplane would, over a path that a seed makes bad, and can be
// told to misbehave.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "aead.h"
#include "agreement.h"
#include "sender.h"
#include "share_packet.h"

enum misbehaviour {
	BEHAVE,
	FORGE_ANSWERS, // before each answer: copies of it with one bit changed, and answers under
	// another key that say "complete"
	WRONG_ECHO,  // authentic answers to questions that were never asked, before each real one
	ONLY_FORGED, // nothing but those
	SILENT,
	ABORT_HALFWAY,
	LOSE_THE_SLOT, // once, halfway: everything is gone, the client must ask for a slot again
	LOSE_CHUNKS,   // once, when all is there: some chunks are gone
};

struct udp_aggregator {
	// Set before the start.
	uint32_t event, client;
	struct weir_packet_keys keys;
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements, window;
	uint64_t rate;
	uint32_t waits; // so many times "ask again" before a slot is granted
	uint32_t held;  // chunks that are here from the start (an earlier run of the client)
	unsigned loss, duplicates, reordered; // percent, both directions
	uint64_t seed;
	enum misbehaviour misbehaviour;
	bool is_ipv6;

	// Filled by the start.
	struct sockaddr_storage address;
	socklen_t address_length;
	int socket;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock; // around each datagram
	struct weir_aead *aead;
	struct weir_aead_key from_client, to_client;

	// The thread's until the stop.
	uint8_t *slot;
	bool *here;
	uint32_t chunk_count, received;
	uint8_t state;
	bool misbehaved;
	uint32_t counter;
	uint64_t nonce;
	uint64_t shares, duplicate_shares, bad; // bad: datagrams that no client should send
	uint64_t most_unreported, since_report;
	uint64_t share_nonce;
	bool has_nonce;
	uint8_t *first_copy; // of each chunk's datagram, to compare later copies with
	uint8_t *held_back;  // a datagram that is reordered
	ssize_t held_back_length;
};

void udp_aggregator_start(struct udp_aggregator *aggregator);
// While it runs: forgets all but the first so many chunks, and is in that state from then on; has a slot.
void udp_aggregator_lose(struct udp_aggregator *aggregator, uint32_t kept, uint8_t state);
void udp_aggregator_grant(struct udp_aggregator *aggregator);
void udp_aggregator_stop(struct udp_aggregator *aggregator); // joins the thread, keeps the results
void udp_aggregator_free(struct udp_aggregator *aggregator);
