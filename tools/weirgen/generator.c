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

#include "capture.h"
#include "eal.h"
#include "emulate.h"
#include "ground.h"
#include "replay.h"
#include "shared_view.h"
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
	struct emulation emulation; // of an announced event
	struct prebuilt prebuilt;
	struct sender_shared shared;
	struct statistics statistics;
	struct sender *senders;
	unsigned opened, launched;
	uint64_t last_share; // TSC; 0: none
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

	if ((duration > 0 && now - started >= duration) ||
		(!run->options->blind && tally->sealed >= (uint64_t)run->event.target_clients *
								  run->event.aggregator_count))
		atomic_store(&run->shared.closing, true);
	if (atomic_load(run->interrupted)) {
		run->outcome.reason = "interrupted";
		run->outcome.failed = true;
		return true;
	}
	if (run->shared.closing && (run->options->blind || nothing_under_way(tally)))
		return true;
	// Once it is published nothing more can happen, and nobody answers any more.
	return all_finished(run) || atomic_load(&run->emulation.has_collected);
}

// Clients that abandon their slots keep others waiting until those are taken from them.
static uint64_t patience_ms(const struct run *run)
{
	return run->config->timeout_ms +
	       (run->options->faults.abandon > 0 ? run->event.admit_timeout_ms : 0);
}

// Until everything has ended, nothing moves any more, or a signal comes.
static void watch(struct run *run)
{
	uint64_t timeout = patience_ms(run) * MS_NS, last_moves = 0, moved;

	statistics_start(&run->statistics, run->options->json);
	moved = run->statistics.started_ns;
	for (;;) {
		struct tally tally = tally_all(run);
		uint64_t now = statistics_now_ns(), so_far = moves(run);

		statistics_tick(&run->statistics, &tally);
		if (is_over(run, &tally, now, run->statistics.started_ns))
			break;
		// While nobody is under way the next one has not arrived yet.
		if (so_far != last_moves || nothing_under_way(&tally)) {
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
	run->outcome.run_s = (double)(statistics_now_ns() - run->statistics.started_ns) / 1e9;
}

// Of an announced event: the shares that were all there when the event was published.
static void settle(struct run *run)
{
	for (unsigned i = 0; i < run->opened; i++)
		sender_note_ends(&run->senders[i]);
	int settled = emulation_settle(&run->emulation, &run->event);

	if (settled < 0)
		run->outcome.failed = true;
	else
		run->outcome.tally.sealed += (uint64_t)settled;
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
		if (sender->last_share > run->last_share)
			run->last_share = sender->last_share;
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
	if (run->config->has_emulated)
		error = run->outcome.failed
				? verify_nothing(&run->event, verdict)
				: emulation_verify(&run->emulation, &run->event, verdict);
	else if (options->control_socket)
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

// From one clock to the other by way of now.
static void time_aggregate(struct run *run)
{
	if (run->last_share == 0 || !atomic_load(&run->emulation.has_collected))
		return;
	double since_share = (double)(rte_rdtsc() - run->last_share) / (double)rte_get_tsc_hz();
	double since_aggregate = (double)(statistics_now_ns() - run->emulation.collected_ns) / 1e9;

	run->outcome.aggregate_s = since_share - since_aggregate;
}

static bool some_were_aborted(const struct run *run)
{
	const struct tally *tally = &run->outcome.tally;

	// Once the target is reached, whoever is not in the sum is told that it never will be.
	return tally->aborted > 0 &&
	       tally->sealed < (uint64_t)run->event.target_clients * run->event.aggregator_count;
}

static int prepare(struct run *run)
{
	const struct options *options = run->options;
	int error = 0;

	if (!options->pcap)
		error = ground_resolve(
			&run->ground, &run->event, run->config->timeout_ms, run->interrupted);
	if (error == 0 && run->config->has_emulated) {
		error = emulation_join(&run->emulation, &run->event);
		run->outcome.join_s = run->emulation.join_seconds;
	}
	if (error == 0 && options->prebuilt) {
		error = prebuilt_make(&run->prebuilt, &run->event, run->ground.ports);
		run->shared.prebuilt = &run->prebuilt;
	}
	if (error == 0 && options->pcap) {
		run->shared.capture = capture_create(options->pcap);
		error = run->shared.capture ? 0 : -EIO;
	}
	if (error == 0)
		error = open_senders(run);
	return error;
}

static int end(struct run *run)
{
	if (!run->outcome.reason && some_were_aborted(run)) {
		run->outcome.reason = "clients were aborted before they were in the sum";
		run->outcome.failed = true;
	}
	statistics_end(&run->statistics, &run->outcome);
	return run->outcome.failed ? -EIO : 0;
}

static int play(struct run *run)
{
	int error = prepare(run);

	if (error == 0 && run->config->has_emulated)
		error = emulation_collect(&run->emulation);
	if (error == 0)
		error = launch(run);
	if (error != 0) {
		join(run);
		return error;
	}
	watch(run);
	gather(run);
	if (run->config->has_emulated && !run->outcome.failed)
		settle(run);
	verify(run);
	time_aggregate(run);
	if (capture_close(run->shared.capture) != 0)
		run->outcome.failed = true;
	run->shared.capture = NULL;
	return end(run);
}

static void tick_replay(void *opaque, const struct tally *tally)
{
	struct run *run = opaque;

	statistics_tick(&run->statistics, tally);
}

// The event's end is not ours to know: until nobody has become sealed for a while.
static void wait_for_seals(const struct run *run, uint32_t quiet_ms)
{
	struct shared_view view;
	uint32_t before = 0;

	if (shared_view_open(&view, run->options->control_socket,
		    run->event.aggregators[0].event_number) != 0)
		return;
	for (uint32_t ms = 0; ms < quiet_ms && !atomic_load(run->interrupted); ms++) {
		uint32_t sealed = shared_view_count(&view, WEIR_CLIENT_SEALED);

		if (sealed >= run->event.target_clients)
			break;
		if (sealed != before)
			ms = 0;
		before = sealed;
		usleep(1000);
	}
	shared_view_close(&view);
}

static int replay(struct run *run)
{
	const struct replay replay = {
		.path = run->options->replay,
		.port = &run->ground.ports[0],
		.to = &run->event.aggregators[0],
		.rate = &run->shared.rate,
		.interrupted = run->interrupted,
		.tick = tick_replay,
		.opaque = run,
	};
	int error = prepare(run);

	if (error != 0)
		return error;
	statistics_start(&run->statistics, run->options->json);
	error = replay_run(&replay, &run->outcome.tally);
	run->outcome.run_s = (double)(statistics_now_ns() - run->statistics.started_ns) / 1e9;
	if (error == -EINTR)
		run->outcome.reason = "interrupted";
	run->outcome.failed = error != 0;
	if (error == 0 && run->options->control_socket) {
		wait_for_seals(run, run->config->timeout_ms);
		verify(run);
	}
	return error == 0 || error == -EINTR ? end(run) : error;
}

static void close_run(struct run *run)
{
	ground_close(&run->ground);
	for (unsigned i = 0; i < run->opened; i++)
		sender_close(&run->senders[i]);
	free(run->senders);
	free(run->shared.slot_of);
	(void)capture_close(run->shared.capture);
	prebuilt_free(&run->prebuilt);
	emulation_close(&run->emulation);
	load_event_free(&run->event);
}

static void share(struct run *run)
{
	const struct options *options = run->options;
	struct sender_shared *shared = &run->shared;

	shared->config = run->config;
	shared->event = &run->event;
	shared->ports = run->ground.ports;
	shared->port_count = run->ground.port_count;
	shared->worker_count = (unsigned)run->config->dataplane.worker_count;
	shared->is_blind = options->blind;
	shared->repeats = options->blind && options->duration_ms > 0;
	shared->arrival = options->arrival;
	shared->faults = options->faults;
	shared->seed = options->seed;
	if (options->rate)
		(void)pacer_parse(options->rate, run->config->line_rate, &shared->rate);
}

int generator_run(const struct weir_generator_config *config, const struct options *options,
	_Atomic bool *interrupted)
{
	struct run *run = calloc(1, sizeof(*run));
	int error = -ENOMEM;

	if (!run)
		goto out;
	*run = (struct run){.config = config, .options = options, .interrupted = interrupted};
	// The ports first: an aggregator's dataplane may be waiting for them.
	error = ground_open(&run->ground, config);
	if (error == 0)
		error = config->has_static_event
				? load_event_static(&run->event, config)
				: emulation_open(&run->emulation, config, options->event,
					  interrupted, &run->event);
	if (error == 0) {
		share(run);
		error = options->replay ? replay(run) : play(run);
	}
	close_run(run);
	free(run);
out:
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
