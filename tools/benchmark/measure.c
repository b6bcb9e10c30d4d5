// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "measure.h"

#include <sched.h>
#include <time.h>

static double seconds_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double measure_now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

double measure_thread_cpu(void)
{
	return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

bool measure_cpus(cpu_set_t *cpus)
{
	return sched_getaffinity(0, sizeof(*cpus), cpus) == 0;
}

bool measure_pin(const cpu_set_t *cpus, unsigned index)
{
	cpu_set_t one;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus) || index-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) == 0;
	}
	return false;
}
