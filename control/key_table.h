// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A hash table from 32-byte keys (identities, digests) to pointers. Keys may be chosen by strangers:
// the hash is seeded once a table.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KEY_TABLE_KEY 32

struct key_table_entry {
	uint8_t key[KEY_TABLE_KEY];
	void *value; // NULL: free
};

struct key_table {
	struct key_table_entry *entries;
	size_t capacity; // a power of two, or 0
	size_t count;
	uint64_t seed[4];
};

// Returns 0 or -EIO.
int key_table_init(struct key_table *table);
// Frees the table, not what it points to.
void key_table_clear(struct key_table *table);
void *key_table_get(const struct key_table *table, const uint8_t key[KEY_TABLE_KEY]);
// Sets or replaces; value is not NULL. Returns 0 or -ENOMEM.
int key_table_put(struct key_table *table, const uint8_t key[KEY_TABLE_KEY], void *value);
// Removes and returns what was there, or NULL.
void *key_table_remove(struct key_table *table, const uint8_t key[KEY_TABLE_KEY]);
