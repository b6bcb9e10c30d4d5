// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The one place that decides whether a datagram is a well-formed message of the share protocol for
// an event and a client that are known here. Version, type, numbers and length are checked together,
// before anything else looks at the bytes; nothing is decrypted. No mbufs: a fuzzer calls it as it is.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "event.h"
#include "share_packet.h"

// What validate_datagram returns for a good one; every other value is the drop reason.
#define DATAGRAM_VALID WEIR_COUNTER_COUNT

struct datagram {
	struct event *event;
	uint32_t client;      // below event->max_clients, and not in state NONE
	uint32_t chunk;       // SHARE, PARITY: below how many there are; else the message counter
	uint16_t body_length; // ciphertext: what type, event and chunk imply
	uint8_t type;         // WEIR_PACKET_REQUEST, _SHARE, _PARITY or _QUERY
};

// Reads `length` bytes at datagram, of any alignment, and the table. The caller is a worker online
// in table->quiescence: out->event is good until it next reports a quiescent point. Writes *out only
// if it returns DATAGRAM_VALID.
enum weir_counter validate_datagram(const struct event_table *table, const uint8_t *datagram,
	size_t length, struct datagram *out);
