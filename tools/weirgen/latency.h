// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A histogram of durations after Gil Tene's HdrHistogram: buckets grow with the value, so that every
// value from 0 to 2^64-1 is kept to within 1/64 of itself, in fixed memory and a few instructions.
#pragma once

#include <stdint.h>

#define LATENCY_SUB_BITS 6
#define LATENCY_BUCKETS  ((64 - LATENCY_SUB_BITS + 1) << LATENCY_SUB_BITS)

struct latency {
	uint64_t count;
	uint64_t most; // the largest value
	uint64_t buckets[LATENCY_BUCKETS];
};

void latency_record(struct latency *latency, uint64_t value);
void latency_add(struct latency *sum, const struct latency *other);

// The value below which a share of the values lies, e.g. 0.99; at most 1/64 above the exact one and
// never above the largest. 0 if there is none.
uint64_t latency_quantile(const struct latency *latency, double share);
