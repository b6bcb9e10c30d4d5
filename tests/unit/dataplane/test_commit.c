// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "rig.h"

#define CLIENTS 40

#define TILE (COMMIT_TILE_BYTES / 4) // elements of 4 bytes

static struct rig rig;
static struct event *event;
static uint64_t *expected; // [dimension]

static void setup(void)
{
	rig_make(&rig, UINT64_C(32) << 20);
}

static void teardown(void)
{
	free(expected);
	rig_free(&rig);
}

TestSuite(commit, .init = setup, .fini = teardown, .timeout = 60);

static void open_event(enum weir_modulus modulus, uint64_t dimension)
{
	struct weir_link_event_open request = rig_request(9, modulus, dimension, 176, CLIENTS, 20);

	event = rig_open(&rig, &request);
	free(expected);
	expected = calloc(dimension, sizeof(*expected));
}

// Every third client weighs 1, the others anything up to the largest.
static uint32_t weight_of(uint32_t client)
{
	return client % 3 == 0 ? 1 : client % 3 == 1 ? client + 1 : WEIR_WEIGHT_MAX - client;
}

static void complete(uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		rig_complete(&rig, event, i, weight_of(i));
}

// What the accumulator shall be after these clients, by integers of 128 bits.
static void expect(uint32_t first, uint32_t count)
{
	for (uint64_t i = 0; i < event->dimension; i++) {
		for (uint32_t c = first; c < first + count; c++)
			expected[i] = rig_add(event->modulus, expected[i], weight_of(c),
				rig_element(event->modulus, c, i));
	}
}

static void check_held(void)
{
	for (uint64_t i = 0; i < event->dimension; i++)
		cr_assert_eq(
			rig_held(&rig, event, i), expected[i], "element %lu", (unsigned long)i);
}

static int open_batch(
	uint32_t batch, const uint32_t *clients, uint32_t count, enum commit_outcome *outcome)
{
	struct weir_link_commit commit = rig_commit(event, batch, clients, count);
	uint32_t refused = UINT32_MAX;

	return commit_open(&rig.table, &commit, clients, &refused, outcome);
}

static bool finish(void)
{
	uint32_t number, batch;

	return commit_finish_next(&rig.table, &number, &batch);
}

static const uint32_t ids[CLIENTS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
	18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39};

Test(commit, is_the_exact_weighted_sum)
{
	static const uint64_t dimensions[] = {1, 353, TILE / 2, TILE, TILE + 1, TILE * 3 - 100};
	static const uint32_t batches[] = {1, 20, 3, 16}; // sizes

	for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST; m++) {
		for (size_t d = 0; d < 6; d++) {
			uint32_t first = 0;
			uint64_t weight = 0;

			open_event((enum weir_modulus)m, dimensions[d]);
			for (uint32_t b = 0; b < 4; b++) {
				const struct weir_shm_accumulator *accumulator;

				complete(first, batches[b]);
				rig_commit_now(&rig, event, b + 1, ids + first, batches[b]);
				expect(first, batches[b]);
				check_held();
				for (uint32_t i = first; i < first + batches[b]; i++) {
					weight += weight_of(i);
					cr_assert_eq(rig_state(event, i), WEIR_CLIENT_COMMITTED);
				}
				cr_assert_eq(commit_seal(&rig.table, 9, b + 1), 0);
				check_held();
				first += batches[b];
				cr_assert_eq(event->shared->held >> 1, b + 1);
				accumulator = &event->shared->accumulators[event->shared->held & 1];
				cr_assert_eq(accumulator->count, first);
				cr_assert_eq(accumulator->weight, weight);
				cr_assert_eq(accumulator->batch, b + 1);
				cr_assert_eq(accumulator->set_digest[31], b + 1);
			}
			event_close(&rig.table, 9);
		}
	}
}

Test(commit, wakes_the_control_thread)
{
	enum commit_outcome outcome;
	eventfd_t value;

	open_event(WEIR_MODULUS_M31, 5 * TILE - 1);
	complete(0, 3);
	cr_assert(!commit_slice(&rig.workers[0]));
	cr_assert_eq(open_batch(1, ids, 3, &outcome), 0);
	cr_assert_eq(event->shared->open_batch, 1);
	cr_assert(!finish());
	cr_assert_eq(eventfd_read(rig.doorbell, &value), -1);
	while (commit_slice(&rig.workers[1]))
		;
	cr_assert_eq(eventfd_read(rig.doorbell, &value), 0);
	cr_assert_eq(event->shared->held, 0); // it is the control thread that flips
	cr_assert(finish());
	cr_assert(!finish());
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_batches_committed), 1);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_commit_tiles), 5);
}

Test(commit, rollback_restores_bit_for_bit)
{
	uint64_t held;

	for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST; m++) {
		open_event((enum weir_modulus)m, 3000);
		complete(0, 10);
		rig_commit_now(&rig, event, 1, ids, 5);
		cr_assert_eq(commit_seal(&rig.table, 9, 1), 0);
		expect(0, 5);
		held = event->shared->held;

		rig_commit_now(&rig, event, 2, ids + 5, 5);
		cr_assert_neq(event->shared->held, held);
		cr_assert_eq(commit_rollback(&rig.table, 9, 2), 0);
		cr_assert_eq(event->shared->held, held);
		cr_assert_eq(event->shared->open_batch, 0);
		check_held();
		for (uint32_t i = 5; i < 10; i++)
			cr_assert_eq(rig_state(event, i), WEIR_CLIENT_COMPLETE);
		cr_assert_eq(commit_rollback(&rig.table, 9, 2), 0); // again

		// The same clients, another number.
		rig_commit_now(&rig, event, 3, ids + 5, 5);
		expect(5, 5);
		check_held();
		event_close(&rig.table, 9);
	}
}

Test(commit, rollback_of_a_half_computed_batch)
{
	enum commit_outcome outcome;

	open_event(WEIR_MODULUS_M61, 20000);
	complete(0, 20);
	cr_assert_eq(open_batch(1, ids, 20, &outcome), 0);
	cr_assert(commit_slice(&rig.workers[0])); // one step, as the clock is not set up
	cr_assert_eq(commit_rollback(&rig.table, 9, 1), 0);
	cr_assert(!commit_slice(&rig.workers[0]));
	cr_assert(!finish());
	cr_assert_eq(event->shared->held, 0);
	check_held();
	cr_assert_eq(rig_state(event, 3), WEIR_CLIENT_COMPLETE);
	rig_commit_now(&rig, event, 2, ids, 20);
	expect(0, 20);
	check_held();
}

Test(commit, numbers_are_never_reused)
{
	enum commit_outcome outcome;

	open_event(WEIR_MODULUS_M31, 100);
	complete(0, 6);
	cr_assert_eq(open_batch(0, ids, 1, &outcome), -EINVAL);
	rig_commit_now(&rig, event, 4, ids, 2);
	cr_assert_eq(commit_seal(&rig.table, 9, 4), 0);
	cr_assert_eq(open_batch(3, ids + 2, 1, &outcome), -ESTALE);
	rig_commit_now(&rig, event, 5, ids + 2, 2);
	cr_assert_eq(commit_rollback(&rig.table, 9, 5), 0);
	cr_assert_eq(open_batch(5, ids + 2, 2, &outcome), -ESTALE);
	cr_assert_eq(commit_rollback(&rig.table, 9, 7), 0); // never seen here
	cr_assert_eq(open_batch(7, ids + 2, 2, &outcome), -ESTALE);
	cr_assert_eq(commit_rollback(&rig.table, 9, 4), -ESTALE); // sealed
	cr_assert_eq(commit_rollback(&rig.table, 9, 0), -EINVAL);
	cr_assert_eq(commit_rollback(&rig.table, 8, 4), -ENOENT);
	rig_commit_now(&rig, event, 8, ids + 2, 2);
}

Test(commit, one_batch_at_a_time)
{
	enum commit_outcome outcome;

	open_event(WEIR_MODULUS_M31, 5000);
	complete(0, 4);
	cr_assert_eq(open_batch(1, ids, 2, &outcome), 0);
	cr_assert_eq(open_batch(2, ids + 2, 2, &outcome), -EBUSY);
	cr_assert_eq(commit_seal(&rig.table, 9, 1), -EBUSY); // still being computed
	cr_assert_eq(commit_rollback(&rig.table, 9, 2), -ESTALE);
	while (commit_slice(&rig.workers[0]))
		;
	cr_assert(finish());
	cr_assert_eq(open_batch(2, ids + 2, 2, &outcome), -EBUSY);
	cr_assert_eq(commit_seal(&rig.table, 9, 2), -ESTALE);
	cr_assert_eq(commit_seal(&rig.table, 9, 1), 0);
	rig_commit_now(&rig, event, 2, ids + 2, 2);
}

Test(commit, repeats_are_acknowledged)
{
	struct weir_link_commit commit;
	enum commit_outcome outcome;
	uint32_t refused;

	open_event(WEIR_MODULUS_M31, 5000);
	complete(0, 4);
	commit = rig_commit(event, 1, ids, 2);
	cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_RUNNING);
	cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_RUNNING);
	while (commit_slice(&rig.workers[0]))
		;
	cr_assert(finish());
	expect(0, 2);
	for (int sealed = 0; sealed <= 1; sealed++) {
		cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), 0);
		cr_assert_eq(outcome, COMMIT_HELD);
		commit.set_digest_after[0] ^= 1; // not the same batch at all
		cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), -EEXIST);
		commit.set_digest_after[0] ^= 1;
		cr_assert(!commit_slice(&rig.workers[0]));
		check_held();
		cr_assert_eq(commit_seal(&rig.table, 9, 1), 0);
	}
	cr_assert_eq(commit_seal(&rig.table, 9, 0), -EINVAL);
	cr_assert_eq(commit_seal(&rig.table, 8, 1), -ENOENT);
}

Test(commit, refuses_bad_lists)
{
	struct weir_link_commit commit;
	enum commit_outcome outcome;
	uint32_t twice[3] = {0, 1, 0}, unknown[2] = {0, CLIENTS}, missing[2] = {0, 9};
	uint32_t refused;

	open_event(WEIR_MODULUS_M31, 100);
	complete(0, 4);
	commit = rig_commit(event, 1, twice, 3);
	cr_assert_eq(commit_open(&rig.table, &commit, twice, &refused, &outcome), -EINVAL);
	cr_assert_eq(refused, 0);
	commit.count = 2;
	cr_assert_eq(commit_open(&rig.table, &commit, unknown, &refused, &outcome), -ENOENT);
	cr_assert_eq(refused, CLIENTS);
	cr_assert_eq(commit_open(&rig.table, &commit, missing, &refused, &outcome), -ENOENT);
	cr_assert_eq(refused, 9);

	// Claims about the set that do not follow from it.
	commit = rig_commit(event, 1, ids, 3);
	commit.count_after++;
	cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), -EINVAL);
	commit = rig_commit(event, 1, ids, 3);
	commit.weight_after--;
	cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), -EINVAL);
	commit.count = 0;
	cr_assert_eq(commit_open(&rig.table, &commit, ids, &refused, &outcome), -EINVAL);

	// None of which has left a trace.
	cr_assert_eq(event->shared->open_batch, 0);
	rig_commit_now(&rig, event, 1, ids, 4);
	expect(0, 4);
	check_held();
}

Test(commit, lost_slots_change_nothing)
{
	enum commit_outcome outcome;
	uint32_t refused, client = 2;

	open_event(WEIR_MODULUS_M31, 100);
	complete(0, 3);
	rig_join(&rig, 9, 3, weight_of(3));
	cr_assert_eq(open_batch(1, ids, 4, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_LOST); // 3 is only joined
	rig_admit(&rig, 9, 3);
	cr_assert_eq(open_batch(1, ids, 4, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_LOST); // 3 is only admitted
	cr_assert_eq(event->shared->open_batch, 0);
	cr_assert_eq(event->shared->held, 0);
	cr_assert_eq(event_abort(&rig.table, 9, &client, 1, &refused), 0);
	cr_assert_eq(open_batch(1, ids, 3, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_LOST); // 2 is aborted
	rig_commit_now(&rig, event, 1, ids, 2);
	expect(0, 2);
	check_held();
	cr_assert_eq(commit_seal(&rig.table, 9, 1), 0);
	cr_assert_eq(open_batch(2, ids, 1, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_LOST); // 0 is in the sum already
}

Test(commit, seal_frees_slots_last_in_first_out)
{
	uint32_t slots[4];

	open_event(WEIR_MODULUS_M31, 100);
	complete(0, 4);
	for (uint32_t i = 0; i < 4; i++)
		slots[i] = event->clients[i].slot;
	rig_commit_now(&rig, event, 1, ids, 3);
	cr_assert_eq(event->shared->slots_used, 4);
	cr_assert_eq(commit_seal(&rig.table, 9, 1), 0);
	cr_assert_eq(event->shared->slots_used, 1);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(rig_state(event, i), WEIR_CLIENT_SEALED);
		cr_assert_eq(event->clients[i].slot, WEIR_NO_SLOT);
	}
	complete(4, 3);
	cr_assert_eq(event->clients[4].slot, slots[2]);
	cr_assert_eq(event->clients[5].slot, slots[1]);
	cr_assert_eq(event->clients[6].slot, slots[0]);
	rig_commit_now(&rig, event, 2, ids + 3, 4);
	expect(0, 7);
	check_held();
}

// Real workers, with quiescent points, while the control thread commits, rolls back and seals.
static _Atomic bool stop;

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct rte_rcu_qsbr *quiescence = rig.table.quiescence;

	rte_rcu_qsbr_thread_register(quiescence, worker->index);
	rte_rcu_qsbr_thread_online(quiescence, worker->index);
	while (!stop) {
		if (!commit_slice(worker))
			sched_yield();
		rte_rcu_qsbr_quiescent(quiescence, worker->index);
	}
	rte_rcu_qsbr_thread_offline(quiescence, worker->index);
	rte_rcu_qsbr_thread_unregister(quiescence, worker->index);
	return NULL;
}

Test(commit, two_workers_share_the_tiles)
{
	pthread_t threads[RIG_WORKERS];
	enum commit_outcome outcome;

	open_event(WEIR_MODULUS_M31, 200000);
	complete(0, 20);
	for (unsigned i = 0; i < RIG_WORKERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, work, &rig.workers[i]), 0);
	for (uint32_t batch = 1; batch <= 30; batch++) {
		cr_assert_eq(open_batch(batch, ids, 20, &outcome), 0);
		if (batch % 3 == 0)
			while (!finish())
				sched_yield();
		else if (batch % 3 == 1)
			sched_yield();
		cr_assert_eq(commit_rollback(&rig.table, 9, batch), 0);
	}
	for (uint32_t i = 0; i < 20; i += 10) {
		cr_assert_eq(open_batch(31 + i, ids + i, 10, &outcome), 0);
		while (!finish())
			sched_yield();
		expect(i, 10);
		check_held();
		cr_assert_eq(commit_seal(&rig.table, 9, 31 + i), 0);
	}
	stop = true;
	for (unsigned i = 0; i < RIG_WORKERS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_gt(rig.workers[0].counters[WEIR_COUNTER_commit_tiles], 0);
	cr_assert_gt(rig.workers[1].counters[WEIR_COUNTER_commit_tiles], 0);
}

// A queue that is full must not overflow, and a commit must go on all the same.
Test(commit, goes_on_at_a_slower_pace_while_packets_wait)
{
	struct worker *worker = &rig.workers[0];
	enum commit_outcome outcome;
	unsigned turns = 0, steps = 0;

	open_event(WEIR_MODULUS_M31, 3 * TILE);
	complete(0, 20);
	cr_assert_eq(open_batch(1, ids, 20, &outcome), 0);
	worker->packets_wait = true;
	while (rig_count(&rig, WEIR_COUNTER_batches_committed) == 0) {
		steps += commit_slice(worker);
		cr_assert_lt(++turns, 1000);
	}
	cr_expect_eq(steps, 3 * 3, "three tiles, each in steps of 8, 8 and 4 slots");
	cr_expect_eq(turns, 2 * steps);
	cr_assert(finish());
	expect(0, 20);
	check_held();
}

Test(commit, two_events_at_once)
{
	struct weir_link_event_open request = rig_request(2, WEIR_MODULUS_R64, 3000, 176, 5, 5);
	struct weir_link_commit commit;
	enum commit_outcome outcome;
	struct event *other;
	uint32_t refused;

	open_event(WEIR_MODULUS_M31, 3000);
	other = rig_open(&rig, &request);
	complete(0, 4);
	rig_complete(&rig, other, 1, 5);
	cr_assert_eq(open_batch(1, ids, 4, &outcome), 0);
	commit = rig_commit(other, 1, ids + 1, 1);
	cr_assert_eq(commit_open(&rig.table, &commit, ids + 1, &refused, &outcome), 0);
	while (commit_slice(&rig.workers[0]))
		;
	cr_assert(finish());
	cr_assert(finish());
	cr_assert(!finish());
	expect(0, 4);
	check_held();
	for (uint64_t i = 0; i < 3000; i++)
		cr_assert_eq(rig_held(&rig, other, i),
			rig_add(WEIR_MODULUS_R64, 0, 5, rig_element(WEIR_MODULUS_R64, 1, i)));
}
