// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every tier of the arithmetic against memcpy and against a pure read of the same buffers, which are
// larger than the second-level cache. The three take turns, so that what slows the machine down
// slows all of them.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "event_options.h"
#include "huge_memory.h"
#include "kernels.h"
#include "measure.h"
#include "sample.h"
#include "sharing.h"

#define BUFFER_BYTES ((size_t)64 << 20)
#define SOURCES_MAX  64
#define REPEATS_MAX  1000

struct bench {
	uint8_t *buffer; // BUFFER_BYTES of canonical elements of the modulus
	uint8_t *accumulator;
	const struct weir_vector_ops *ops;
	size_t element_size;
	const void *sources[SOURCES_MAX];
	uint32_t weights[SOURCES_MAX];
};

struct operation {
	const char *name;
	size_t sources; // that the buffer is cut into
	void (*run)(struct bench *bench, size_t n);
};

static void run_add_8(struct bench *bench, size_t n)
{
	bench->ops->add_many(bench->accumulator, bench->sources, 8, n);
}

static void run_add_64(struct bench *bench, size_t n)
{
	bench->ops->add_many(bench->accumulator, bench->sources, 64, n);
}

static void run_add_weighted(struct bench *bench, size_t n)
{
	bench->ops->add_weighted(bench->accumulator, bench->sources, bench->weights, 8, n);
}

static void run_subtract(struct bench *bench, size_t n)
{
	bench->ops->subtract(bench->accumulator, bench->sources[0], bench->sources[1], n);
}

static void run_is_canonical(struct bench *bench, size_t n)
{
	if (!bench->ops->is_canonical(bench->sources[0], n)) {
		fprintf(stderr, "kernels: canonical elements were not taken for it\n");
		exit(1);
	}
}

static const struct operation operations[] = {
	{"add_many 8", 8, run_add_8},
	{"add_many 64", 64, run_add_64},
	{"add_weighted 8", 8, run_add_weighted},
	{"subtract", 2, run_subtract},
	{"is_canonical", 1, run_is_canonical},
};

static const char *const tiers[] = {"reference", "avx2", "avx512"};

static double time_of(struct bench *bench, const struct operation *operation)
{
	size_t n = BUFFER_BYTES / operation->sources / bench->element_size;
	double begin;

	for (size_t i = 0; i < operation->sources; i++) {
		bench->sources[i] = bench->buffer + i * n * bench->element_size;
		bench->weights[i] = WEIR_WEIGHT_MAX - (uint32_t)i;
	}
	begin = measure_now();
	operation->run(bench, n);
	return measure_now() - begin;
}

static double time_of_read(const struct bench *bench)
{
	const uint64_t *words = (const uint64_t *)(const void *)bench->buffer;
	double begin = measure_now();
	uint64_t sums[8] = {0};

	for (size_t i = 0; i < BUFFER_BYTES / sizeof(*words); i += 8)
		for (size_t j = 0; j < 8; j++)
			sums[j] += words[i + j];
	// Without this the compiler would see that nobody wants the sums.
	__asm__ volatile("" : : "r"(sums) : "memory");
	return measure_now() - begin;
}

// Half the buffer onto the accumulator, which is as large.
static double time_of_copy(const struct bench *bench)
{
	double begin = measure_now();

	memcpy(bench->accumulator, bench->buffer, BUFFER_BYTES / 2);
	__asm__ volatile("" : : "r"(bench->accumulator) : "memory");
	return measure_now() - begin;
}

static void report(const char *tier, enum weir_modulus modulus, const char *operation, double rates,
	struct sample_summary per_read, struct sample_summary per_copy, bool json)
{
	if (!json) {
		printf("%-9s  %-6s  %-14s  %6.2f GB/s  %5.2f of a read (%.2f to %.2f)  %5.2f of "
		       "memcpy (%.2f to %.2f)\n",
			tier, weir_modulus_name(modulus), operation, rates, per_read.median,
			per_read.low, per_read.high, per_copy.median, per_copy.low, per_copy.high);
		return;
	}
	json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:f, s:[fff], s:[fff]}", "program",
		"kernels", "tier", tier, "modulus", weir_modulus_name(modulus), "operation",
		operation, "gigabytes_per_second", rates, "per_read", per_read.median, per_read.low,
		per_read.high, "per_memcpy", per_copy.median, per_copy.low, per_copy.high);
	json_dumpf(line, stdout, JSON_REAL_PRECISION(6) | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(line);
}

static void measure_operation(struct bench *bench, const struct operation *operation,
	const char *tier, enum weir_modulus modulus, size_t repeats, bool json)
{
	double rates[REPEATS_MAX], per_read[REPEATS_MAX], per_copy[REPEATS_MAX];

	time_of(bench, operation);
	for (size_t i = 0; i < repeats; i++) {
		double read = (double)BUFFER_BYTES / time_of_read(bench);
		double rate = (double)BUFFER_BYTES / time_of(bench, operation);
		double copy = (double)BUFFER_BYTES / 2 / time_of_copy(bench);

		rates[i] = rate / 1e9;
		per_read[i] = rate / read;
		per_copy[i] = rate / copy;
		// What was copied there is not an accumulator of this modulus.
		memset(bench->accumulator, 0, BUFFER_BYTES / 2);
	}
	report(tier, modulus, operation->name, sample_summarize(rates, repeats).median,
		sample_summarize(per_read, repeats), sample_summarize(per_copy, repeats), json);
}

static int measure_modulus(
	struct bench *bench, enum weir_modulus modulus, size_t repeats, bool json)
{
	// In the rings every element is canonical: there is nothing to read, and so to measure.
	bool is_ring = modulus == WEIR_MODULUS_R32 || modulus == WEIR_MODULUS_R64;

	bench->element_size = weir_modulus_element_size(modulus);
	if (weir_uniform_vector(modulus, bench->buffer, BUFFER_BYTES / bench->element_size) != 0)
		return -1;
	for (size_t t = 0; t < sizeof(tiers) / sizeof(*tiers); t++) {
		const struct weir_kernels *kernels = weir_kernels_tier(tiers[t]);

		for (size_t i = 0; kernels && i < sizeof(operations) / sizeof(*operations); i++) {
			if (is_ring && operations[i].run == run_is_canonical)
				continue;
			bench->ops = &kernels->ops[modulus];
			measure_operation(
				bench, &operations[i], kernels->tier, modulus, repeats, json);
		}
	}
	return 0;
}

static int run(size_t repeats, bool json)
{
	struct bench bench = {0};
	bool huge;
	int error = -1;

	bench.buffer = huge_memory_new(BUFFER_BYTES, &huge);
	bench.accumulator = huge_memory_new(BUFFER_BYTES, &huge);
	if (bench.buffer && bench.accumulator) {
		error = 0;
		for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST && !error; m++)
			error = measure_modulus(&bench, (enum weir_modulus)m, repeats, json);
	}
	if (error)
		fprintf(stderr, "kernels: not enough memory, or no random numbers\n");
	huge_memory_free(bench.buffer, BUFFER_BYTES);
	huge_memory_free(bench.accumulator, BUFFER_BYTES);
	return error ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"repeats", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	uint64_t repeats = 9;
	bool json = false, good = true;
	cpu_set_t cpus;

	for (int option; good && (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (option) {
		case 'r': good = event_options_number(optarg, REPEATS_MAX, &repeats); break;
		case 'j': json = true; break;
		case 'h':
			printf("usage: kernels [--repeats N] [--json]\n\nThe arithmetic's tiers "
			       "against memcpy and a pure read: medians and quartiles.\n");
			return 0;
		default: good = false; break;
		}
	}
	if (!good || optind != argc) {
		fprintf(stderr, "kernels: wrong arguments; see kernels --help\n");
		return 2;
	}
	if (measure_cpus(&cpus))
		measure_pin(&cpus, 0);
	return run(repeats, json);
}
