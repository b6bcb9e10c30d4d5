// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Hands out pieces of a fixed range of bytes: the shared memory's arena, whose bytes are named by
// offset. First fit; neighbouring free pieces are always merged. What is free and what is not is
// kept outside the range, so nobody who can write there can mislead it. Control thread only.
//
// Free bytes are always zero: a new piece needs no clearing, and nothing outlives its owner. Only a range
// that somebody else has used before is not: whoever takes one over takes what is to be kept out of it
// with arena_take, then wipes the rest, before anything is handed out.
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

// The range [offset, offset + size) of the mapping at base; its bytes must be zero, or see above. used is
// kept at the number of bytes handed out. NULL with errno ENOMEM.
struct arena *arena_new(void *base, uint64_t offset, uint64_t size, _Atomic uint64_t *used);

// Leaves the bytes as they are. NULL is allowed.
void arena_delete(struct arena *arena);

// length > 0 zero bytes at *offset, a multiple of alignment (a power of two). Returns 0, -ENOSPC if
// no free piece is large enough, or -ENOMEM; *offset is unchanged on error.
int arena_alloc(struct arena *arena, uint64_t length, uint64_t alignment, uint64_t *offset);

// Hands out exactly [offset, offset + length), length > 0, with its bytes as they are. Returns 0, -EINVAL if
// not all of it is free and in the range (any numbers are allowed), or -ENOMEM.
int arena_take(struct arena *arena, uint64_t offset, uint64_t length);

// Zeroes all that is not handed out.
void arena_wipe_free(struct arena *arena);

// Wipes and takes back exactly what arena_alloc or arena_take gave.
void arena_free(struct arena *arena, uint64_t offset, uint64_t length);

// The largest piece that arena_alloc could give at alignment 1.
uint64_t arena_largest(const struct arena *arena);
