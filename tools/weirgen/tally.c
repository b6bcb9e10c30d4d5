// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tally.h"

const char *const tally_names[TALLY_COUNT] = {
#define TALLY_NAME(name, text) #name,
	TALLIES(TALLY_NAME)
#undef TALLY_NAME
};

const char *const tally_texts[TALLY_COUNT] = {
#define TALLY_TEXT(name, text) text,
	TALLIES(TALLY_TEXT)
#undef TALLY_TEXT
};

void tally_add(struct tally *sum, const struct tally *other)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)other;

	for (size_t i = 0; i < TALLY_COUNT; i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

struct tally tally_since(const struct tally *now, const struct tally *earlier)
{
	struct tally difference = *now;
	uint64_t *to = (uint64_t *)&difference;
	const uint64_t *from = (const uint64_t *)earlier;

	for (size_t i = 0; i < TALLY_COUNT; i++)
		to[i] -= from[i];
	return difference;
}
