// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The yardstick of the dataplane: the sum of SHARE packets that lie in memory, without any I/O and
// without the share protocol around it. Prints elements a second.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_options.h"
#include "measure.h"
#include "packet_store.h"
#include "random.h"
#include "staged_sum.h"

#define THREADS_MAX 64
#define BATCH       8

struct loop_options {
	struct weir_static_event_config event;
	uint64_t buffer_mib; // of packets, each thread
	uint64_t threads, active, run;
	double seconds;
	bool json;
};

struct loop_thread {
	pthread_t thread;
	unsigned index;
	const struct loop_options *options;
	const struct share_source *source;
	const cpu_set_t *cpus;
	pthread_barrier_t *ready;
	const char *error;
	// What it measured.
	uint64_t packets, elements, passes;
	double elapsed, cpu, adding;
	bool huge;
};

static void pass(struct staged_sum *sum, const struct packet_store *store)
{
	struct staged_datagram burst[STAGED_SUM_BURST];

	for (uint64_t i = 0; i < store->count; i += STAGED_SUM_BURST) {
		unsigned n = store->count - i < STAGED_SUM_BURST ? (unsigned)(store->count - i)
								 : STAGED_SUM_BURST;

		for (unsigned j = 0; j < n; j++) {
			burst[j].bytes = packet_store_datagram(store, i + j);
			burst[j].length = store->lengths[i + j];
			__builtin_prefetch(burst[j].bytes);
		}
		staged_sum_burst(sum, burst, n);
	}
	staged_sum_flush(sum);
}

static const char *measure(
	struct loop_thread *thread, struct staged_sum *sum, const struct packet_store *store)
{
	const struct loop_options *options = thread->options;
	double begin, cpu;

	// One pass to have everything in place.
	pass(sum, store);
	if (!staged_sum_again(sum))
		return "a vector is not in the sum";
	thread->adding = -staged_sum_adding(sum);
	pthread_barrier_wait(thread->ready);
	begin = measure_now();
	cpu = measure_thread_cpu();
	do {
		pass(sum, store);
		thread->passes++;
		thread->elapsed = measure_now() - begin;
		if (!staged_sum_again(sum))
			return "a vector is not in the sum";
	} while (thread->elapsed < options->seconds);
	thread->cpu = measure_thread_cpu() - cpu;
	thread->adding += staged_sum_adding(sum);
	thread->packets = thread->passes * store->count;
	thread->elements = thread->passes * options->event.clients * options->event.dimension;
	if (staged_sum_refused(sum) != 0)
		return "a packet was refused";
	if (!staged_sum_verify(sum, thread->source, (uint32_t)thread->passes + 1))
		return "the sum is wrong";
	return NULL;
}

static const char *prepare_and_measure(struct loop_thread *thread)
{
	const struct loop_options *options = thread->options;
	const struct packet_store_options which = {
		.first_client = thread->index * options->event.clients,
		.clients = options->event.clients,
		.run = (uint32_t)options->run,
	};
	// The store's order is that of so many clients at a time.
	struct weir_static_event_config paced = options->event;
	const struct weir_kernels *kernels = weir_kernels_select(getenv("WEIR_KERNELS_MASK"));
	struct weir_aead *aead = weir_aead_new();
	struct packet_store store = {0};
	struct staged_sum *sum = NULL;
	const char *error = "not enough memory, or no usable AES instructions";

	paced.slots = (uint32_t)options->active;
	if (kernels && aead)
		sum = staged_sum_new(
			aead, kernels, &options->event, which.first_client, which.clients);
	if (sum && packet_store_init(&store, aead, &paced, thread->source, &which) == 0)
		error = measure(thread, sum, &store);
	thread->huge = store.huge;
	packet_store_free(&store);
	staged_sum_free(sum);
	weir_aead_free(aead);
	return error;
}

static void *run_thread(void *argument)
{
	struct loop_thread *thread = argument;

	if (!measure_pin(thread->cpus, thread->index)) {
		// The others must not wait for it.
		fprintf(stderr, "loop: there are not %u CPUs\n", thread->index + 1);
		exit(1);
	}
	thread->error = prepare_and_measure(thread);
	if (thread->error) {
		fprintf(stderr, "loop: %s\n", thread->error);
		exit(1);
	}
	return NULL;
}

static int report(const struct loop_options *options, const struct loop_thread *threads)
{
	double rate = 0, packets = 0, adding = 0, elapsed = 0, cpu = 0;
	bool huge = true;

	for (uint64_t i = 0; i < options->threads; i++) {
		rate += (double)threads[i].elements / threads[i].elapsed;
		packets += (double)threads[i].packets / threads[i].elapsed;
		adding += threads[i].adding;
		elapsed += threads[i].elapsed;
		cpu += threads[i].cpu;
		huge &= threads[i].huge;
	}
	if (!options->json) {
		printf("%.3g elements/s, %.3g packets/s on %u threads; %.0f %% of the time summing "
		       "slots, %.0f %% of it on the CPU; the sum is right\n",
			rate, packets, (unsigned)options->threads, 100 * adding / elapsed,
			100 * cpu / elapsed);
		return 0;
	}
	json_t *result = event_options_json(&options->event);
	json_object_update_new(result,
		json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:b, s:b}", "program",
			"loop", "threads", (int)options->threads, "active", (int)options->active,
			"run", (int)options->run, "elements_per_second", rate, "packets_per_second",
			packets, "elapsed", elapsed / (double)options->threads, "summing_part",
			adding / elapsed, "cpu_part", cpu / elapsed, "huge_pages", huge, "verified",
			true));
	json_dumpf(result, stdout, JSON_REAL_PRECISION(6) | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(result);
	return 0;
}

static int run(const struct loop_options *options)
{
	static struct loop_thread threads[THREADS_MAX];
	const struct weir_static_event_config *event = &options->event;
	struct share_source source;
	pthread_barrier_t ready;
	cpu_set_t cpus;

	if (!measure_cpus(&cpus) || share_source_init(&source, event->modulus, event->dimension,
					    event->chunk_elements, 1) != 0) {
		fprintf(stderr, "loop: not enough memory\n");
		return 1;
	}
	pthread_barrier_init(&ready, NULL, (unsigned)options->threads);
	for (unsigned i = 0; i < options->threads; i++) {
		threads[i] = (struct loop_thread){.index = i,
			.options = options,
			.source = &source,
			.cpus = &cpus,
			.ready = &ready};
		if (pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]) != 0) {
			fprintf(stderr, "loop: no more threads\n");
			exit(1);
		}
	}
	for (unsigned i = 0; i < options->threads; i++)
		pthread_join(threads[i].thread, NULL);
	pthread_barrier_destroy(&ready);
	share_source_free(&source);
	return report(options, threads);
}

static void usage(void)
{
	printf("usage: loop [options]\n\n"
	       "Sums SHARE packets that lie in memory, and says how many elements a second.\n\n"
	       "%s"
	       "                             here 8: the fastest\n"
	       "  --buffer MIB               of packets for each thread (default 400)\n"
	       "  --active N                 clients whose packets take turns (default 32)\n"
	       "  --run N                    packets of a client in a row (default 32)\n"
	       "  --threads N                each with clients and slots of its own (default 1)\n"
	       "  --seconds S                (default 1)\n"
	       "  --json                     one line of JSON\n",
		EVENT_OPTIONS_HELP);
}

static bool parse(int argc, char **argv, struct loop_options *options)
{
	static const struct option known[] = {EVENT_OPTIONS,
		{"buffer", required_argument, NULL, 'b'}, {"active", required_argument, NULL, 'a'},
		{"run", required_argument, NULL, 'r'}, {"threads", required_argument, NULL, 't'},
		{"seconds", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {0}};
	bool good = true;

	for (int option; good && (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (option) {
		case 'b': good = event_options_number(optarg, 1 << 20, &options->buffer_mib); break;
		case 'a': good = event_options_number(optarg, 1 << 20, &options->active); break;
		case 'r': good = event_options_number(optarg, 1 << 20, &options->run); break;
		case 't':
			good = event_options_number(optarg, THREADS_MAX, &options->threads);
			break;
		case 's':
			options->seconds = strtod(optarg, NULL);
			good = options->seconds > 0;
			break;
		case 'j': options->json = true; break;
		case 'h': usage(); exit(0);
		default: good = event_options_take(&options->event, option, optarg); break;
		}
	}
	return good && optind == argc;
}

int main(int argc, char **argv)
{
	struct loop_options options = {
		.buffer_mib = 400, .threads = 1, .active = 32, .run = 32, .seconds = 1};

	event_options_init(&options.event);
	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "loop: wrong arguments; see loop --help\n");
		return 2;
	}
	// What has just been written is still in the cache when so few slots are summed.
	if (options.event.batch == 0)
		options.event.batch = BATCH;
	event_options_finish(&options.event);
	if (options.active > options.event.slots)
		options.active = options.event.slots;
	if (options.event.clients == 0)
		options.event.clients = packet_store_fitting(&options.event, options.buffer_mib);
	return run(&options);
}
