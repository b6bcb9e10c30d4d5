// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A sealed batch that this memory does not hold, or not any more: its accumulator comes back from a file that
// the control process kept of it.

#include "commit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <rte_common.h>

#include "event.h"
#include "kernels.h"
#include "random.h"

#define PIECE (UINT64_C(1) << 20) // bytes read at once, and whole elements

static int read_piece(int descriptor, uint8_t *to, uint64_t length, uint64_t offset)
{
	for (uint64_t done = 0; done < length;) {
		ssize_t n = pread(descriptor, to + done, length - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

// Returns 0, -EIO if the file cannot be read or ends too early, or -EBADMSG for an element that is not below
// the modulus.
static int read_vector(const struct event_table *table, const struct event *event, int descriptor,
	uint64_t offset, uint8_t *to)
{
	uint64_t size = event->dimension * event->element_size;

	for (uint64_t at = 0; at < size; at += PIECE) {
		uint64_t length = RTE_MIN(size - at, PIECE);
		int error = read_piece(descriptor, to + at, length, offset + at);

		if (error)
			return error;
		if (!table->kernels->ops[event->modulus].is_canonical(
			    to + at, length / event->element_size))
			return -EBADMSG;
	}
	return 0;
}

static int check(const struct event *event, const struct weir_link_restore *request, int descriptor)
{
	uint64_t size = event->dimension * event->element_size;
	struct stat status;

	if (event->batch)
		return -EBUSY;
	if (request->batch <= event->highest_batch)
		return -ESTALE;
	if (atomic_load(&event->shared->state) != WEIR_SHM_EVENT_OPEN || request->batch == 0 ||
		request->count == 0 || request->weight < request->count)
		return -EINVAL;
	if (descriptor < 0 || fstat(descriptor, &status) || !S_ISREG(status.st_mode) ||
		request->offset_in_file > (uint64_t)INT64_MAX - size)
		return -EINVAL;
	return 0;
}

int commit_restore(
	struct event_table *table, const struct weir_link_restore *request, int descriptor)
{
	struct event *event = event_lookup(table, request->event);

	if (!event)
		return -ENOENT;
	uint64_t held = atomic_load(&event->shared->held);
	struct weir_shm_accumulator *accumulator = &event->shared->accumulators[held & 1];
	if (request->batch != 0 && request->batch == held >> 1)
		return memcmp(accumulator->set_digest, request->set_digest,
			       sizeof(accumulator->set_digest)) == 0
			       ? 0
			       : -EEXIST;
	int error = check(event, request, descriptor);
	if (error)
		return error;

	uint64_t selector = (held & 1) ^ 1;
	accumulator = &event->shared->accumulators[selector];
	uint8_t *vector = (uint8_t *)table->memory + accumulator->offset;
	error = read_vector(table, event, descriptor, request->offset_in_file, vector);
	if (error) {
		weir_wipe(vector, event->dimension * event->element_size);
		return error;
	}
	accumulator->count = request->count;
	accumulator->weight = request->weight;
	accumulator->batch = request->batch;
	memcpy(accumulator->set_digest, request->set_digest, sizeof(accumulator->set_digest));
	event->highest_batch = request->batch;
	// In this order: a sealed number above the held one says that this was not finished.
	atomic_store_explicit(&event->shared->sealed_batch, request->batch, memory_order_release);
	atomic_store_explicit(&event->shared->held, (uint64_t)request->batch << 1 | selector,
		memory_order_release);
	return 0;
}
