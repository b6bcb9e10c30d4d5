// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commit_job.h"
#include "event.h"

static uint64_t held_of(const struct event *event)
{
	return atomic_load_explicit(&event->shared->held, memory_order_relaxed);
}

static uint32_t sealed_of(const struct event *event)
{
	return atomic_load_explicit(&event->shared->sealed_batch, memory_order_relaxed);
}

static struct weir_shm_accumulator *accumulator_of(const struct event *event, uint64_t held)
{
	return &event->shared->accumulators[held & 1];
}

void commit_job_free(struct commit_job *job)
{
	if (!job)
		return;
	free(job->sources);
	free(job->weights);
	free(job->clients);
	free(job);
}

static struct commit_job *job_new(const struct weir_link_commit *request, const uint32_t *clients)
{
	size_t size = RTE_ALIGN_CEIL(sizeof(struct commit_job), RTE_CACHE_LINE_SIZE);
	struct commit_job *job = aligned_alloc(RTE_CACHE_LINE_SIZE, size);

	if (!job)
		return NULL;
	memset(job, 0, size);
	job->sources = calloc(request->count, sizeof(*job->sources));
	job->weights = calloc(request->count, sizeof(*job->weights));
	job->clients = calloc(request->count, sizeof(*job->clients));
	if (!job->sources || !job->weights || !job->clients) {
		commit_job_free(job);
		return NULL;
	}
	memcpy(job->clients, clients, request->count * sizeof(*clients));
	job->source_count = request->count;
	job->batch = request->batch;
	job->count_after = request->count_after;
	job->weight_after = request->weight_after;
	memcpy(job->set_digest_after, request->set_digest_after, sizeof(job->set_digest_after));
	return job;
}

// The slots of weight 1 first: they need no multiplication.
static void gather_sources(const struct event *event, struct commit_job *job)
{
	uint32_t n = 0;

	for (int weighted = 0; weighted <= 1; weighted++) {
		for (uint32_t i = 0; i < job->source_count; i++) {
			const struct weir_shm_client *client = &event->clients[job->clients[i]];

			if ((client->weight != 1) != weighted)
				continue;
			job->sources[n] = event->slots + client->slot * event->slot_stride;
			job->weights[n++] = client->weight;
		}
		if (!weighted)
			job->plain_count = n;
	}
}

static void unmark(struct event *event, const uint32_t *clients, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		event->slot_in_batch[event->clients[clients[i]].slot] = false;
}

// Marks the slots of the batch. Returns 0, -ENOENT, -EINVAL for a client named twice, or -ENODATA
// for one that is not complete; then nothing is marked.
static int mark(struct event *event, const uint32_t *clients, uint32_t count, uint64_t *weight,
	uint32_t *refused)
{
	int error = 0;
	uint32_t marked;

	for (uint32_t i = 0; i < count; i++) {
		*refused = clients[i];
		if (clients[i] >= event->max_clients ||
			atomic_load(&event->clients[clients[i]].state) == WEIR_CLIENT_NONE)
			return -ENOENT;
	}
	*weight = 0;
	for (marked = 0; marked < count; marked++) {
		const struct weir_shm_client *client = &event->clients[clients[marked]];

		*refused = clients[marked];
		if (atomic_load_explicit(&client->state, memory_order_acquire) !=
			WEIR_CLIENT_COMPLETE) {
			error = -ENODATA;
			break;
		}
		if (event->slot_in_batch[client->slot]) {
			error = -EINVAL;
			break;
		}
		event->slot_in_batch[client->slot] = true;
		*weight += client->weight;
	}
	if (error)
		unmark(event, clients, marked);
	return error;
}

// A COMMIT of the batch that is open or held: acknowledged again if it is the same batch.
static int repeat(const struct event *event, const struct weir_link_commit *request,
	enum commit_outcome *outcome)
{
	const struct commit_job *job = event->batch;
	const uint8_t *digest =
		job ? job->set_digest_after : accumulator_of(event, held_of(event))->set_digest;

	if (memcmp(digest, request->set_digest_after, sizeof(request->set_digest_after)) != 0)
		return -EEXIST;
	*outcome = job && !job->finished ? COMMIT_RUNNING : COMMIT_HELD;
	return 0;
}

static int check_open(const struct event *event, const struct weir_link_commit *request)
{
	if (event->batch)
		return -EBUSY;
	if (request->batch <= event->highest_batch)
		return -ESTALE;
	if (atomic_load_explicit(&event->shared->state, memory_order_relaxed) !=
			WEIR_SHM_EVENT_OPEN ||
		request->count == 0)
		return -EINVAL;
	return 0;
}

// Makes the job of a batch whose slots are marked, and lets the workers see it.
static int start(struct event_table *table, struct event *event,
	const struct weir_link_commit *request, const uint32_t *clients)
{
	uint64_t held = held_of(event);
	uint64_t elements = COMMIT_TILE_BYTES / event->element_size;
	uint8_t *base = (uint8_t *)table->memory;
	struct commit_job *job = job_new(request, clients);

	if (!job)
		return -ENOSPC;
	job->ops = &table->kernels->ops[event->modulus];
	job->from = base + accumulator_of(event, held)->offset;
	job->to = base + accumulator_of(event, held ^ 1)->offset;
	job->dimension = event->dimension;
	job->element_size = event->element_size;
	job->tile_count = (event->dimension + elements - 1) / elements;
	job->held_before = held;
	gather_sources(event, job);

	event->batch = job;
	event->highest_batch = job->batch;
	atomic_store_explicit(&event->shared->open_batch, job->batch, memory_order_relaxed);
	atomic_store_explicit(&event->commit, job, memory_order_release);
	atomic_fetch_add_explicit(&table->commits_to_compute, 1, memory_order_release);
	return 0;
}

int commit_open(struct event_table *table, const struct weir_link_commit *request,
	const uint32_t *clients, uint32_t *refused, enum commit_outcome *outcome)
{
	struct event *event = event_lookup(table, request->event);
	const struct weir_shm_accumulator *before;
	uint64_t weight;
	int error;

	if (!event)
		return -ENOENT;
	if (request->batch == 0)
		return -EINVAL;
	if (event->batch ? request->batch == event->batch->batch
			 : request->batch == held_of(event) >> 1)
		return repeat(event, request, outcome);
	error = check_open(event, request);
	if (error)
		return error;
	error = mark(event, clients, request->count, &weight, refused);
	if (error == -ENODATA) {
		*outcome = COMMIT_LOST;
		return 0;
	}
	if (error)
		return error;
	before = accumulator_of(event, held_of(event));
	if (request->count_after != before->count + request->count ||
		request->weight_after != before->weight + weight)
		error = -EINVAL;
	if (!error)
		error = start(table, event, request, clients);
	if (error)
		unmark(event, clients, request->count);
	*outcome = COMMIT_RUNNING;
	return error;
}

static void set_states(const struct event *event, const struct commit_job *job, uint32_t state)
{
	for (uint32_t i = 0; i < job->source_count; i++)
		atomic_store_explicit(
			&event->clients[job->clients[i]].state, state, memory_order_release);
}

// Everything about the new accumulator is in place before the one store that makes it the held one, the
// states of the batch's clients too: they are how a successor knows which clients are in it.
static void finish(struct event_table *table, struct event *event)
{
	struct commit_job *job = event->batch;
	uint64_t selector = (job->held_before & 1) ^ 1;
	struct weir_shm_accumulator *accumulator = accumulator_of(event, selector);

	commit_withdraw(table, event);
	accumulator->count = job->count_after;
	accumulator->weight = job->weight_after;
	accumulator->batch = job->batch;
	memcpy(accumulator->set_digest, job->set_digest_after, sizeof(accumulator->set_digest));
	set_states(event, job, WEIR_CLIENT_COMMITTED);
	atomic_store_explicit(
		&event->shared->held, (uint64_t)job->batch << 1 | selector, memory_order_release);
	job->finished = true;
}

bool commit_finish_next(struct event_table *table, uint32_t *number, uint32_t *batch)
{
	if (!atomic_load_explicit(&table->commits_to_compute, memory_order_relaxed))
		return false;
	for (uint32_t i = 0; i < table->capacity; i++) {
		struct event *event = atomic_load_explicit(&table->events[i], memory_order_relaxed);
		struct commit_job *job = event ? event->batch : NULL;

		if (!job || job->finished ||
			atomic_load_explicit(&job->tiles_done, memory_order_acquire) <
				job->tile_count)
			continue;
		finish(table, event);
		*number = event->number;
		*batch = job->batch;
		return true;
	}
	return false;
}

void commit_withdraw(struct event_table *table, struct event *event)
{
	if (!atomic_load_explicit(&event->commit, memory_order_relaxed))
		return;
	atomic_store_explicit(&event->commit, NULL, memory_order_release);
	atomic_fetch_sub_explicit(&table->commits_to_compute, 1, memory_order_release);
}

// The batch is no longer open. The caller has waited until no worker knows the job.
static void end_batch(struct event *event)
{
	atomic_store_explicit(&event->shared->open_batch, 0, memory_order_release);
	commit_job_free(event->batch);
	event->batch = NULL;
}

static void roll_back(struct event_table *table, struct event *event)
{
	struct commit_job *job = event->batch;

	commit_withdraw(table, event);
	event_quiesce(table);
	if (job->finished) {
		atomic_store_explicit(&event->shared->held, job->held_before, memory_order_release);
		set_states(event, job, WEIR_CLIENT_COMPLETE);
	}
	unmark(event, job->clients, job->source_count);
	end_batch(event);
}

int commit_rollback(struct event_table *table, uint32_t number, uint32_t batch)
{
	struct event *event = event_lookup(table, number);
	struct commit_job *job;

	if (!event)
		return -ENOENT;
	if (batch == 0)
		return -EINVAL;
	job = event->batch;
	if (batch <= sealed_of(event) || (job && batch > job->batch))
		return -ESTALE;
	if (batch > atomic_load(&event->shared->rolled_back_batch))
		atomic_store_explicit(
			&event->shared->rolled_back_batch, batch, memory_order_release);
	if (!job || batch != job->batch) {
		if (batch > event->highest_batch)
			event->highest_batch = batch;
		return 0;
	}
	roll_back(table, event);
	return 0;
}

static void seal(struct event_table *table, struct event *event)
{
	struct commit_job *job = event->batch;

	set_states(event, job, WEIR_CLIENT_SEALED);
	unmark(event, job->clients, job->source_count);
	event_quiesce(table);
	for (uint32_t i = 0; i < job->source_count; i++)
		event_release_slot(event, job->clients[i]);
	end_batch(event);
}

int commit_seal(struct event_table *table, uint32_t number, uint32_t batch)
{
	struct event *event = event_lookup(table, number);
	struct commit_job *job;

	if (!event)
		return -ENOENT;
	if (batch == 0)
		return -EINVAL;
	if (batch <= sealed_of(event))
		return 0;
	job = event->batch;
	if (!job || batch != job->batch)
		return -ESTALE;
	if (!job->finished)
		return -EBUSY;
	atomic_store_explicit(&event->shared->sealed_batch, batch, memory_order_release);
	seal(table, event);
	return 0;
}

static uint32_t count_committed(const struct event *event)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < event->max_clients; i++)
		count += atomic_load(&event->clients[i].state) == WEIR_CLIENT_COMMITTED;
	return count;
}

// What cannot be: the accumulator pointed to is another batch's, clients are in a batch and none is open,
// one is open that was over, or is neither sealed nor follows the sealed one.
bool commit_is_sound(const struct event *event)
{
	uint64_t held = held_of(event);
	uint32_t open = atomic_load(&event->shared->open_batch), sealed = sealed_of(event);
	uint32_t state = atomic_load(&event->shared->state);
	const struct weir_shm_accumulator *current = accumulator_of(event, held);
	uint32_t before = accumulator_of(event, held ^ 1)->batch;

	if (held >> 1 != current->batch || (current->batch == 0) != (current->count == 0))
		return false;
	if (state != WEIR_SHM_EVENT_OPEN && (state != WEIR_SHM_EVENT_FROZEN || open != 0))
		return false;
	if (open == 0)
		return sealed >= current->batch && count_committed(event) == 0;
	if (open != current->batch)
		return sealed == current->batch && open > current->batch;
	return before < open && (sealed == open || sealed == before);
}

// The flipped batch that a predecessor had open, or NULL with errno. Its clients are all that are COMMITTED.
static struct commit_job *found_job(const struct event *event)
{
	const struct weir_shm_accumulator *current = accumulator_of(event, held_of(event));
	uint64_t other = (held_of(event) & 1) ^ 1;
	struct weir_link_commit request = {.batch = current->batch,
		.count_after = current->count,
		.weight_after = current->weight};
	uint32_t *clients = calloc(event->max_clients, sizeof(*clients));
	struct commit_job *job = NULL;

	for (uint32_t i = 0; clients && i < event->max_clients; i++)
		if (atomic_load(&event->clients[i].state) == WEIR_CLIENT_COMMITTED)
			clients[request.count++] = i;
	memcpy(request.set_digest_after, current->set_digest, sizeof(current->set_digest));
	if (clients)
		job = job_new(&request, clients);
	free(clients);
	if (!job)
		return NULL;
	job->finished = true;
	job->held_before = (uint64_t)accumulator_of(event, other)->batch << 1 | other;
	return job;
}

int commit_resume(struct event *event)
{
	uint32_t open = atomic_load(&event->shared->open_batch);
	uint32_t batch = (uint32_t)(held_of(event) >> 1);

	if (open != 0 && open == batch) {
		event->batch = found_job(event);
		if (!event->batch)
			return -ENOMEM;
		for (uint32_t i = 0; i < event->batch->source_count; i++)
			event->slot_in_batch[event->clients[event->batch->clients[i]].slot] = true;
	} else {
		for (uint32_t i = 0; i < event->max_clients; i++)
			if (atomic_load(&event->clients[i].state) == WEIR_CLIENT_COMMITTED)
				atomic_store(&event->clients[i].state, WEIR_CLIENT_COMPLETE);
		atomic_store(&event->shared->sealed_batch, batch);
		atomic_store(&event->shared->open_batch, 0);
	}
	event->highest_batch = RTE_MAX(batch, atomic_load(&event->shared->rolled_back_batch));
	return 0;
}

void commit_settle(struct event_table *table, struct event *event)
{
	if (!event->batch)
		return;
	if (sealed_of(event) >= event->batch->batch)
		seal(table, event);
	else if (atomic_load(&event->shared->rolled_back_batch) >= event->batch->batch)
		roll_back(table, event);
}
