// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// RESTORE: a sealed batch comes back from a file.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "rig.h"

#define EVENT     3
#define CHUNK     32
#define DIMENSION UINT64_C(300000) // more than is read at once
#define OFFSET    136
#define BATCH     7

static struct rig rig;
static struct event *event;
static int file;
static struct weir_link_restore request;

// A file that holds client 0's vector as if it were the sum of 5 clients.
static void setup(void)
{
	struct weir_link_event_open open =
		rig_request(EVENT, WEIR_MODULUS_M61, DIMENSION, CHUNK, 9, 2);
	void *vector;

	rig_make(&rig, UINT64_C(16) << 20);
	event = rig_open(&rig, &open);
	vector = rig_vector(event, 0);
	file = memfd_create("snapshot", MFD_CLOEXEC);
	cr_assert_geq(file, 0);
	cr_assert_eq(pwrite(file, vector, DIMENSION * 8, OFFSET), (ssize_t)(DIMENSION * 8));
	free(vector);
	request = (struct weir_link_restore){.event = EVENT,
		.batch = BATCH,
		.count = 5,
		.weight = 11,
		.set_digest = {1, 2, 3},
		.offset_in_file = OFFSET};
}

static void teardown(void)
{
	close(file);
	rig_free(&rig);
}

TestSuite(restore, .init = setup, .fini = teardown, .timeout = 60);

static int restore(void)
{
	return commit_restore(&rig.table, &request, file);
}

static void check_untouched(void)
{
	cr_assert_eq(event->shared->held, 0);
	cr_assert_eq(event->shared->sealed_batch, 0);
	for (uint64_t i = 0; i < DIMENSION; i++) {
		cr_assert_eq(rig_held(&rig, event, i), 0);
		cr_assert_eq(((uint64_t *)((uint8_t *)rig.table.memory +
					   event->shared->accumulators[1].offset))[i],
			0, "part of a share is left");
	}
}

Test(restore, is_as_if_the_batch_had_been_sealed_here)
{
	const struct weir_shm_accumulator *held;
	uint32_t clients[] = {4};

	cr_assert_eq(restore(), 0);
	held = &event->shared->accumulators[event->shared->held & 1];
	cr_assert_eq(event->shared->held >> 1, BATCH);
	cr_assert_eq(held->batch, BATCH);
	cr_assert_eq(held->count, 5);
	cr_assert_eq(held->weight, 11);
	cr_assert_eq(memcmp(held->set_digest, request.set_digest, 32), 0);
	for (uint64_t i = 0; i < DIMENSION; i++)
		cr_assert_eq(rig_held(&rig, event, i), rig_element(event->modulus, 0, i));
	cr_assert_eq(commit_seal(&rig.table, EVENT, BATCH), 0);
	cr_assert_eq(commit_rollback(&rig.table, EVENT, BATCH), -ESTALE);

	// The next batch builds upon it, and rolling that one back leads here again.
	rig_complete(&rig, event, 4, 3);
	rig_commit_now(&rig, event, BATCH + 1, clients, 1);
	cr_assert_eq(rig_held(&rig, event, 299999),
		rig_add(event->modulus, rig_element(event->modulus, 0, 299999), 3,
			rig_element(event->modulus, 4, 299999)));
	cr_assert_eq(restore(), -EBUSY);
	cr_assert_eq(commit_rollback(&rig.table, EVENT, BATCH + 1), 0);
	cr_assert_eq(event->shared->held >> 1, BATCH);
	cr_assert_eq(rig_held(&rig, event, 7), rig_element(event->modulus, 0, 7));
	request.batch = BATCH + 1;
	cr_assert_eq(restore(), -ESTALE, "a number that was rolled back");
}

Test(restore, repeated_is_done_already)
{
	cr_assert_eq(restore(), 0);
	cr_assert_eq(ftruncate(file, 0), 0);
	cr_assert_eq(restore(), 0, "not read again");
	cr_assert_eq(commit_restore(&rig.table, &request, -1), 0);
	request.set_digest[9] = 1;
	cr_assert_eq(restore(), -EEXIST);
	request.batch--;
	cr_assert_eq(restore(), -ESTALE);
	cr_assert_eq(rig_held(&rig, event, 1), rig_element(event->modulus, 0, 1));
}

Test(restore, a_file_that_is_not_all_there_is_refused)
{
	uint64_t above = weir_modulus_max(event->modulus) + 1;

	cr_assert_eq(ftruncate(file, OFFSET + (off_t)DIMENSION * 8 - 1), 0);
	cr_assert_eq(restore(), -EIO);
	check_untouched();
	cr_assert_eq(ftruncate(file, OFFSET + (off_t)DIMENSION * 8), 0);
	cr_assert_eq(pwrite(file, &above, 8, OFFSET + 8 * 299998), 8);
	cr_assert_eq(restore(), -EBADMSG);
	check_untouched();
	above--;
	cr_assert_eq(pwrite(file, &above, 8, OFFSET + 8 * 299998), 8);
	cr_assert_eq(restore(), 0);
	cr_assert_eq(rig_held(&rig, event, 299998), above);
}

Test(restore, what_makes_no_sense_is_refused)
{
	const struct weir_link_restore good = request;
	int pipes[2], own = file;

	request.event++;
	cr_assert_eq(restore(), -ENOENT);
	request = good;
	request.count = 0;
	cr_assert_eq(restore(), -EINVAL);
	request = good;
	request.weight = 4; // of 5 clients
	cr_assert_eq(restore(), -EINVAL);
	request = good;
	request.offset_in_file = UINT64_MAX;
	cr_assert_eq(restore(), -EINVAL);
	request.offset_in_file = INT64_MAX - 8;
	cr_assert_eq(restore(), -EINVAL);
	request = good;
	cr_assert_eq(commit_restore(&rig.table, &request, -1), -EINVAL);
	cr_assert_eq(pipe(pipes), 0);
	file = pipes[0];
	cr_assert_eq(restore(), -EINVAL, "would wait for ever");
	file = own;
	close(pipes[0]);
	close(pipes[1]);
	cr_assert_eq(event_freeze(&rig.table, EVENT), 0);
	cr_assert_eq(restore(), -EINVAL);
	check_untouched();
}
