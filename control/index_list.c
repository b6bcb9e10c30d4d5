// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "index_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int index_list_add(struct index_list *list, uint32_t index)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		uint32_t *items = realloc(list->items, capacity * sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = index;
	return 0;
}

void index_list_drop(struct index_list *list, size_t n)
{
	list->count -= n;
	memmove(list->items, list->items + n, list->count * sizeof(*list->items));
}

void index_list_clear(struct index_list *list)
{
	free(list->items);
	*list = (struct index_list){0};
}

json_t *index_list_json(const uint32_t *items, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_integer(items[i]));
	return array;
}
