// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The commit stage: what workers do for open batches between bursts.

#include <string.h>
#include <sys/eventfd.h>
#include <rte_cycles.h>

#include "commit.h"
#include "commit_job.h"
#include "worker.h"

#define SLICES_PER_SECOND 100000 // one takes 10 microseconds

// While packets wait, a commit gets one step in so many turns, about a quarter of the time: a little more
// than it needs at full rate. A slice in every turn would be half of the time, for as long as a large
// batch takes.
#define TURNS_A_STEP 2

// Takes a tile if the worker has none. Returns false if there is none left.
static bool take_tile(struct commit_job *job, struct commit_progress *progress)
{
	if (progress->has_tile)
		return true;
	if (atomic_load_explicit(&job->tiles_taken, memory_order_relaxed) >= job->tile_count)
		return false;
	progress->tile = atomic_fetch_add_explicit(&job->tiles_taken, 1, memory_order_relaxed);
	if (progress->tile >= job->tile_count)
		return false;
	progress->has_tile = true;
	progress->source = 0;
	return true;
}

// Adds the next few sources to the worker's tile. Returns true when that was the last of them.
static bool add_sources(const struct commit_job *job, struct commit_progress *progress)
{
	uint64_t offset = progress->tile * COMMIT_TILE_BYTES;
	uint64_t bytes =
		RTE_MIN(job->dimension * job->element_size - offset, (uint64_t)COMMIT_TILE_BYTES);
	uint32_t first = progress->source;
	bool plain = first < job->plain_count;
	uint32_t end = plain ? job->plain_count : job->source_count;
	uint32_t n = RTE_MIN(end - first, (uint32_t)COMMIT_SOURCES);
	const void *sources[COMMIT_SOURCES];
	uint8_t *to = job->to + offset;

	if (first == 0)
		memcpy(to, job->from + offset, bytes);
	for (uint32_t i = 0; i < n; i++)
		sources[i] = job->sources[first + i] + offset;
	if (plain)
		job->ops->add_many(to, sources, n, bytes / job->element_size);
	else
		job->ops->add_weighted(
			to, sources, job->weights + first, n, bytes / job->element_size);
	progress->source = first + n;
	return progress->source == job->source_count;
}

// The worker that ends the last tile wakes the control thread, which flips the accumulators.
static void end_tile(
	struct worker *worker, struct commit_job *job, struct commit_progress *progress)
{
	uint64_t done = atomic_fetch_add_explicit(&job->tiles_done, 1, memory_order_acq_rel) + 1;

	progress->has_tile = false;
	count(worker, WEIR_COUNTER_commit_tiles, 1);
	if (done == job->tile_count) {
		count(worker, WEIR_COUNTER_batches_committed, 1);
		eventfd_write(worker->doorbell_descriptor, 1);
	}
}

static bool advance(struct worker *worker, struct commit_job *job, uint64_t deadline)
{
	struct commit_progress *progress = &job->progress[worker->index];
	bool worked = false;

	while (take_tile(job, progress)) {
		if (add_sources(job, progress))
			end_tile(worker, job, progress);
		worked = true;
		if (rte_rdtsc() >= deadline)
			break;
	}
	return worked;
}

bool commit_slice(struct worker *worker)
{
	struct event_table *table = worker->events;
	uint64_t deadline = rte_rdtsc();
	bool worked = false;

	if (!atomic_load_explicit(&table->commits_to_compute, memory_order_relaxed))
		return false;
	if (!worker->packets_wait)
		deadline += rte_get_tsc_hz() / SLICES_PER_SECOND;
	else if (++worker->turns_without_step < TURNS_A_STEP)
		return false;
	worker->turns_without_step = 0;
	for (uint32_t i = 0; i < table->capacity; i++) {
		struct event *event = atomic_load_explicit(&table->events[i], memory_order_acquire);
		struct commit_job *job =
			event ? atomic_load_explicit(&event->commit, memory_order_acquire) : NULL;

		if (job && advance(worker, job, deadline))
			worked = true;
		if (worked && rte_rdtsc() >= deadline)
			break;
	}
	return worked;
}
