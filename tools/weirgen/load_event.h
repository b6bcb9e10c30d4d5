// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The event that is played: its shape, its aggregators, and every client's keys and fate. A unit is one
// client's share at one aggregator, unit = client x aggregators + aggregator. Workers only read it,
// but for the ends of their own units.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "agreement.h"
#include "generator_config.h"
#include "share_source.h"

struct load_aggregator {
	uint32_t event_number; // in packets to it
	struct share_source source;
	unsigned port;          // index of ours that leads to it
	struct in_addr address; // network order, as `udp_port` is not
	uint16_t udp_port;
	uint8_t mac[6];
	bool has_mac;
};

struct load_event {
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements;
	uint32_t chunk_count;
	enum weir_cipher cipher;
	uint32_t clients;
	uint32_t target_clients; // ends when so many are sealed
	uint32_t max_weight;
	uint32_t first;            // number of the first client, for the weights
	uint64_t admit_timeout_ms; // after that a client that does not finish loses its slot
	uint32_t aggregator_count;
	struct load_aggregator aggregators[WEIR_PEERS_MAX];
	uint32_t units;
	uint32_t *indexes;          // [clients] index in the event; NULL: the client's number
	uint32_t *clients_by_index; // [index_count] and back, UINT32_MAX: nobody of ours
	uint32_t index_count;
	struct weir_packet_keys *keys; // [units]; NULL without cipher
	uint64_t *share_nonces;        // [clients]; NULL: all 0
	uint8_t *ends;                 // [units] enum upload_phase; the unit's worker: rw
};

// The packets of static events differ by key alone, so each client may always use the same nonce: but
// then also the same content, which the source sees to.
int load_event_static(struct load_event *event, const struct weir_generator_config *config);
void load_event_free(struct load_event *event); // wipes the keys; zeroed is allowed

static inline uint32_t load_event_index(const struct load_event *event, uint32_t client)
{
	return event->indexes ? event->indexes[client] : client;
}

// UINT32_MAX or another number beyond the clients: nobody of ours.
static inline uint32_t load_event_client(const struct load_event *event, uint32_t index)
{
	if (!event->clients_by_index)
		return index;
	return index < event->index_count ? event->clients_by_index[index] : UINT32_MAX;
}

static inline uint32_t load_event_weight(const struct load_event *event, uint32_t client)
{
	return 1 + (event->first + client) % event->max_weight;
}

// Whether the client's share has that end at one aggregator or more.
bool load_event_any_ended(const struct load_event *event, uint32_t client, uint8_t end);

// Bytes of a SHARE datagram of a whole chunk.
uint32_t load_event_datagram_bytes(const struct load_event *event);
