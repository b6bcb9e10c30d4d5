// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// When the steps of an event's end were taken at this appliance, so that an operator can see where the
// time goes from the last share to the published sum. Of steps that are taken more than once, for
// every batch say, the last time counts. By the wall clock, like all times that others get to see, so
// that those of several appliances can be compared as far as their clocks agree.
#pragma once

#include <stdint.h>

#include <jansson.h>

// In the order in which they are taken: name, and what had happened by then. README.md has them too.
#define EVENT_STEPS(STEP)                                                                          \
	STEP(complete, "the last client had every chunk here")                                     \
	STEP(ready, "leader: the last client was complete everywhere")                             \
	STEP(commit, "COMMIT was durable here")                                                    \
	STEP(committed, "the dataplane here held the batch")                                       \
	STEP(acknowledged, "leader: every aggregator held the batch")                              \
	STEP(sealed, "SEALED was durable here")                                                    \
	STEP(freeze, "FREEZE was durable here")                                                    \
	STEP(frozen, "the dataplane here was frozen")                                              \
	STEP(share, "the aggregate share was durable here: it may be fetched")                     \
	STEP(shares, "leader: every aggregator's was")                                             \
	STEP(published, "PUBLISHED was durable here")

enum event_step {
#define EVENT_STEP_ENUM(name, text) EVENT_STEP_##name,
	EVENT_STEPS(EVENT_STEP_ENUM)
#undef EVENT_STEP_ENUM
		EVENT_STEP_COUNT
};

// A commit of the store: when it was done, and how long that took, mostly waiting for the disk.
struct store_sync {
	uint64_t done_us; // since 1970
	uint64_t took_us;
};

struct event_timing {
	uint64_t at_us[EVENT_STEP_COUNT];   // since 1970; 0: not yet
	uint64_t sync_us[EVENT_STEP_COUNT]; // what of it was the store's commit; 0: none
};

// The step has just been taken.
void event_timing_note(struct event_timing *timing, enum event_step step);
// It was taken when the store's last commit was done.
void event_timing_durable(
	struct event_timing *timing, enum event_step step, const struct store_sync *sync);
// {"<step>": microseconds since 1970, ..., "syncs": {"<step>": microseconds, ...}} of the steps taken
// so far, in their order. NULL if out of memory.
json_t *event_timing_json(const struct event_timing *timing);
