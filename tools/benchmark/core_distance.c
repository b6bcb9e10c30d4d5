// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How long a cache line takes from one CPU to another and back. On a virtual machine this changes
// while it runs: its host moves a CPU to other cores, perhaps of another cache or socket, and
// everything that two CPUs do together (a generator and a dataplane over shared memory) then takes
// two or three times as long. tools/bench looks before and after it measures.

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define ROUND_TRIPS 20000
#define ROUNDS      5

static _Alignas(128) _Atomic uint64_t ping;
static _Alignas(128) _Atomic uint64_t pong;

static void *answer(void *cpus)
{
	if (!measure_pin(cpus, 1))
		return NULL;
	for (uint64_t i = 1; i <= ROUNDS * ROUND_TRIPS; i++) {
		while (atomic_load_explicit(&ping, memory_order_acquire) != i)
			;
		atomic_store_explicit(&pong, i, memory_order_release);
	}
	return NULL;
}

// Nanoseconds a round trip, the shortest of some rounds.
static double ask(void)
{
	double best = 1;
	uint64_t i = 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		double begin = measure_now();

		for (unsigned trip = 0; trip < ROUND_TRIPS; trip++, i++) {
			atomic_store_explicit(&ping, i, memory_order_release);
			while (atomic_load_explicit(&pong, memory_order_acquire) != i)
				;
		}
		double seconds = measure_now() - begin;
		if (seconds < best)
			best = seconds;
	}
	return best / ROUND_TRIPS * 1e9;
}

int main(int argc, char **argv)
{
	static cpu_set_t cpus;
	pthread_t thread;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		puts("usage: core_distance\n\n"
		     "Prints, as JSON, the time of a cache line's round trip between the first "
		     "two\n"
		     "CPUs that the process may use. Exits 1 if there are not two.");
		return EXIT_SUCCESS;
	}
	if (argc > 1) {
		fprintf(stderr, "core_distance: unexpected argument '%s'\n", argv[1]);
		return 2;
	}
	if (!measure_cpus(&cpus) || CPU_COUNT(&cpus) < 2 || !measure_pin(&cpus, 0) ||
		pthread_create(&thread, NULL, answer, &cpus) != 0) {
		fputs("core_distance: there are not two CPUs\n", stderr);
		return EXIT_FAILURE;
	}
	double nanoseconds = ask();
	pthread_join(thread, NULL);
	printf("{\"program\":\"core_distance\",\"round_trip_ns\":%.1f}\n", nanoseconds);
	return EXIT_SUCCESS;
}
