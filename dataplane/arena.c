// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "arena.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

struct piece {
	uint64_t offset, length;
};

struct arena {
	uint8_t *base;
	_Atomic uint64_t *used;
	struct piece *free; // by offset; never empty pieces, never two that touch
	size_t free_count, free_capacity;
	size_t allocation_count;
};

// Between n allocations there are at most n + 1 free pieces. Room for them is made when memory is
// handed out, so that taking it back cannot fail.
static int make_room(struct arena *arena, size_t allocations)
{
	size_t capacity = arena->free_capacity;
	struct piece *grown;

	if (allocations + 1 <= capacity)
		return 0;
	capacity = 2 * capacity;
	grown = reallocarray(arena->free, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	arena->free = grown;
	arena->free_capacity = capacity;
	return 0;
}

struct arena *arena_new(void *base, uint64_t offset, uint64_t size, _Atomic uint64_t *used)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return NULL;
	arena->base = base;
	arena->used = used;
	arena->free_capacity = 16;
	arena->free = calloc(arena->free_capacity, sizeof(*arena->free));
	if (!arena->free) {
		free(arena);
		return NULL;
	}
	if (size)
		arena->free[arena->free_count++] = (struct piece){offset, size};
	atomic_store(used, 0);
	return arena;
}

void arena_delete(struct arena *arena)
{
	if (!arena)
		return;
	free(arena->free);
	free(arena);
}

static void insert_piece(struct arena *arena, size_t at, uint64_t offset, uint64_t length)
{
	assert(arena->free_count < arena->free_capacity);
	memmove(&arena->free[at + 1], &arena->free[at],
		(arena->free_count - at) * sizeof(*arena->free));
	arena->free[at] = (struct piece){offset, length};
	arena->free_count++;
}

static void remove_piece(struct arena *arena, size_t at)
{
	arena->free_count--;
	memmove(&arena->free[at], &arena->free[at + 1],
		(arena->free_count - at) * sizeof(*arena->free));
}

// Takes [offset, offset + length) out of free piece `at`, which contains it.
static void carve(struct arena *arena, size_t at, uint64_t offset, uint64_t length)
{
	struct piece *piece = &arena->free[at];
	uint64_t before = offset - piece->offset;
	uint64_t after = piece->length - before - length;

	if (before && after) {
		piece->length = before;
		insert_piece(arena, at + 1, offset + length, after);
	} else if (before) {
		piece->length = before;
	} else if (after) {
		*piece = (struct piece){offset + length, after};
	} else {
		remove_piece(arena, at);
	}
}

int arena_alloc(struct arena *arena, uint64_t length, uint64_t alignment, uint64_t *offset)
{
	int error;

	if (length == 0)
		return -ENOSPC;
	error = make_room(arena, arena->allocation_count + 1);
	if (error)
		return error;
	for (size_t at = 0; at < arena->free_count; at++) {
		const struct piece *piece = &arena->free[at];
		uint64_t pad = -piece->offset & (alignment - 1);

		if (piece->length < length || piece->length - length < pad)
			continue;
		*offset = piece->offset + pad;
		carve(arena, at, *offset, length);
		arena->allocation_count++;
		atomic_fetch_add(arena->used, length);
		return 0;
	}
	return -ENOSPC;
}

int arena_take(struct arena *arena, uint64_t offset, uint64_t length)
{
	int error;

	if (length == 0)
		return -EINVAL;
	error = make_room(arena, arena->allocation_count + 1);
	if (error)
		return error;
	for (size_t at = 0; at < arena->free_count; at++) {
		const struct piece *piece = &arena->free[at];

		if (offset < piece->offset || offset - piece->offset > piece->length ||
			length > piece->length - (offset - piece->offset))
			continue;
		carve(arena, at, offset, length);
		arena->allocation_count++;
		atomic_fetch_add(arena->used, length);
		return 0;
	}
	return -EINVAL;
}

void arena_wipe_free(struct arena *arena)
{
	for (size_t at = 0; at < arena->free_count; at++)
		weir_wipe(arena->base + arena->free[at].offset, arena->free[at].length);
}

void arena_free(struct arena *arena, uint64_t offset, uint64_t length)
{
	size_t at = 0;
	bool joins_before, joins_after;

	while (at < arena->free_count && arena->free[at].offset < offset)
		at++;
	assert(at == 0 || arena->free[at - 1].offset + arena->free[at - 1].length <= offset);
	assert(at == arena->free_count || offset + length <= arena->free[at].offset);
	weir_wipe(arena->base + offset, length);

	joins_before = at > 0 && arena->free[at - 1].offset + arena->free[at - 1].length == offset;
	joins_after = at < arena->free_count && arena->free[at].offset == offset + length;
	if (joins_before && joins_after) {
		arena->free[at - 1].length += length + arena->free[at].length;
		remove_piece(arena, at);
	} else if (joins_before) {
		arena->free[at - 1].length += length;
	} else if (joins_after) {
		arena->free[at].offset = offset;
		arena->free[at].length += length;
	} else {
		insert_piece(arena, at, offset, length);
	}
	arena->allocation_count--;
	atomic_fetch_sub(arena->used, length);
}

uint64_t arena_largest(const struct arena *arena)
{
	uint64_t largest = 0;

	for (size_t at = 0; at < arena->free_count; at++) {
		if (arena->free[at].length > largest)
			largest = arena->free[at].length;
	}
	return largest;
}
