// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The worker's loop: the pipeline, turn by turn.

#include "worker.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <rte_cycles.h>
#include <rte_pause.h>

// Turns without work after which the core is given back, and for how long: long enough to cost little
// (some 15 % of a core), short enough not to matter beside a network's round trip.
#define IDLE_TURNS   256
#define SLEEP_US_MIN 50
#define SLEEP_US_MAX 200

// Waking the control thread costs as much as several packets, and takes a CPU from somebody: perhaps
// from who sends them, so that with a wake for each ring less load would make for more wakes.
#define WAKES_PER_SECOND 2000

void worker_ring_doorbell(struct worker *worker, uint32_t event, uint32_t client)
{
	void *entry = (void *)(uintptr_t)((uint64_t)event << 32 | client);

	// A full ring loses nothing: state in shared memory is the truth, and the control thread
	// looks there too.
	(void)rte_ring_enqueue(worker->doorbells, entry);
	worker->rang = true;
}

static void wake_control_thread(struct worker *worker)
{
	if (!worker->rang)
		return;
	uint64_t now = rte_rdtsc();
	if (now < worker->next_wake)
		return;
	worker->rang = false;
	worker->next_wake = now + rte_get_tsc_hz() / WAKES_PER_SECOND;
	(void)eventfd_write(worker->doorbell_descriptor, 1);
}

static bool is_stopping(const struct worker *worker)
{
	return atomic_load_explicit(worker->stop, memory_order_relaxed);
}

// A sleeper is offline: the control thread does not wait for it to pass a quiescent point, so it must
// hold no event or slot.
static void give_core_back(struct worker *worker)
{
	struct rte_rcu_qsbr *quiescence = worker->events->quiescence;
	uint32_t doublings = worker->empty_turns - IDLE_TURNS;
	uint32_t sleep_us = doublings < 2 ? SLEEP_US_MIN << doublings : SLEEP_US_MAX;

	rte_rcu_qsbr_thread_offline(quiescence, worker->index);
	usleep(sleep_us);
	rte_rcu_qsbr_thread_online(quiescence, worker->index);
	count(worker, WEIR_COUNTER_idle_sleeps, 1);
}

static void rest(struct worker *worker, bool worked)
{
	if (worked) {
		worker->empty_turns = 0;
		return;
	}
	if (worker->empty_turns < UINT32_MAX)
		worker->empty_turns++;
	if (worker->idle == WEIR_IDLE_SLEEP && worker->empty_turns >= IDLE_TURNS)
		give_core_back(worker);
	else
		rte_pause();
}

int worker_run(void *argument)
{
	struct worker *worker = argument;
	struct rte_rcu_qsbr *quiescence = worker->events->quiescence;
	struct rte_mbuf *burst[BURST_MAX];

	rte_rcu_qsbr_thread_register(quiescence, worker->index);
	rte_rcu_qsbr_thread_online(quiescence, worker->index);
	while (!is_stopping(worker)) {
		bool worked = false;

		worker->packets_wait = false;
		for (unsigned i = 0; i < worker->queue_count; i++) {
			const struct worker_queue *queue = &worker->queues[i];
			uint16_t n = receive_burst(worker, queue, burst);

			if (n > 0) {
				parse_burst(worker, queue, burst, n);
				stage_burst(worker, burst, n);
				answer_burst(worker, queue, burst, n);
				worker->packets_wait |= n == BURST_MAX;
				worked = true;
			}
		}
		worked |= commit_slice(worker);
		rte_rcu_qsbr_quiescent(quiescence, worker->index);
		wake_control_thread(worker);
		rest(worker, worked);
	}
	rte_rcu_qsbr_thread_offline(quiescence, worker->index);
	rte_rcu_qsbr_thread_unregister(quiescence, worker->index);
	return 0;
}
