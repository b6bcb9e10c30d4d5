// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "timers.h"

#include <stddef.h>
#include <time.h>

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

uint64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

uint64_t clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

void timer_init(struct timer *timer, void (*fire)(void *context), void *context)
{
	*timer = (struct timer){.fire = fire, .context = context};
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t due_ms)
{
	if (!timer->due_ms) {
		timer->previous = NULL;
		timer->next = timers->first;
		if (timers->first)
			timers->first->previous = timer;
		timers->first = timer;
	}
	timer->due_ms = due_ms ? due_ms : 1;
}

void timer_stop(struct timers *timers, struct timer *timer)
{
	if (!timer->due_ms)
		return;
	if (timer->previous)
		timer->previous->next = timer->next;
	else
		timers->first = timer->next;
	if (timer->next)
		timer->next->previous = timer->previous;
	timer->due_ms = 0;
	timer->next = timer->previous = NULL;
}

// There are a handful for each open event and peer, so a walk is cheaper than an order to keep.
static struct timer *earliest(const struct timers *timers)
{
	struct timer *best = timers->first;

	for (struct timer *timer = best; timer; timer = timer->next)
		if (timer->due_ms < best->due_ms)
			best = timer;
	return best;
}

uint64_t timers_next(const struct timers *timers)
{
	const struct timer *first = earliest(timers);

	return first ? first->due_ms : UINT64_MAX;
}

void timers_run(struct timers *timers, uint64_t now_ms)
{
	struct timer *timer;

	while ((timer = earliest(timers)) && timer->due_ms <= now_ms) {
		timer_stop(timers, timer);
		timer->fire(timer->context);
	}
}
