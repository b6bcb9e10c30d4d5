// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What one direction of a link does to frames, and the words by which a person says it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_direction_index { LINK_A_TO_B, LINK_B_TO_A, LINK_DIRECTIONS };

// A direction as named on the command line: "a-to-b", "b-to-a" or "both".
struct link_target {
	bool chosen[LINK_DIRECTIONS];
};

struct link_parameters {
	double loss, duplicate, reorder, corrupt; // probabilities, 0 to 1
	uint64_t hold_ns;                         // how long a reordered frame is held back
	uint64_t delay_ns;                        // every frame waits this long,
	uint64_t jitter_ns;                       // and up to this much longer, uniformly
	uint64_t rate;                            // bits a second; 0: unlimited
	uint64_t queue_bytes;                     // how much may wait for the rate limit
	bool cut;                                 // nothing passes
};

// A perfect link: everything 0, hold 5 ms, queue 256 KB.
void link_parameters_init(struct link_parameters *parameters);

// Applies a comma-separated list of changes to *parameters, in order:
//
//   loss=P% dup=P% reorder=P% corrupt=P%    probability per frame, 0% to 100%
//   hold=T delay=T jitter=T                 durations: 200us, 2ms, 1.5s (at most an hour)
//   rate=R                                  2.5mbit, 1gbit, 64kbit; 0 lifts the limit
//   queue=B                                 64kb, 1mb, 1500b
//   cut, heal                               stop everything; let it pass again
//   clear                                   back to a perfect link
//
// Returns 0, or -EINVAL with *parameters unchanged and a sentence in error.
int link_parameters_change(
	struct link_parameters *parameters, const char *changes, char *error, size_t error_size);

// "a-to-b", "b-to-a", "both". Returns 0 or -EINVAL.
int link_target_parse(const char *word, struct link_target *target);

// "0", or a number and ns, us, ms or s. Returns 0 or -EINVAL.
int link_duration_parse(const char *word, uint64_t *nanoseconds);
