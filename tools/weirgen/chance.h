// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Numbers that look random and that a seed repeats: SplitMix64 (Steele, Lea, Flood 2014).
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t chance_next(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

// 0 <= x < 1.
static inline double chance_real(uint64_t *state)
{
	return (double)(chance_next(state) >> 11) * 0x1p-53;
}

static inline bool chance_of(uint64_t *state, double probability)
{
	return probability > 0 && chance_real(state) < probability;
}

// 0 <= x < n; n > 0.
static inline uint32_t chance_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((chance_next(state) >> 32) * n >> 32);
}
