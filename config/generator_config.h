// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The traffic generator: the libconfig file that weirgen reads. Every setting is explained in
// config/weirgen.cfg.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance_config.h"

// Clients of an announced event, as the generator plays them.
struct weir_emulated_config {
	uint8_t seed[32];        // every client's key comes from it
	uint32_t clients;        // how many join
	uint32_t first;          // number of the first of them (default 0)
	uint32_t max_weight;     // client i joins with the weight 1 + i % max_weight (default 1)
	uint32_t joins;          // joins under way at a time (default 8)
	char key[WEIR_PATH_MAX]; // the collector's private key
	struct weir_peer_config aggregators[WEIR_PEERS_MAX]; // the leader first
	size_t aggregator_count;
};

struct weir_generator_config {
	char path[WEIR_PATH_MAX];
	// Ports, workers (one queue of every port each), hugepages, packet_memory, packet_buffers,
	// file_prefix and eal_arguments, as a dataplane's; nothing else of it is set.
	struct weir_dataplane_config dataplane;
	bool has_static_event; // else has_emulated
	struct weir_static_event_config static_event;
	struct in_addr destination; // of a static event
	uint16_t destination_port;
	bool has_mac;
	uint8_t mac[6]; // of the destination, or of the router before it; has_mac false: by ARP
	bool has_emulated;
	struct weir_emulated_config emulated;
	uint32_t active;       // uploads at a time, those that wait for a slot or the seal included
	uint32_t interleave;   // chunks of one upload in a row (default 8)
	uint32_t ask_again_ms; // ask for a slot at least so often (default 0: when told to)
	uint64_t line_rate;    // bytes a second; 0: a rate in percent has no meaning
	uint32_t timeout_ms;   // end when nothing has moved for so long (default 10 s)
};

// Returns the config, to be freed by weir_generator_config_free, or NULL with errno and the message
// in error, as weir_appliance_config_load does.
struct weir_generator_config *weir_generator_config_load(
	const char *path, struct weir_config_error *error);
void weir_generator_config_free(struct weir_generator_config *config); // wipes
