// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What an operator is told of the steps of an event.

#include <criterion/criterion.h>

#include "event_timing.h"
#include "timers.h"

Test(event_timing, tells_nothing_of_steps_that_were_not_taken)
{
	struct event_timing timing = {0};
	json_t *json = event_timing_json(&timing);

	cr_assert(json_object_size(json) == 1);
	cr_assert(json_is_object(json_object_get(json, "syncs")));
	cr_assert(json_object_size(json_object_get(json, "syncs")) == 0);
	json_decref(json);
}

Test(event_timing, notes_a_step_by_the_wall_clock)
{
	struct event_timing timing = {0};
	uint64_t before = clock_wall_us();

	event_timing_note(&timing, EVENT_STEP_frozen);
	json_t *json = event_timing_json(&timing);
	const json_int_t at = json_integer_value(json_object_get(json, "frozen"));

	cr_assert(at >= (json_int_t)before && at <= (json_int_t)clock_wall_us());
	cr_assert(before / 1000 <= clock_wall_ms());
	cr_assert(json_object_size(json) == 2);
	cr_assert(json_object_get(json_object_get(json, "syncs"), "frozen") == NULL);
	json_decref(json);
}

Test(event_timing, a_durable_step_carries_its_commit_and_the_last_time_counts)
{
	const struct store_sync first = {.done_us = 1000, .took_us = 70};
	const struct store_sync second = {.done_us = 5000, .took_us = 30};
	struct event_timing timing = {0};

	event_timing_durable(&timing, EVENT_STEP_commit, &first);
	event_timing_durable(&timing, EVENT_STEP_sealed, &first);
	event_timing_durable(&timing, EVENT_STEP_commit, &second);
	json_t *json = event_timing_json(&timing), *syncs = json_object_get(json, "syncs");

	cr_assert(json_integer_value(json_object_get(json, "commit")) == 5000);
	cr_assert(json_integer_value(json_object_get(syncs, "commit")) == 30);
	cr_assert(json_integer_value(json_object_get(json, "sealed")) == 1000);
	cr_assert(json_integer_value(json_object_get(syncs, "sealed")) == 70);
	json_decref(json);
}

Test(event_timing, steps_are_told_in_the_order_in_which_they_are_taken)
{
	static const char *const order[] = {"complete", "ready", "commit", "committed",
		"acknowledged", "sealed", "freeze", "frozen", "share", "shares", "published",
		"syncs"};
	struct event_timing timing = {0};
	const char *name;
	json_t *value;
	size_t n = 0;

	for (unsigned step = EVENT_STEP_COUNT; step-- > 0;)
		event_timing_note(&timing, step);
	json_t *json = event_timing_json(&timing);
	json_object_foreach(json, name, value)
	{
		cr_assert_str_eq(name, order[n]);
		n++;
	}
	cr_assert(n == sizeof(order) / sizeof(order[0]));
	json_decref(json);
}
