// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Timers of the event loop, and the two clocks: monotonic for what happens here, wall clock for what
// documents say.
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_wall_ms(void);
uint64_t clock_monotonic_us(void);
uint64_t clock_wall_us(void);

// Embedded in whatever it belongs to; zeroed is "not set".
struct timer {
	uint64_t due_ms; // monotonic; 0: not set
	void (*fire)(void *context);
	void *context;
	struct timer *next, *previous;
};

struct timers {
	struct timer *first;
};

// Sets or moves the timer. fire and context are given once, by timer_init.
void timer_init(struct timer *timer, void (*fire)(void *context), void *context);
void timer_set(struct timers *timers, struct timer *timer, uint64_t due_ms);
void timer_stop(struct timers *timers, struct timer *timer);
// When the next one is due; UINT64_MAX if none is set.
uint64_t timers_next(const struct timers *timers);
// Fires all that are due, each once; a timer may set or stop any timer.
void timers_run(struct timers *timers, uint64_t now_ms);
