// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Key agreement of one join: X25519 (RFC 7748) between the client's per-join key and the
// aggregator's per-event key, then HKDF-SHA256 (RFC 5869), one key a direction.
//
//   secret = X25519(own private, peer public)        (an all-zero result is refused)
//   salt   = event digest (32 bytes)
//   info   = "weir share v1" || direction (1 byte) || client identity || aggregator identity
//   key    = HKDF-SHA256(salt, secret, info, 32)
#pragma once

#include <stdint.h>

#include "digest.h"
#include "identity.h"

#define WEIR_AGREEMENT_KEY_SIZE 32 // X25519 private and public keys
#define WEIR_PACKET_KEY_SIZE    32 // AES-256

enum weir_direction {
	WEIR_TO_AGGREGATOR = 1, // REQUEST, SHARE, PARITY, QUERY
	WEIR_TO_CLIENT = 2,     // GRANT, STATE
};

struct weir_agreement_pair {
	uint8_t private_key[WEIR_AGREEMENT_KEY_SIZE];
	uint8_t public_key[WEIR_AGREEMENT_KEY_SIZE];
};

struct weir_packet_keys {
	uint8_t to_aggregator[WEIR_PACKET_KEY_SIZE];
	uint8_t to_client[WEIR_PACKET_KEY_SIZE];
};

// A fresh pair. Returns 0, or -EIO with the pair zeroed.
int weir_agreement_generate(struct weir_agreement_pair *pair);

// The public half of a private key. Returns 0 or -EIO.
int weir_agreement_public(const uint8_t private_key[WEIR_AGREEMENT_KEY_SIZE],
	uint8_t public_key[WEIR_AGREEMENT_KEY_SIZE]);

// Both directions' keys, the same at client and aggregator. Returns 0; -EBADMSG if the peer's key
// is a low-order point; -EIO. keys are zeroed on error.
int weir_agree(const uint8_t private_key[WEIR_AGREEMENT_KEY_SIZE],
	const uint8_t peer_public[WEIR_AGREEMENT_KEY_SIZE], const struct weir_digest *event_digest,
	const struct weir_identity *client, const struct weir_identity *aggregator,
	struct weir_packet_keys *keys);
