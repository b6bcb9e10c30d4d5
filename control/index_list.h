// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A growing list of client indexes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct index_list {
	uint32_t *items;
	size_t count, capacity;
};

// Returns 0 or -ENOMEM.
int index_list_add(struct index_list *list, uint32_t index);
// Removes the first n.
void index_list_drop(struct index_list *list, size_t n);
void index_list_clear(struct index_list *list);
// A JSON array of the first n; NULL if out of memory.
json_t *index_list_json(const uint32_t *items, size_t n);
