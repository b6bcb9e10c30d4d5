// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Clock and CPUs of the benchmarks.
#pragma once

#include <sched.h>
#include <stdbool.h>

// Seconds since some moment.
double measure_now(void);

// CPU seconds of the calling thread so far.
double measure_thread_cpu(void);

// The CPUs of the calling thread. Ask before anything is pinned.
bool measure_cpus(cpu_set_t *cpus);

// The calling thread stays on the index-th of these CPUs. Returns false if there are not so many:
// two threads on one CPU would measure each other.
bool measure_pin(const cpu_set_t *cpus, unsigned index);
