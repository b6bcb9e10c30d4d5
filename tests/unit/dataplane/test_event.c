// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "rig.h"

#define ARENA (UINT64_C(8) << 20)

static struct rig rig;

static void setup(void)
{
	rig_make(&rig, ARENA);
}

static void teardown(void)
{
	rig_free(&rig);
}

TestSuite(event, .init = setup, .fini = teardown, .timeout = 60);

static int add(uint32_t event, struct weir_link_client client, uint32_t *refused)
{
	return event_add_clients(&rig.table, event, &client, 1, refused);
}

static int admit(uint32_t event, uint32_t client)
{
	uint32_t refused;

	return event_admit(&rig.table, event, &client, 1, &refused);
}

static int abort_client(uint32_t event, uint32_t client)
{
	uint32_t refused = UINT32_MAX;
	int error = event_abort(&rig.table, event, &client, 1, &refused);

	cr_assert_eq(refused, error && error != -ENOENT ? client : refused);
	return error;
}

Test(event, refuses_hostile_requests)
{
	const struct weir_link_event_open good = rig_request(1, WEIR_MODULUS_M61, 30, 176, 5, 4);
	struct weir_link_event_open bad;

#define REFUSES(field, value, error)                                                               \
	do {                                                                                       \
		bad = good;                                                                        \
		bad.field = (value);                                                               \
		cr_assert_eq(event_open(&rig.table, &bad), (error), #field " = " #value);          \
		cr_assert_eq(rig.table.memory->arena_used, 0);                                     \
	} while (0)

	REFUSES(number, 0, -EINVAL);
	REFUSES(modulus, 0, -EINVAL);
	REFUSES(modulus, 5, -EINVAL);
	REFUSES(modulus, UINT32_MAX, -EINVAL);
	REFUSES(dimension, 0, -EINVAL);
	REFUSES(dimension, UINT64_MAX, -EINVAL);
	REFUSES(dimension, UINT64_C(1) << 61, -EINVAL);
	REFUSES(dimension, (UINT64_C(1) << 28) * 176 + 1, -EINVAL);
	REFUSES(dimension, (UINT64_C(1) << 28) * 176, -ENOSPC);
	REFUSES(dimension, ARENA / 8, -ENOSPC);
	REFUSES(chunk_elements, 0, -EINVAL);
	REFUSES(chunk_elements, 8, -EINVAL);
	REFUSES(chunk_elements, 177, -EINVAL);
	REFUSES(chunk_elements, 8192, -EINVAL);
	REFUSES(chunk_elements, 0xfffffff0, -EINVAL);
	REFUSES(max_clients, 0, -EINVAL);
	REFUSES(max_clients, 1001, -ENOSPC);
	REFUSES(max_clients, UINT32_MAX, -ENOSPC);
	REFUSES(slot_count, 0, -EINVAL);
	REFUSES(slot_count, UINT32_MAX, -ENOSPC);
	REFUSES(max_weight, 0, -EINVAL);
	REFUSES(max_weight, WEIR_WEIGHT_MAX + 1, -EINVAL);
	REFUSES(window, 0, -EINVAL);
#undef REFUSES
	cr_assert_eq(event_open(&rig.table, &good), 0);
}

Test(event, takes_the_largest_datagram)
{
	// 65535 - 8 (UDP) - 40 bytes, in whole lines of 64.
	rig_open(&rig, &(struct weir_link_event_open){.number = 1,
			       .modulus = WEIR_MODULUS_R32,
			       .dimension = 20000,
			       .chunk_elements = 16368,
			       .max_clients = 1,
			       .slot_count = 1,
			       .max_weight = 1,
			       .window = 1});
}

Test(event, opens_once)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_M31, 353, 352, 5, 4);
	struct weir_link_event_open other = request;
	uint64_t used;

	rig_open(&rig, &request);
	used = rig.table.memory->arena_used;
	cr_assert_eq(event_open(&rig.table, &request), 0);
	cr_assert_eq(rig.table.memory->arena_used, used);
	other.dimension++;
	cr_assert_eq(event_open(&rig.table, &other), -EEXIST);
	other = request;
	other.max_weight--;
	cr_assert_eq(event_open(&rig.table, &other), -EEXIST);
	other = request;
	other.number = 5; // the same entry of the table of 4
	cr_assert_eq(event_open(&rig.table, &other), -EEXIST);
	other.number = 2;
	cr_assert_eq(event_open(&rig.table, &other), 0);
}

// What clients are granted may change, by what is refused it does not.
Test(event, takes_another_window_and_rate)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_M31, 353, 352, 5, 4);
	struct event *event = rig_open(&rig, &request);

	request.window = 7;
	request.rate = 125000;
	cr_assert_eq(event_open(&rig.table, &request), 0);
	cr_expect_eq(event_lookup(&rig.table, 1), event);
	cr_expect_eq(event->window, 7);
	cr_expect_eq(event->rate, 125000);
	request.window = 8;
	request.dimension++;
	cr_assert_eq(event_open(&rig.table, &request), -EEXIST);
	cr_expect_eq(event->window, 7);
	request.dimension--;
	request.window = 0;
	cr_assert_eq(event_open(&rig.table, &request), -EINVAL);
	cr_expect_eq(event->window, 7);
}

Test(event, lays_out_what_it_promises)
{
	static const uint64_t dimensions[] = {1, 16, 353, 1024, 2048, 4096, 100003};
	const uint8_t *base = (const uint8_t *)rig.table.memory;

	for (size_t i = 0; i < 7; i++) {
		struct weir_link_event_open request =
			rig_request(1, WEIR_MODULUS_M31, dimensions[i], 352, 7, 3);
		const struct event *event = rig_open(&rig, &request);
		const struct weir_shm_event *shared = event->shared;
		uint64_t vector = dimensions[i] * 4;
		uint64_t tiles = (vector + COMMIT_TILE_BYTES - 1) / COMMIT_TILE_BYTES;

		cr_assert_eq(shared->number, 1);
		cr_assert_eq(shared->state, WEIR_SHM_EVENT_OPEN);
		cr_assert_eq(shared->chunk_count, (dimensions[i] + 351) / 352);
		cr_assert_eq(shared->slot_stride % 64, 0);
		cr_assert_neq(shared->slot_stride % 4096, 0);
		cr_assert_geq(shared->slot_stride, vector);
		cr_assert_eq(shared->slots_offset % 64, 0);
		cr_assert_geq(shared->bitmap_stride * 8, shared->chunk_count);
		cr_assert_geq(shared->bitmaps_offset, shared->clients_offset + UINT64_C(7) * 16);
		cr_assert_geq(
			shared->slots_offset, shared->bitmaps_offset + 3 * shared->bitmap_stride);
		cr_assert_geq(shared->accumulators[0].offset,
			shared->slots_offset + 3 * shared->slot_stride);
		cr_assert_eq(shared->accumulators[1].offset - shared->accumulators[0].offset,
			tiles * COMMIT_TILE_BYTES);
		cr_assert_leq(shared->accumulators[1].offset + tiles * COMMIT_TILE_BYTES,
			rig.table.memory->total_size);
		cr_assert_eq((const uint8_t *)event->clients, base + shared->clients_offset);
		cr_assert_eq(event->slots, base + shared->slots_offset);
		cr_assert_eq(event_close(&rig.table, 1), 0);
	}
}

// Bitmaps, tables and accumulators are little beside the slots, and a client that holds none costs its
// entry in shared memory and its two keys.
Test(event, takes_little_more_memory_than_its_slots)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_M31, 20000, 352, 10, 64);
	uint64_t few = rig_open(&rig, &request)->arena_length;
	uint64_t slots = 64 * request.dimension * 4;
	uint64_t accumulators = 2 * RTE_ALIGN_CEIL(request.dimension * 4, COMMIT_TILE_BYTES);

	cr_expect_geq(few, slots + accumulators);
	cr_expect_leq(few - accumulators, slots + slots / 50);
	cr_assert_eq(event_close(&rig.table, 1), 0);
	request.max_clients = 1000;
	uint64_t many = rig_open(&rig, &request)->arena_length;
	cr_expect_leq(many - few + 990 * sizeof(struct weir_packet_keys), 990 * UINT64_C(256));
}

Test(event, adds_clients)
{
	struct weir_link_event_open request = rig_request(3, WEIR_MODULUS_M31, 10, 16, 5, 4);
	struct event *event;
	struct weir_link_client client = rig_client(2, 9);
	uint32_t refused = UINT32_MAX;

	request.max_weight = 9;
	event = rig_open(&rig, &request);
	cr_assert_eq(add(4, client, &refused), -ENOENT);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_NONE);
	cr_assert_eq(add(3, client, &refused), 0);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_JOINED);
	cr_assert_eq(event->clients[2].weight, 9);
	cr_assert_eq(add(3, client, &refused), 0); // again
	client.weight = 8;
	cr_assert_eq(add(3, client, &refused), -EEXIST);
	cr_assert_eq(refused, 2);
	client = rig_client(2, 9);
	client.key_to_client[31] ^= 1;
	cr_assert_eq(add(3, client, &refused), -EEXIST);
	cr_assert_eq(add(3, rig_client(5, 1), &refused), -EINVAL);
	cr_assert_eq(add(3, rig_client(UINT32_MAX, 1), &refused), -EINVAL);
	cr_assert_eq(refused, UINT32_MAX);
	cr_assert_eq(add(3, rig_client(1, 0), &refused), -EINVAL);
	cr_assert_eq(add(3, rig_client(1, 10), &refused), -EINVAL);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_NONE);
}

Test(event, adds_all_of_a_list_or_none)
{
	struct weir_link_event_open request = rig_request(3, WEIR_MODULUS_M31, 10, 16, 5, 4);
	struct event *event = rig_open(&rig, &request);
	struct weir_link_client list[3] = {rig_client(0, 1), rig_client(1, 1), rig_client(0, 2)};
	uint32_t refused = UINT32_MAX;

	cr_assert_eq(event_add_clients(&rig.table, 3, list, 3, &refused), -EINVAL);
	cr_assert_eq(refused, 0);
	list[2] = rig_client(7, 1);
	cr_assert_eq(event_add_clients(&rig.table, 3, list, 3, &refused), -EINVAL);
	cr_assert_eq(refused, 7);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_NONE);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_NONE);
}

Test(event, holds_no_more_clients_than_configured)
{
	struct weir_link_event_open first = rig_request(1, WEIR_MODULUS_M31, 10, 16, 1000, 1);
	struct weir_link_event_open second = rig_request(2, WEIR_MODULUS_M31, 10, 16, 1000, 1);
	uint32_t refused;

	rig_open(&rig, &first);
	rig_open(&rig, &second);
	for (uint32_t i = 0; i < 999; i++)
		rig_join(&rig, 1, i, 1);
	rig_join(&rig, 2, 0, 1);
	cr_assert_eq(add(2, rig_client(1, 1), &refused), -ENOSPC);
	cr_assert_eq(add(2, rig_client(0, 1), &refused), 0); // is there already
	cr_assert_eq(event_close(&rig.table, 1), 0);
	cr_assert_eq(add(2, rig_client(1, 1), &refused), 0);
}

Test(event, admits_as_many_as_it_has_slots)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_M31, 10, 16, 5, 2);
	struct event *event = rig_open(&rig, &request);
	uint32_t list[3] = {0, 1, 2};
	uint32_t refused;

	cr_assert_eq(admit(1, 0), -ENOENT);
	cr_assert_eq(admit(1, UINT32_MAX), -ENOENT);
	for (uint32_t i = 0; i < 3; i++)
		rig_join(&rig, 1, i, 1);
	cr_assert_eq(event_admit(&rig.table, 1, list, 3, &refused), -ENOSPC);
	cr_assert_eq(refused, 2);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_JOINED);
	atomic_store(&event->clients[1].state, WEIR_CLIENT_REQUESTED); // as a worker does
	cr_assert_eq(event_admit(&rig.table, 1, list, 2, &refused), 0);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_ADMITTED);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_ADMITTED);
	cr_assert_neq(event->clients[0].slot, event->clients[1].slot);
	cr_assert_eq(event->shared->slots_used, 2);
	cr_assert_eq(event_admit(&rig.table, 1, list, 2, &refused), 0); // again
	cr_assert_eq(event->shared->slots_used, 2);
	cr_assert_eq(admit(1, 2), -ENOSPC);
}

Test(event, abort_frees_and_wipes_the_slot)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_R64, 100, 16, 5, 2);
	struct event *event = rig_open(&rig, &request);
	const uint8_t *key;
	uint32_t slot;

	rig_complete(&rig, event, 0, 1);
	slot = event->clients[0].slot;
	key = event->slot_keys[slot].schedule;
	cr_assert_eq(abort_client(1, 0), 0);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_ABORTED);
	cr_assert_eq(event->clients[0].slot, WEIR_NO_SLOT);
	cr_assert_eq(event->shared->slots_used, 0);
	for (uint64_t i = 0; i < event->slot_stride; i++)
		cr_assert_eq(event->slots[slot * event->slot_stride + i], 0);
	for (size_t i = 0; i < sizeof(event->slot_keys[slot].schedule); i++)
		cr_assert_eq(key[i], 0);

	cr_assert_eq(abort_client(1, 0), 0); // again
	cr_assert_eq(abort_client(1, 1), -ENOENT);
	cr_assert_eq(admit(1, 0), -EINVAL); // never again
	rig_join(&rig, 1, 1, 1);
	cr_assert_eq(abort_client(1, 1), 0); // without a slot
	rig_complete(&rig, event, 2, 1);     // in the slot that was freed last
	cr_assert_eq(event->clients[2].slot, slot);
}

Test(event, abort_spares_the_open_batch_and_the_sealed)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_R64, 100, 16, 5, 3);
	struct event *event = rig_open(&rig, &request);
	struct weir_link_commit commit;
	enum commit_outcome outcome;
	uint32_t clients[2] = {0, 1}, both[2] = {2, 0};
	uint32_t refused = UINT32_MAX, number, batch;

	rig_complete(&rig, event, 0, 1);
	rig_complete(&rig, event, 1, 1);
	rig_complete(&rig, event, 2, 1);
	commit = rig_commit(event, 1, clients, 2);
	cr_assert_eq(commit_open(&rig.table, &commit, clients, &refused, &outcome), 0);
	cr_assert_eq(abort_client(1, 0), -EBUSY); // not computed yet
	while (commit_slice(&rig.workers[0]))
		;
	cr_assert(commit_finish_next(&rig.table, &number, &batch));
	cr_assert_eq(event_abort(&rig.table, 1, both, 2, &refused), -EBUSY);
	cr_assert_eq(refused, 0);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_COMPLETE); // nothing of the list is done
	cr_assert_eq(commit_seal(&rig.table, 1, 1), 0);
	cr_assert_eq(abort_client(1, 0), -EINVAL);
	cr_assert_eq(abort_client(1, 2), 0);
}

// Stands for a worker that is busy with a burst when the slot is taken back.
static _Atomic bool aborted;

static void *abort_it(void *unused)
{
	(void)unused;
	cr_assert_eq(abort_client(1, 0), 0);
	aborted = true;
	return NULL;
}

Test(event, abort_waits_for_busy_workers)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_R64, 100, 16, 5, 2);
	struct event *event = rig_open(&rig, &request);
	pthread_t thread;
	uint32_t slot;

	rte_rcu_qsbr_thread_register(rig.table.quiescence, 1);
	rte_rcu_qsbr_thread_online(rig.table.quiescence, 1);
	rig_complete(&rig, event, 0, 1);
	slot = event->clients[0].slot;
	cr_assert_eq(pthread_create(&thread, NULL, abort_it, NULL), 0);
	while (rig_state(event, 0) != WEIR_CLIENT_ABORTED)
		usleep(100);
	usleep(20000);
	cr_assert(!aborted);
	cr_assert_eq(event->clients[0].slot, slot);
	cr_assert_eq(event->free_slot_count, 1);
	rte_rcu_qsbr_quiescent(rig.table.quiescence, 1);
	pthread_join(thread, NULL);
	cr_assert(aborted);
	cr_assert_eq(event->free_slot_count, 2);
	rte_rcu_qsbr_thread_offline(rig.table.quiescence, 1);
	rte_rcu_qsbr_thread_unregister(rig.table.quiescence, 1);
}

Test(event, freeze_waits_for_the_batch_and_stops_staging)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_M31, 100, 16, 5, 3);
	struct event *event = rig_open(&rig, &request);
	struct weir_link_commit commit;
	enum commit_outcome outcome;
	uint32_t client = 0, refused;

	rig_complete(&rig, event, 0, 1);
	rig_join(&rig, 1, 1, 1);
	rig_admit(&rig, 1, 1);
	rig_join(&rig, 1, 2, 1);
	cr_assert_eq(event_freeze(&rig.table, 9), -ENOENT);
	rig_commit_now(&rig, event, 1, &client, 1);
	cr_assert_eq(event_freeze(&rig.table, 1), -EBUSY);
	cr_assert_eq(event->shared->state, WEIR_SHM_EVENT_OPEN);
	cr_assert_eq(commit_seal(&rig.table, 1, 1), 0);
	cr_assert_eq(event_freeze(&rig.table, 1), 0);
	cr_assert_eq(event_freeze(&rig.table, 1), 0);
	cr_assert_eq(event->shared->state, WEIR_SHM_EVENT_FROZEN);

	rig_stage_all(&rig, event, 1);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_ADMITTED);
	cr_assert_eq(event->clients[1].received, 0);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_no_slot), event->chunk_count);
	cr_assert_eq(admit(1, 2), -EINVAL);
	cr_assert_eq(add(1, rig_client(3, 1), &refused), -EINVAL);
	client = 1;
	commit = rig_commit(event, 2, &client, 1);
	cr_assert_eq(commit_open(&rig.table, &commit, &client, &refused, &outcome), -EINVAL);
	cr_assert_eq(abort_client(1, 1), 0);
}

static bool arena_is_zero(void)
{
	const struct weir_shm_header *memory = rig.table.memory;
	const uint8_t *arena = (const uint8_t *)memory + memory->arena_offset;

	for (uint64_t i = 0; i < memory->arena_size; i++) {
		if (arena[i])
			return false;
	}
	return true;
}

Test(event, close_leaves_nothing)
{
	struct weir_link_event_open request = rig_request(1, WEIR_MODULUS_M61, 1000, 176, 5, 3);
	const struct weir_shm_event *shared;
	uint32_t client = 0, refused;
	enum commit_outcome outcome;
	struct weir_link_commit commit;
	struct event *event;

	for (int computed = 0; computed <= 1; computed++) {
		event = rig_open(&rig, &request);
		shared = event->shared;
		rig_complete(&rig, event, 0, 3);
		rig_complete(&rig, event, 1, 1);
		cr_assert(!arena_is_zero());
		commit = rig_commit(event, 1, &client, 1);
		cr_assert_eq(commit_open(&rig.table, &commit, &client, &refused, &outcome), 0);
		commit_slice(&rig.workers[0]);
		if (computed)
			while (commit_slice(&rig.workers[0]))
				;
		cr_assert_eq(event_close(&rig.table, 1), 0);
		cr_assert_null(event_lookup(&rig.table, 1));
		cr_assert_eq(shared->number, 0);
		cr_assert_eq(shared->state, WEIR_SHM_EVENT_FREE);
		cr_assert_eq(rig.table.memory->arena_used, 0);
		cr_assert_eq(rig.table.commits_to_compute, 0);
		cr_assert(arena_is_zero());
		cr_assert_eq(event_close(&rig.table, 1), 0); // again
		cr_assert(!commit_slice(&rig.workers[0]));
	}
	cr_assert_eq(rig.table.clients_free, 1000);
}
