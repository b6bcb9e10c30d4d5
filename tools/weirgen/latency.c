// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "latency.h"

#include <math.h>

#define SUB_COUNT (UINT64_C(1) << LATENCY_SUB_BITS)

// Values below SUB_COUNT have a bucket each; from there on each power of two has SUB_COUNT.
static unsigned bucket_of(uint64_t value)
{
	if (value < SUB_COUNT)
		return (unsigned)value;
	unsigned shift = 63 - (unsigned)__builtin_clzll(value) - LATENCY_SUB_BITS;

	return ((shift + 1) << LATENCY_SUB_BITS) + (unsigned)((value >> shift) - SUB_COUNT);
}

// The largest value of a bucket.
static uint64_t top_of(unsigned bucket)
{
	if (bucket < SUB_COUNT)
		return bucket;
	unsigned shift = (bucket >> LATENCY_SUB_BITS) - 1;
	uint64_t lowest = (SUB_COUNT + (bucket & (SUB_COUNT - 1))) << shift;

	return lowest + ((UINT64_C(1) << shift) - 1);
}

void latency_record(struct latency *latency, uint64_t value)
{
	latency->buckets[bucket_of(value)]++;
	latency->count++;
	if (value > latency->most)
		latency->most = value;
}

void latency_add(struct latency *sum, const struct latency *other)
{
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		sum->buckets[i] += other->buckets[i];
	sum->count += other->count;
	if (other->most > sum->most)
		sum->most = other->most;
}

uint64_t latency_quantile(const struct latency *latency, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)latency->count), seen = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->buckets[i];
		if (seen > 0 && seen >= rank)
			return top_of(i) < latency->most ? top_of(i) : latency->most;
	}
	return 0;
}
