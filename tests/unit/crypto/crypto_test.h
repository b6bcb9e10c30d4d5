// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Helpers of the tests of crypto/.
#pragma once

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// A buffer whose last byte is the last before a page that may not be touched, and whose first
// follows bytes that guarded_is_intact checks.
struct guarded {
	uint8_t *map;
	size_t map_size;
	uint8_t *bytes;
	size_t size;
};

enum { GUARD_FILL = 0xa5 };

static inline struct guarded guarded_new(size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t body = (size / page + 2) * page;
	struct guarded g = {.map_size = body + page, .size = size};
	g.map = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(g.map, MAP_FAILED);
	cr_assert_eq(mprotect(g.map + body, page, PROT_NONE), 0);
	memset(g.map, GUARD_FILL, body);
	g.bytes = g.map + body - size;
	return g;
}

static inline void guarded_free(struct guarded *g)
{
	munmap(g->map, g->map_size);
}

// The last size bytes of the buffer; the ones before must stay as they are.
static inline void *guarded_tail(const struct guarded *g, size_t size)
{
	return g->bytes + g->size - size;
}

// True if the bytes from the start of the page of `from` up to it still have their fill.
static inline int guarded_is_intact(const struct guarded *g, const void *from)
{
	const uint8_t *p = from;
	for (int i = 1; i <= 64 && p - i >= g->map; i++)
		if (p[-i] != GUARD_FILL)
			return 0;
	return 1;
}

// Bytes from hexadecimal; returns how many.
static inline size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned int byte;
	for (; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}

// A generator for inputs; the same every run.
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}
