// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The dataplane without a wire: its own workers, stages, commits and static events, fed with frames
// that lie in memory. What it does less than weir-dataplane is a driver's part of receiving. So two
// workers can be compared with one where there are no further cores for generators.
//
// Each worker has clients of its own, as a receive queue has whose flows are told apart by a hash.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#include "commit.h"
#include "control_thread.h"
#include "dataplane.h"
#include "eal.h"
#include "event_options.h"
#include "measure.h"
#include "memory_source.h"
#include "random.h"
#include "share_source.h"
#include "shared_memory_file.h"

#define BUFFERS    4096
#define DOORBELLS  16384
#define ROUNDS_MAX 1000
#define MIB        (UINT64_C(1) << 20)

struct options {
	struct weir_static_event_config event; // clients: of each worker
	uint64_t workers, rounds, buffer_mib, active, run;
	bool json;
};

struct pipeline {
	struct options options;
	struct weir_dataplane_config config;
	struct weir_static_event_config event; // clients: of all workers
	struct share_source source;
	bool hugepages;
	struct event_table events;
	struct port port;
	struct worker *workers;
	struct rte_ring *doorbells;
	int doorbell_descriptor;
	_Atomic bool stop;
	double seconds[ROUNDS_MAX];
};

static void usage(FILE *out)
{
	fputs("usage: pipeline [OPTION]...\n"
	      "\n"
	      "Runs the dataplane's workers over SHARE packets in memory and prints elements a "
	      "second,\n"
	      "the median of the rounds. Exits 1 if a sum is wrong.\n"
	      "\n" EVENT_OPTIONS_HELP "  --workers N                on as many CPUs (default 1); "
	      "clients are each worker's\n"
	      "  --active N                 clients whose packets take turns (default 32)\n"
	      "  --run N                    packets of a client in a row (default 32)\n"
	      "  --buffer MIB               of packets for each worker, if --clients is not given\n"
	      "                             (default 256)\n"
	      "  --rounds N                 events one after the other (default 11)\n"
	      "  --json                     one JSON object\n"
	      "  --help                     print this\n"
	      "\n"
	      "Example: pipeline --workers 2 --elements-per-packet 2048 --json\n",
		out);
}

static bool take_number(const char *text, uint64_t max, uint64_t *number)
{
	return event_options_number(text, max, number);
}

// Returns -1 to go on, or an exit code.
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {EVENT_OPTIONS,
		{"workers", required_argument, NULL, 'w'}, {"active", required_argument, NULL, 'a'},
		{"run", required_argument, NULL, 'u'}, {"buffer", required_argument, NULL, 'b'},
		{"rounds", required_argument, NULL, 'r'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		bool good = true;

		switch (option) {
		case 'w': good = take_number(optarg, WEIR_WORKERS_MAX, &options->workers); break;
		case 'a': good = take_number(optarg, 1 << 20, &options->active); break;
		case 'u': good = take_number(optarg, 1 << 20, &options->run); break;
		case 'b': good = take_number(optarg, 1 << 20, &options->buffer_mib); break;
		case 'r': good = take_number(optarg, ROUNDS_MAX, &options->rounds); break;
		case 'j': options->json = true; break;
		case 'h': usage(stdout); return 0;
		case '?': return 2;
		default: good = event_options_take(&options->event, option, optarg);
		}
		if (!good) {
			fprintf(stderr, "pipeline: '%s' is not good there; see pipeline --help\n",
				optarg);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pipeline: unexpected argument '%s'; see pipeline --help\n",
			argv[optind]);
		return 2;
	}
	event_options_finish(&options->event);
	return -1;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "pipeline: %s: %s\n", what, strerror(-error));
	return error;
}

static void describe(struct pipeline *pipeline)
{
	struct options *options = &pipeline->options;
	struct weir_static_event_config *event = &pipeline->event;
	uint64_t vector =
		options->event.dimension * weir_modulus_element_size(options->event.modulus);

	if (options->event.clients == 0)
		options->event.clients = (uint32_t)(options->buffer_mib * MIB / vector + 1);
	*event = options->event;
	event->clients *= (uint32_t)options->workers;
	event->slots *= (uint32_t)options->workers;
	event->batch *= (uint32_t)options->workers;
	event->target_clients = event->clients;
	event->max_weight = 1;
	event->admit_timeout_ms = 3600000;
	event->batch_wait_ms = 1;
	pipeline->config = (struct weir_dataplane_config){
		.udp_port = 9347,
		.worker_count = options->workers,
		.idle = WEIR_IDLE_POLL,
		.packet_memory = 64 * MIB,
		.arena = (event->slots + UINT64_C(4)) * (vector + 8192) +
			 event->clients * UINT64_C(64) + 4 * MIB,
		.max_events = 4,
		.max_clients = event->clients,
		.window = 1 << 20,
		.file_prefix = "weir-pipeline",
		.static_events = event,
		.static_event_count = 1,
	};
}

// The ABI of receive is kept, so a port is all there is to set up: addresses and mbufs.
static int make_port(struct pipeline *pipeline)
{
	struct port *port = &pipeline->port;

	*port = (struct port){.has_ipv4 = true,
		.ipv4 = RTE_BE32(RTE_IPV4(192, 0, 2, 1)),
		.mac = {{2, 0, 0, 0, 0, 1}}};
	port->pool = rte_pktmbuf_pool_create("pipeline", BUFFERS, 256,
		RTE_ALIGN_CEIL(sizeof(struct packet), RTE_MBUF_PRIV_ALIGN), 2048, SOCKET_ID_ANY);
	return port->pool ? 0 : -rte_errno;
}

static int fill_source(struct pipeline *pipeline, const struct weir_aead *aead, unsigned worker)
{
	struct weir_static_event_config paced = pipeline->options.event;
	struct packet_store store;
	const struct packet_store_options which = {
		.first_client = worker * paced.clients,
		.clients = paced.clients,
		.run = (uint32_t)pipeline->options.run,
	};

	paced.slots = (uint32_t)pipeline->options.active;
	int error = packet_store_init(&store, aead, &paced, &pipeline->source, &which);
	if (error == 0)
		error = memory_source_init(&memory_sources[worker], &store, &pipeline->port,
			pipeline->config.udp_port);
	return error;
}

static int make_worker(struct pipeline *pipeline, unsigned index)
{
	const struct weir_shm_header *memory = pipeline->events.memory;
	struct worker *worker = &pipeline->workers[index];

	*worker = (struct worker){
		.index = index,
		.lcore = eal_lcore_of_worker(index),
		.queues = {{&pipeline->port, 0}},
		.queue_count = 1,
		.events = &pipeline->events,
		.idle = WEIR_IDLE_POLL,
		.udp_port = rte_cpu_to_be_16(pipeline->config.udp_port),
		.doorbells = pipeline->doorbells,
		.doorbell_descriptor = pipeline->doorbell_descriptor,
		.stop = &pipeline->stop,
		.counters =
			(uint64_t *)((uint8_t *)pipeline->events.memory + memory->counters_offset +
				     (uint64_t)index * memory->counter_stride),
	};
	return fill_source(pipeline, pipeline->events.aead, index);
}

static int set_up(struct pipeline *pipeline)
{
	struct weir_dataplane_config *config = &pipeline->config;
	size_t workers = config->worker_count;
	cpu_set_t cpus;

	if (!measure_cpus(&cpus) || (size_t)CPU_COUNT(&cpus) < workers)
		return fail("not enough CPUs for the workers", -ENODEV);
	for (size_t i = 0, cpu = CPU_SETSIZE; i < workers; i++) {
		do
			cpu--;
		while (!CPU_ISSET(cpu, &cpus));
		config->workers[i] = (int)cpu;
	}
	int error = eal_start(config, &pipeline->hugepages);
	if (error == 0)
		error = event_table_create(&pipeline->events, config, (unsigned)workers);
	if (error == 0)
		error = make_port(pipeline);
	if (error != 0)
		return fail("cannot start", error);
	pipeline->doorbells = rte_ring_create("doorbells", DOORBELLS, SOCKET_ID_ANY, RING_F_SC_DEQ);
	pipeline->doorbell_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pipeline->workers = rte_zmalloc("workers", workers * sizeof(*pipeline->workers), 64);
	memory_sources = rte_zmalloc("sources", workers * sizeof(*memory_sources), 64);
	if (!pipeline->doorbells || !pipeline->workers || !memory_sources)
		return fail("cannot start", -ENOMEM);
	error = share_source_init(&pipeline->source, pipeline->event.modulus,
		pipeline->event.dimension, pipeline->event.chunk_elements, 1);
	for (unsigned i = 0; error == 0 && i < workers; i++)
		error = make_worker(pipeline, i);
	return error == 0 ? 0 : fail("cannot make the packets", error);
}

// All clients have asked for a slot, in the order in which their packets come, worker by worker in
// turn.
static void ask_for_slots(
	struct pipeline *pipeline, struct static_leader *leader, const struct event *event)
{
	uint32_t each = pipeline->options.event.clients;

	for (uint32_t i = 0; i < each; i++)
		for (uint32_t w = 0; w < pipeline->options.workers; w++) {
			atomic_store(&event->clients[w * each + i].state, WEIR_CLIENT_REQUESTED);
			static_leader_ring(leader, event->number, w * each + i);
		}
}

// As control_thread.c, without weir-control. Returns the time at which the last batch was in.
static double control(
	struct pipeline *pipeline, struct static_leader *leader, const struct event *event)
{
	struct pollfd descriptor = {.fd = pipeline->doorbell_descriptor, .events = POLLIN};
	uint32_t number, batch;
	eventfd_t ignored;
	void *ring;
	double last = 0;

	for (;;) {
		int wait_ms = static_leader_turn(leader);

		if (atomic_load(&event->shared->state) == WEIR_SHM_EVENT_FROZEN)
			return last;
		poll(&descriptor, 1, wait_ms);
		eventfd_read(pipeline->doorbell_descriptor, &ignored);
		while (rte_ring_dequeue(pipeline->doorbells, &ring) == 0)
			static_leader_ring(leader, (uint32_t)((uintptr_t)ring >> 32),
				(uint32_t)(uintptr_t)ring);
		while (commit_finish_next(&pipeline->events, &number, &batch))
			last = measure_now();
	}
}

static bool is_exact(const struct pipeline *pipeline, const struct event *event)
{
	uint64_t held = atomic_load(&event->shared->held);
	size_t bytes = event->dimension * event->element_size;
	uint32_t *clients = calloc(pipeline->event.clients, sizeof(*clients));
	uint8_t *sum = calloc(1, bytes);
	bool exact = clients && sum;

	for (uint32_t i = 0; exact && i < pipeline->event.clients; i++)
		clients[i] = i;
	exact = exact && share_source_add(&pipeline->source, pipeline->events.kernels, clients,
				 NULL, pipeline->event.clients, sum) == 0;
	exact = exact && memcmp(sum,
				 (const uint8_t *)pipeline->events.memory +
					 event->shared->accumulators[held & 1].offset,
				 bytes) == 0;
	free(clients);
	free(sum);
	return exact;
}

// One event from its first packet to its last batch. Returns seconds, or 0 if the sum is wrong.
static double round_of(struct pipeline *pipeline)
{
	struct static_leader *leader = static_leader_new(&pipeline->events, &pipeline->config);
	struct event *event;

	if (!leader)
		return 0;
	event = event_lookup(&pipeline->events, pipeline->event.number);
	ask_for_slots(pipeline, leader, event);
	atomic_store(&pipeline->stop, false);
	for (size_t i = 0; i < pipeline->options.workers; i++) {
		memory_sources[i].event = event;
		memory_sources[i].next = 0;
	}
	static_leader_turn(leader);
	control_thread_take_precedence();
	double begin = measure_now();
	for (size_t i = 0; i < pipeline->options.workers; i++)
		rte_eal_remote_launch(
			worker_run, &pipeline->workers[i], pipeline->workers[i].lcore);
	double seconds = control(pipeline, leader, event) - begin;
	atomic_store(&pipeline->stop, true);
	control_thread_give_precedence_back();
	rte_eal_mp_wait_lcore();
	if (!is_exact(pipeline, event))
		seconds = 0;
	static_leader_free(leader);
	event_close(&pipeline->events, pipeline->event.number);
	return seconds;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(struct pipeline *pipeline)
{
	const struct options *options = &pipeline->options;
	uint64_t packets = 0;

	for (size_t i = 0; i < options->workers; i++)
		packets += memory_sources[i].store.count;
	qsort(pipeline->seconds, options->rounds, sizeof(double), compare);
	double median = pipeline->seconds[options->rounds / 2];
	double elements = (double)pipeline->event.clients * (double)pipeline->event.dimension;
	if (options->json) {
		json_t *result = json_pack("{s:s, s:o, s:I, s:I, s:f, s:f, s:f, s:f, s:b}",
			"program", "pipeline", "event", event_options_json(&pipeline->event),
			"workers", (json_int_t)options->workers, "rounds",
			(json_int_t)options->rounds, "seconds", median, "elements_per_second",
			elements / median, "best_elements_per_second",
			elements / pipeline->seconds[0], "packets_per_second",
			(double)packets / median, "hugepages", (int)pipeline->hugepages);
		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(result);
		return;
	}
	printf("%.3e elements/s, %.3f Mpps, %.1f ns a packet and worker (best round: %.3e)\n",
		elements / median, (double)packets / median / 1e6,
		median / (double)packets * 1e9 * (double)options->workers,
		elements / pipeline->seconds[0]);
}

int main(int argc, char **argv)
{
	static struct pipeline pipeline = {
		.options = {
			.workers = 1, .rounds = 11, .buffer_mib = 256, .active = 32, .run = 32}};
	event_options_init(&pipeline.options.event);
	int code = parse_options(argc, argv, &pipeline.options);

	if (code >= 0)
		return code;
	describe(&pipeline);
	if (set_up(&pipeline) != 0)
		return 1;
	for (uint64_t i = 0; i < pipeline.options.rounds; i++) {
		pipeline.seconds[i] = round_of(&pipeline);
		if (pipeline.seconds[i] == 0) {
			fprintf(stderr, "pipeline: the sum of round %llu is wrong\n",
				(unsigned long long)i + 1);
			return 1;
		}
	}
	report(&pipeline);
	return 0;
}
