// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "static_keys.h"

#include <endian.h>
#include <string.h>

#include "crypto_internal.h"
#include "random.h"

static const char INFO_LABEL[] = "weir static v1"; // without its NUL in the info

static int derive(const uint8_t secret[WEIR_STATIC_SECRET_SIZE], enum weir_direction direction,
	uint32_t event, uint32_t client, uint8_t key[WEIR_PACKET_KEY_SIZE])
{
	uint8_t info[sizeof(INFO_LABEL) - 1 + 1 + 2 * sizeof(uint32_t)];
	uint8_t *next = mempcpy(info, INFO_LABEL, sizeof(INFO_LABEL) - 1);
	event = htole32(event);
	client = htole32(client);
	*next++ = (uint8_t)direction;
	next = mempcpy(next, &event, sizeof(event));
	memcpy(next, &client, sizeof(client));
	return weir_hkdf_sha256(NULL, 0, secret, WEIR_STATIC_SECRET_SIZE, info, sizeof(info), key,
		WEIR_PACKET_KEY_SIZE);
}

int weir_static_keys(const uint8_t secret[WEIR_STATIC_SECRET_SIZE], uint32_t event, uint32_t client,
	struct weir_packet_keys *keys)
{
	int rc = derive(secret, WEIR_TO_AGGREGATOR, event, client, keys->to_aggregator);
	if (rc == 0)
		rc = derive(secret, WEIR_TO_CLIENT, event, client, keys->to_client);
	if (rc != 0)
		weir_wipe(keys, sizeof(*keys));
	return rc;
}
