// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "random_stream.h"

static uint64_t splitmix64(uint64_t *counter)
{
	*counter += 0x9e3779b97f4a7c15;
	uint64_t mixed = *counter;
	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 31);
}

void random_stream_init(struct random_stream *stream, uint64_t seed, uint32_t number)
{
	// The seed is mixed before the number is added, lest neighbouring seeds share streams.
	uint64_t counter = seed;
	counter = splitmix64(&counter) + number;

	for (int i = 0; i < 4; i++)
		stream->state[i] = splitmix64(&counter);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

uint64_t random_stream_next(struct random_stream *stream)
{
	uint64_t *state = stream->state;
	uint64_t next = rotate_left(state[1] * 5, 7) * 9;
	uint64_t shifted = state[1] << 17;

	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate_left(state[3], 45);
	return next;
}

double random_fraction(uint64_t bits)
{
	return (double)(bits >> 11) * 0x1p-53;
}
