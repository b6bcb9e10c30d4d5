// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Packet keys of a static event: an event in a dataplane's config file, for load tests without a
// control plane. Whoever has the secret of the file has the keys of all its clients.
//
//   info = "weir static v1" || direction (1 byte) || event number (u32) || client index (u32)
//   key  = HKDF-SHA256(no salt, secret, info, 32)                (RFC 5869; integers little-endian)
#pragma once

#include <stdint.h>

#include "agreement.h"

#define WEIR_STATIC_SECRET_SIZE 32

// Both directions' keys of one client. Returns 0, or -EIO with keys zeroed.
int weir_static_keys(const uint8_t secret[WEIR_STATIC_SECRET_SIZE], uint32_t event, uint32_t client,
	struct weir_packet_keys *keys);
