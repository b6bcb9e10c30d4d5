// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The link's random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna, "Scrambled
// linear pseudorandom number generators", 2021). Not for secrets: the point is that a seed
// gives the same numbers on every machine, for ever.
#pragma once

#include <stdint.h>

struct random_stream {
	uint64_t state[4];
};

// Streams of one seed with different numbers are independent of each other.
void random_stream_init(struct random_stream *stream, uint64_t seed, uint32_t number);

// Returns the next 64 uniform bits.
uint64_t random_stream_next(struct random_stream *stream);

// The fraction that 64 uniform bits stand for: in [0, 1), a multiple of 2^-53.
double random_fraction(uint64_t bits);
