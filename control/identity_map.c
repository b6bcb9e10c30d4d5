// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "identity_map.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

#define FIRST_CAPACITY 64

struct slot {
	uint8_t key[WEIR_MAP_KEY_SIZE];
	uint32_t index;
	bool used;
};

// Open addressing with linear probing, at most two thirds full; nothing is ever removed.
struct weir_identity_map {
	struct slot *slots;
	size_t capacity; // a power of two
	size_t count;
	uint8_t seed[16];
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

uint64_t weir_siphash_32(const uint8_t seed[16], const uint8_t key[WEIR_MAP_KEY_SIZE])
{
	uint64_t k[2], words[5];

	memcpy(k, seed, sizeof(k)); // the host is little-endian
	memcpy(words, key, WEIR_MAP_KEY_SIZE);
	words[4] = (uint64_t)WEIR_MAP_KEY_SIZE << 56;
	uint64_t v[4] = {k[0] ^ UINT64_C(0x736f6d6570736575), k[1] ^ UINT64_C(0x646f72616e646f6d),
		k[0] ^ UINT64_C(0x6c7967656e657261), k[1] ^ UINT64_C(0x7465646279746573)};
	for (size_t i = 0; i < 5; i++) {
		v[3] ^= words[i];
		sip_rounds(v, 2);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct weir_identity_map *weir_identity_map_new(void)
{
	struct weir_identity_map *map = calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->capacity = FIRST_CAPACITY;
	map->slots = calloc(map->capacity, sizeof(*map->slots));
	if (map->slots == NULL) {
		free(map);
		return NULL;
	}
	if (weir_random_bytes(map->seed, sizeof(map->seed)) != 0) {
		weir_identity_map_free(map);
		errno = EIO;
		return NULL;
	}
	return map;
}

void weir_identity_map_free(struct weir_identity_map *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map);
}

// The key's slot, or the free one where it belongs.
static struct slot *slot_of(const struct weir_identity_map *map, const uint8_t *key)
{
	size_t i = weir_siphash_32(map->seed, key) & (map->capacity - 1);

	while (map->slots[i].used && memcmp(map->slots[i].key, key, WEIR_MAP_KEY_SIZE) != 0)
		i = (i + 1) & (map->capacity - 1);
	return &map->slots[i];
}

int weir_identity_map_reserve(struct weir_identity_map *map)
{
	if ((map->count + 1) * 3 <= map->capacity * 2)
		return 0;
	struct weir_identity_map grown = *map;
	grown.capacity = 2 * map->capacity;
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	if (grown.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].used)
			*slot_of(&grown, map->slots[i].key) = map->slots[i];
	free(map->slots);
	*map = grown;
	return 0;
}

void weir_identity_map_put(
	struct weir_identity_map *map, const uint8_t key[WEIR_MAP_KEY_SIZE], uint32_t index)
{
	struct slot *slot = slot_of(map, key);

	if (!slot->used) {
		assert((map->count + 1) * 3 <= map->capacity * 2); // weir_identity_map_reserve
		memcpy(slot->key, key, WEIR_MAP_KEY_SIZE);
		slot->used = true;
		map->count++;
	}
	slot->index = index;
}

int64_t weir_identity_map_get(
	const struct weir_identity_map *map, const uint8_t key[WEIR_MAP_KEY_SIZE])
{
	const struct slot *slot = slot_of(map, key);

	return slot->used ? (int64_t)slot->index : -ENOENT;
}
