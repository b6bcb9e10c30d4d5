// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "decide.h"

enum draw {
	DRAW_LOSS,
	DRAW_DUPLICATE,
	DRAW_REORDER,
	DRAW_CORRUPT,
	DRAW_CORRUPT_BIT,
	DRAW_JITTER,
	DRAWS,
};

struct link_verdict link_decide(
	struct random_stream *stream, const struct link_parameters *parameters)
{
	uint64_t draws[DRAWS];
	struct link_verdict verdict = {0};

	for (int i = 0; i < DRAWS; i++)
		draws[i] = random_stream_next(stream);

	verdict.cut = parameters->cut;
	if (verdict.cut)
		return verdict;
	verdict.lost = random_fraction(draws[DRAW_LOSS]) < parameters->loss;
	if (verdict.lost)
		return verdict;
	verdict.duplicated = random_fraction(draws[DRAW_DUPLICATE]) < parameters->duplicate;
	verdict.held = random_fraction(draws[DRAW_REORDER]) < parameters->reorder;
	verdict.corrupted = random_fraction(draws[DRAW_CORRUPT]) < parameters->corrupt;
	verdict.corrupt_draw = verdict.corrupted ? draws[DRAW_CORRUPT_BIT] : 0;
	verdict.wait_ns = parameters->delay_ns + (uint64_t)(random_fraction(draws[DRAW_JITTER]) *
							    (double)parameters->jitter_ns);
	return verdict;
}
