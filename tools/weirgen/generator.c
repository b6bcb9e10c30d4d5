// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "generator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_cycles.h>
#include <rte_launch.h>

#include "eal.h"
#include "ground.h"
#include "say.h"
#include "sender.h"
#include "statistics.h"
#include "verify.h"

#define WATCH_EVERY_US 2000
#define MS_NS          UINT64_C(1000000)

// What stands while a run goes on.
struct run {
	const struct weir_generator_config *config;
	const struct options *options;
	_Atomic bool *interrupted;
	struct ground ground;
	struct load_event event;
	struct sender_shared shared;
	struct sender *senders;
	unsigned opened, launched;
	struct outcome outcome;
};

static int open_senders(struct run *run)
{
	unsigned count = (unsigned)run->config->dataplane.worker_count;
	size_t size = count * sizeof(*run->senders);
	int error = 0;

	run->senders = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	run->shared.slot_of = calloc(run->event.units, sizeof(*run->shared.slot_of));
	if (!run->senders || !run->shared.slot_of) {
		say("out of memory");
		return -ENOMEM;
	}
	memset(run->senders, 0, size);
	memset(run->shared.slot_of, 0xff, run->event.units * sizeof(*run->shared.slot_of));
	run->shared.others = run->senders;
	for (unsigned i = 0; error == 0 && i < count; i++) {
		run->opened++;
		error = sender_open(&run->senders[i], &run->shared, i);
	}
	return error;
}

static int launch(struct run *run)
{
	for (unsigned i = 0; i < run->opened; i++) {
		int error =
			rte_eal_remote_launch(sender_run, &run->senders[i], run->senders[i].lcore);
		if (error != 0) {
			say("worker %u does not start: %s", i, strerror(-error));
			return error;
		}
		run->launched++;
	}
	return 0;
}

static void join(struct run *run)
{
	atomic_store(&run->shared.stop, true);
	for (unsigned i = 0; i < run->launched; i++)
		rte_eal_wait_lcore(run->senders[i].lcore);
	run->launched = 0;
}

static struct tally tally_all(const struct run *run)
{
	struct tally sum = {0};

	for (unsigned i = 0; i < run->opened; i++)
		tally_add(&sum, &run->senders[i].tally);
	return sum;
}

static bool all_finished(const struct run *run)
{
	for (unsigned i = 0; i < run->opened; i++)
		if (!atomic_load_explicit(&run->senders[i].finished, memory_order_acquire))
			return false;
	return true;
}

static uint64_t moves(const struct run *run)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < run->opened; i++)
		sum += __atomic_load_n(&run->senders[i].moves, __ATOMIC_RELAXED);
	return sum;
}

// Whether every share that was begun has ended.
static bool nothing_under_way(const struct tally *tally)
{
	return tally->started == tally->sealed + tally->aborted + tally->abandoned;
}

static bool is_over(struct run *run, const struct tally *tally, uint64_t now, uint64_t started)
{
	uint64_t duration = run->options->duration_ms * MS_NS;

	if (duration > 0 && now - started >= duration)
		atomic_store(&run->shared.closing, true);
	if (atomic_load(run->interrupted)) {
		run->outcome.reason = "interrupted";
		run->outcome.failed = true;
		return true;
	}
	if (run->shared.closing && (run->options->blind || nothing_under_way(tally)))
		return true;
	return all_finished(run);
}

// Until everything has ended, nothing moves any more, or a signal comes.
static void watch(struct run *run)
{
	struct statistics statistics;
	uint64_t timeout = run->config->timeout_ms * MS_NS, last_moves = 0, moved;

	statistics_start(&statistics, run->options->json);
	moved = statistics.started_ns;
	for (;;) {
		struct tally tally = tally_all(run);
		uint64_t now = statistics_now_ns(), so_far = moves(run);

		statistics_tick(&statistics, &tally);
		if (is_over(run, &tally, now, statistics.started_ns))
			break;
		if (so_far != last_moves) {
			last_moves = so_far;
			moved = now;
		} else if (now - moved > timeout) {
			say("nothing has moved for %" PRIu64 " ms: %" PRIu64
			    " shares begun, %" PRIu64 " received whole, %" PRIu64 " counted",
				timeout / MS_NS, tally.started, tally.complete, tally.sealed);
			run->outcome.reason = "gave up waiting";
			run->outcome.failed = true;
			break;
		}
		usleep(WATCH_EVERY_US);
	}
	join(run);
	run->outcome.run_s = (double)(statistics_now_ns() - statistics.started_ns) / 1e9;
}

// What the workers know, added up once they have stopped.
static void gather(struct run *run)
{
	uint64_t first = UINT64_MAX, last = 0;

	run->outcome.tally = tally_all(run);
	for (unsigned i = 0; i < run->opened; i++) {
		const struct sender *sender = &run->senders[i];

		latency_add(&run->outcome.grant, &sender->grant_latency);
		latency_add(&run->outcome.seal, &sender->seal_latency);
		if (sender->first_share > 0 && sender->first_share < first)
			first = sender->first_share;
		if (sender->last_sealed > last)
			last = sender->last_sealed;
	}
	if (last > first)
		run->outcome.elapsed_s = (double)(last - first) / (double)rte_get_tsc_hz();
}

static void verify(struct run *run)
{
	const struct options *options = run->options;
	struct verdict *verdict = &run->outcome.verdict;
	int error;

	if (options->blind)
		return;
	if (options->control_socket)
		error = verify_memory(
			&run->event, options->control_socket, run->config->timeout_ms, verdict);
	else if (options->aggregate_share)
		error = verify_file(
			&run->event, options->aggregate_share, run->config->timeout_ms, verdict);
	else
		error = verify_nothing(&run->event, verdict);
	if (error != 0 || (verdict->compared && !verdict->equal))
		run->outcome.failed = true;
}

static bool some_were_aborted(const struct run *run)
{
	const struct tally *tally = &run->outcome.tally;

	// Once the target is reached, whoever is not in the sum is told that it never will be.
	return tally->aborted > 0 &&
	       tally->sealed < (uint64_t)run->event.target_clients * run->event.aggregator_count;
}

static int play(struct run *run)
{
	int error = open_senders(run);

	if (error == 0)
		error = ground_resolve(
			&run->ground, &run->event, run->config->timeout_ms, run->interrupted);
	if (error == 0)
		error = launch(run);
	if (error != 0) {
		join(run);
		return error;
	}
	watch(run);
	gather(run);
	verify(run);
	if (!run->outcome.reason && some_were_aborted(run)) {
		run->outcome.reason = "clients were aborted before they were in the sum";
		run->outcome.failed = true;
	}
	const struct statistics statistics = {.json = run->options->json};
	statistics_end(&statistics, &run->outcome);
	return run->outcome.failed ? -EIO : 0;
}

static void close_run(struct run *run)
{
	for (unsigned i = 0; i < run->opened; i++)
		sender_close(&run->senders[i]);
	free(run->senders);
	free(run->shared.slot_of);
	ground_close(&run->ground);
	load_event_free(&run->event);
}

int generator_run(const struct weir_generator_config *config, const struct options *options,
	_Atomic bool *interrupted)
{
	struct run *run = calloc(1, sizeof(*run));
	int error = -ENOMEM;

	if (!run)
		goto out;
	*run = (struct run){.config = config, .options = options, .interrupted = interrupted};
	error = load_event_static(&run->event, config);
	if (error == 0)
		error = ground_open(&run->ground, config);
	if (error == 0) {
		run->shared.config = config;
		run->shared.event = &run->event;
		run->shared.ports = run->ground.ports;
		run->shared.port_count = run->ground.port_count;
		run->shared.worker_count = (unsigned)config->dataplane.worker_count;
		run->shared.is_blind = options->blind;
		run->shared.repeats = options->blind && options->duration_ms > 0;
		if (options->rate)
			(void)pacer_parse(options->rate, config->line_rate, &run->shared.rate);
		error = play(run);
	}
	close_run(run);
	free(run);
out:
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
