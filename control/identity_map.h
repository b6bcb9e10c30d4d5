// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A hash table from 32 bytes (identities, digests) to an index. The hash is keyed at random, so
// that nobody can choose identities that make it slow.
#pragma once

#include <stdint.h>
#include <stddef.h>

#define WEIR_MAP_KEY_SIZE 32

struct weir_identity_map;

// NULL with errno ENOMEM or EIO.
struct weir_identity_map *weir_identity_map_new(void);
void weir_identity_map_free(struct weir_identity_map *map);

// Room for one key more: 0, or -ENOMEM with the map as it was. The next put then cannot fail.
int weir_identity_map_reserve(struct weir_identity_map *map);

// Sets the key's index, new or not.
void weir_identity_map_put(
	struct weir_identity_map *map, const uint8_t key[WEIR_MAP_KEY_SIZE], uint32_t index);

// The key's index, or -ENOENT.
int64_t weir_identity_map_get(
	const struct weir_identity_map *map, const uint8_t key[WEIR_MAP_KEY_SIZE]);

// The map's hash function, SipHash-2-4 (Aumasson and Bernstein, 2012) of 32 bytes.
uint64_t weir_siphash_32(const uint8_t seed[16], const uint8_t key[WEIR_MAP_KEY_SIZE]);
