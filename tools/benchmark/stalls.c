// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How long a CPU is taken away from a loop that does nothing but look at the clock: by the kernel, by
// other programs, by a virtual machine's host. Whoever polls a port misses what arrives meanwhile.

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"

#define STALL_SECONDS 100e-6
#define STALLS_MAX    10000

static const char usage[] =
	"usage: stalls [--seconds S] [--json]\n\n"
	"Looks at the clock without pause and prints how often and how long it could not: moments "
	"of\n"
	"100 microseconds and more, and the longest. Use taskset to choose the CPU.\n";

// Fills stalls, in seconds; returns how many.
static size_t watch(double seconds, double *stalls, double *longest)
{
	double begin = measure_now(), last = begin;
	size_t count = 0;

	*longest = 0;
	while (last - begin < seconds) {
		double now = measure_now(), gap = now - last;

		if (gap > *longest)
			*longest = gap;
		if (gap >= STALL_SECONDS && count < STALLS_MAX)
			stalls[count++] = gap;
		last = now;
	}
	return count;
}

static void print_json(const double *stalls, size_t count, double longest)
{
	printf("{\"program\":\"stalls\",\"longest_us\":%.1f,\"stalls_us\":[", longest * 1e6);
	for (size_t i = 0; i < count; i++)
		printf("%s%.1f", i ? "," : "", stalls[i] * 1e6);
	puts("]}");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	static double stalls[STALLS_MAX];
	double seconds = 1, longest;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 's': seconds = strtod(optarg, NULL); break;
		case 'j': json = true; break;
		case 'h': fputs(usage, stdout); return EXIT_SUCCESS;
		default: fputs(usage, stderr); return 2;
		}
	}
	if (optind < argc || !(seconds > 0 && seconds <= 3600)) {
		fputs(usage, stderr);
		return 2;
	}
	size_t count = watch(seconds, stalls, &longest);
	if (json)
		print_json(stalls, count, longest);
	else
		printf("%zu stalls of 100 us and more in %g s, the longest %.1f us\n", count,
			seconds, longest * 1e6);
	return EXIT_SUCCESS;
}
