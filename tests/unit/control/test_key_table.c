// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The table against a plain array, through growth, collisions and removals in any order.

#include <criterion/criterion.h>

#include "key_table.h"
#include "timers.h"

#define KEYS 300

static void make_key(unsigned number, uint8_t key[KEY_TABLE_KEY])
{
	for (unsigned i = 0; i < KEY_TABLE_KEY; i++)
		key[i] = (uint8_t)(i < 30 ? 7 : number >> (8 * (i - 30))); // alike but for the end
}

Test(key_table, agrees_with_an_array_through_any_order_of_puts_and_removals)
{
	static int values[KEYS];
	bool present[KEYS] = {false};
	uint8_t key[KEY_TABLE_KEY];
	struct key_table table;
	size_t count = 0;
	uint32_t random = 12345;

	cr_assert(key_table_init(&table) == 0);
	for (unsigned step = 0; step < 20000; step++) {
		random = random * 1664525 + 1013904223;
		unsigned i = (random >> 8) % KEYS;
		make_key(i, key);
		if (random >> 31) {
			cr_assert(key_table_put(&table, key, &values[i]) == 0);
			count += !present[i];
			present[i] = true;
		} else {
			cr_assert(
				key_table_remove(&table, key) == (present[i] ? &values[i] : NULL));
			count -= present[i];
			present[i] = false;
		}
		cr_assert(table.count == count);
		for (unsigned j = step % 17; j < KEYS; j += 17) {
			make_key(j, key);
			cr_assert(key_table_get(&table, key) == (present[j] ? &values[j] : NULL));
		}
	}
	key_table_clear(&table);
	cr_assert(key_table_get(&table, key) == NULL);
	cr_assert(key_table_remove(&table, key) == NULL);
}

struct trace {
	struct timers timers;
	struct timer timer[3];
	unsigned fired;
};

static void note(void *context)
{
	struct trace *trace = context;

	trace->fired++;
}

static void stop_the_next_and_start_again(void *context)
{
	struct trace *trace = context;

	trace->fired += 100;
	timer_stop(&trace->timers, &trace->timer[1]);
	timer_set(&trace->timers, &trace->timer[0], 50);
}

Test(timers, fire_once_in_order_and_may_stop_each_other)
{
	struct trace trace = {0};

	timer_init(&trace.timer[0], stop_the_next_and_start_again, &trace);
	timer_init(&trace.timer[1], note, &trace);
	timer_init(&trace.timer[2], note, &trace);
	cr_assert(timers_next(&trace.timers) == UINT64_MAX);
	timer_set(&trace.timers, &trace.timer[1], 20);
	timer_set(&trace.timers, &trace.timer[0], 10);
	timer_set(&trace.timers, &trace.timer[2], 30);
	timer_set(&trace.timers, &trace.timer[2], 40); // moved
	cr_assert(timers_next(&trace.timers) == 10);
	timers_run(&trace.timers, 9);
	cr_assert(trace.fired == 0);
	timers_run(&trace.timers, 30); // 0 stops 1, and comes again at 50
	cr_assert(trace.fired == 100);
	cr_assert(timers_next(&trace.timers) == 40);
	timers_run(&trace.timers, 45);
	cr_assert(trace.fired == 101);
	timer_stop(&trace.timers, &trace.timer[0]);
	timer_stop(&trace.timers, &trace.timer[0]);
	cr_assert(timers_next(&trace.timers) == UINT64_MAX);
}
