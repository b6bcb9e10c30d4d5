// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "arena.h"

#define START UINT64_C(4096)
#define SIZE  (UINT64_C(1) << 20)

static _Alignas(4096) uint8_t memory[START + SIZE];
static _Atomic uint64_t used;

Test(arena, aligns_and_counts)
{
	struct arena *arena = arena_new(memory, START, SIZE, &used);
	uint64_t a, b;

	cr_assert_eq(arena_alloc(arena, 100, 64, &a), 0);
	cr_assert_eq(arena_alloc(arena, 100, 4096, &b), 0);
	cr_assert_eq(a, START);
	cr_assert_eq(b, START + 4096);
	cr_assert_eq(used, 200);
	arena_free(arena, a, 100);
	arena_free(arena, b, 100);
	cr_assert_eq(used, 0);
	cr_assert_eq(arena_largest(arena), SIZE);
	arena_delete(arena);
}

Test(arena, refuses_what_does_not_fit)
{
	struct arena *arena = arena_new(memory, START, SIZE, &used);
	uint64_t offset = 7;

	cr_assert_eq(arena_alloc(arena, SIZE + 1, 1, &offset), -ENOSPC);
	cr_assert_eq(arena_alloc(arena, UINT64_MAX, 4096, &offset), -ENOSPC);
	cr_assert_eq(arena_alloc(arena, 0, 1, &offset), -ENOSPC);
	cr_assert_eq(offset, 7);
	cr_assert_eq(arena_alloc(arena, SIZE, 4096, &offset), 0);
	cr_assert_eq(arena_alloc(arena, 1, 1, &offset), -ENOSPC);
	arena_free(arena, START, SIZE);
	cr_assert_eq(arena_alloc(arena, SIZE, 4096, &offset), 0);
	arena_delete(arena);
}

Test(arena, merges_in_any_order_and_wipes)
{
	static const unsigned orders[][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (size_t order = 0; order < 6; order++) {
		struct arena *arena = arena_new(memory, START, 3 * 4096, &used);
		uint64_t pieces[3];

		for (unsigned i = 0; i < 3; i++) {
			cr_assert_eq(arena_alloc(arena, 4096, 64, &pieces[i]), 0);
			memset(memory + pieces[i], 0xa5, 4096);
		}
		for (unsigned i = 0; i < 3; i++)
			arena_free(arena, pieces[orders[order][i]], 4096);
		cr_assert_eq(arena_largest(arena), 3 * 4096);
		for (uint64_t i = START; i < START + UINT64_C(3) * 4096; i++)
			cr_assert_eq(memory[i], 0);
		arena_delete(arena);
	}
}

// The model: which of the arena's granules belong to which allocation, 0 for none.
#define GRANULE  64
#define GRANULES (SIZE / GRANULE)
#define LIVE_MAX 200

static uint8_t owner[GRANULES];
static struct {
	uint64_t offset, length;
} live[LIVE_MAX];

static uint64_t state = 20260101;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static bool model_has_room(uint64_t granules, uint64_t alignment)
{
	for (uint64_t at = 0; at + granules <= GRANULES; at++) {
		uint64_t run = 0;

		if ((START + at * GRANULE) % alignment)
			continue;
		while (run < granules && !owner[at + run])
			run++;
		if (run == granules)
			return true;
	}
	return false;
}

static void take(struct arena *arena, unsigned slot, uint64_t *in_use)
{
	uint64_t granules = 1 + draw(draw(4) ? 100 : 4000);
	uint64_t alignment = draw(2) ? 64 : 4096;
	uint64_t offset;

	if (arena_alloc(arena, granules * GRANULE, alignment, &offset)) {
		cr_assert(!model_has_room(granules, alignment), "refused although there is room");
		return;
	}
	cr_assert_eq(offset % alignment, 0);
	cr_assert(offset >= START && offset + granules * GRANULE <= START + SIZE);
	for (uint64_t i = 0; i < granules; i++) {
		uint64_t at = (offset - START) / GRANULE + i;

		cr_assert_eq(owner[at], 0, "handed out twice");
		owner[at] = 1;
		cr_assert_eq(memory[offset + i * GRANULE], 0, "not zero");
		memset(memory + offset + i * GRANULE, (int)slot + 1, GRANULE);
	}
	live[slot].offset = offset;
	live[slot].length = granules * GRANULE;
	*in_use += live[slot].length;
}

static void give_back(struct arena *arena, unsigned slot, uint64_t *in_use)
{
	for (uint64_t i = 0; i < live[slot].length; i++)
		cr_assert_eq(memory[live[slot].offset + i], (uint8_t)(slot + 1), "overwritten");
	memset(owner + (live[slot].offset - START) / GRANULE, 0, live[slot].length / GRANULE);
	arena_free(arena, live[slot].offset, live[slot].length);
	*in_use -= live[slot].length;
	live[slot].length = 0;
}

Test(arena, agrees_with_a_model)
{
	struct arena *arena = arena_new(memory, START, SIZE, &used);
	uint64_t in_use = 0;

	for (unsigned step = 0; step < 20000; step++) {
		unsigned slot = (unsigned)draw(LIVE_MAX);

		if (live[slot].length)
			give_back(arena, slot, &in_use);
		else
			take(arena, slot, &in_use);
		cr_assert_eq(used, in_use);
	}
	for (unsigned slot = 0; slot < LIVE_MAX; slot++) {
		if (live[slot].length)
			give_back(arena, slot, &in_use);
	}
	cr_assert_eq(arena_largest(arena), SIZE);
	arena_delete(arena);
}
