// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What befalls one frame. No clock, no sockets: the verdict on the n-th frame of a direction is
// a function of the seed, the direction, n and the parameters at that moment, and of nothing else.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parameters.h"
#include "random_stream.h"

struct link_verdict {
	bool cut;        // dropped because the link is cut; the rest is then false and 0
	bool lost;       // dropped by chance; the rest is then false and 0
	bool duplicated; // a second copy follows at once, untouched by reordering
	bool held;       // held back for hold_ns, so that later frames overtake it
	bool corrupted;  // one bit is flipped, the one that corrupt_draw selects
	uint64_t corrupt_draw;
	uint64_t wait_ns; // delay and jitter, without the time held back
};

// Takes the same number of draws for every frame whatever the parameters, so that a change of one
// parameter leaves the fate that the others decide as it was.
struct link_verdict link_decide(
	struct random_stream *stream, const struct link_parameters *parameters);
