// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A static event: an event that a dataplane opens by itself at its start, for load tests without a
// control plane. The dataplane's config and the traffic generator's hold the same group; every
// setting is explained in config/static_event.cfg.
#pragma once

#include <stdint.h>

#include "modulus.h"

enum weir_cipher {
	WEIR_CIPHER_AES_256_GCM,
	WEIR_CIPHER_NONE, // shares travel in the clear and anybody's are accepted: laboratories only
};

struct weir_static_event_config {
	uint32_t number; // of the event in packets, above 0
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements;   // a multiple of 16 (default 352 of 4 bytes, 176 of 8)
	uint32_t clients;          // indexes 0 .. clients - 1, all joined from the start
	uint32_t target_clients;   // frozen once so many are in the sum; default: all
	uint32_t max_weight;       // client i has weight 1 + i % max_weight (default 1)
	uint32_t slots;            // clients that send at a time (default 64)
	uint32_t batch;            // clients committed together at most (default 64)
	uint32_t batch_wait_ms;    // a smaller batch after so long (default 2)
	uint32_t admit_timeout_ms; // a client not complete so long after it was admitted is aborted
				   // (default 10 s)
	enum weir_cipher cipher;
	uint8_t secret[32]; // all clients' keys come from it (crypto/static_keys.h)
	char output[4096];  // .npy file of the aggregate share once the event is frozen; "" none
};

// The weight of a client.
static inline uint32_t weir_static_weight(
	const struct weir_static_event_config *event, uint32_t client)
{
	return 1 + client % event->max_weight;
}
