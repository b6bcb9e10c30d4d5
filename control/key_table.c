// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "key_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

#define CAPACITY_FIRST 64

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}

static size_t place(const struct key_table *table, const uint8_t *key)
{
	uint64_t words[4], hash = 0;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < 4; i++)
		hash = mix(hash + (words[i] ^ table->seed[i]));
	return hash & (table->capacity - 1);
}

// Where the key is, or the free entry where it would be.
static size_t probe(const struct key_table *table, const uint8_t *key)
{
	size_t i = place(table, key);

	while (table->entries[i].value && memcmp(table->entries[i].key, key, KEY_TABLE_KEY))
		i = (i + 1) & (table->capacity - 1);
	return i;
}

static int grow(struct key_table *table)
{
	struct key_table old = *table;

	table->capacity = old.capacity ? 2 * old.capacity : CAPACITY_FIRST;
	table->entries = calloc(table->capacity, sizeof(*table->entries));
	if (!table->entries) {
		*table = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.capacity; i++)
		if (old.entries[i].value)
			table->entries[probe(table, old.entries[i].key)] = old.entries[i];
	free(old.entries);
	return 0;
}

int key_table_init(struct key_table *table)
{
	*table = (struct key_table){0};
	return weir_random_bytes(table->seed, sizeof(table->seed));
}

void key_table_clear(struct key_table *table)
{
	free(table->entries);
	*table = (struct key_table){0};
}

void *key_table_get(const struct key_table *table, const uint8_t key[KEY_TABLE_KEY])
{
	return table->count ? table->entries[probe(table, key)].value : NULL;
}

int key_table_put(struct key_table *table, const uint8_t key[KEY_TABLE_KEY], void *value)
{
	struct key_table_entry *entry;

	if (2 * (table->count + 1) > table->capacity && grow(table))
		return -ENOMEM;
	entry = &table->entries[probe(table, key)];
	if (!entry->value)
		table->count++;
	memcpy(entry->key, key, KEY_TABLE_KEY);
	entry->value = value;
	return 0;
}

void *key_table_remove(struct key_table *table, const uint8_t key[KEY_TABLE_KEY])
{
	size_t hole, mask = table->capacity - 1;
	void *removed;

	if (!table->count)
		return NULL;
	hole = probe(table, key);
	removed = table->entries[hole].value;
	if (!removed)
		return NULL;
	// Entries that were pushed past the hole move back, so that no tombstones are needed.
	for (size_t i = (hole + 1) & mask; table->entries[i].value; i = (i + 1) & mask) {
		size_t home = place(table, table->entries[i].key);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table->entries[hole] = table->entries[i];
			hole = i;
		}
	}
	table->entries[hole] = (struct key_table_entry){0};
	table->count--;
	return removed;
}
