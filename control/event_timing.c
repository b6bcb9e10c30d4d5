// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event_timing.h"

#include "timers.h"

static const char *const names[] = {
#define EVENT_STEP_NAME(name, text) #name,
	EVENT_STEPS(EVENT_STEP_NAME)
#undef EVENT_STEP_NAME
};
_Static_assert(sizeof(names) / sizeof(names[0]) == EVENT_STEP_COUNT, "one name a step");

void event_timing_note(struct event_timing *timing, enum event_step step)
{
	timing->at_us[step] = clock_wall_us();
	timing->sync_us[step] = 0;
}

void event_timing_durable(
	struct event_timing *timing, enum event_step step, const struct store_sync *sync)
{
	timing->at_us[step] = sync->done_us;
	timing->sync_us[step] = sync->took_us;
}

json_t *event_timing_json(const struct event_timing *timing)
{
	json_t *steps = json_object(), *syncs = json_object();

	for (unsigned i = 0; i < EVENT_STEP_COUNT; i++) {
		if (timing->at_us[i])
			json_object_set_new(
				steps, names[i], json_integer((json_int_t)timing->at_us[i]));
		if (timing->sync_us[i])
			json_object_set_new(
				syncs, names[i], json_integer((json_int_t)timing->sync_us[i]));
	}
	if (json_object_set_new(steps, "syncs", syncs)) {
		json_decref(steps);
		return NULL;
	}
	return steps;
}
