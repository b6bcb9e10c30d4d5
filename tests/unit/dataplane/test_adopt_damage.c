// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a dataplane finds in its memory may be anything: it is checked, given up where it cannot be, and
// never followed out of the memory.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "event_adopt.h"
#include "restart_rig.h"

TestSuite(adopt_damage, .init = setup, .fini = teardown, .timeout = 300);

static uint32_t slots_in_use(const struct event *event)
{
	return event->shared->slots_used;
}

// Two clients and an open batch; then one thing is not as a dataplane leaves it.
static struct event *make_whole(void)
{
	static const uint32_t clients[] = {0, 1};
	struct event *event = rig_open(&rig, &request);

	for (uint32_t i = 0; i < 3; i++)
		rig_complete(&rig, event, i, i + 1);
	rig_commit_now(&rig, event, 1, clients, 1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 1), 0);
	rig_commit_now(&rig, event, 2, clients + 1, 1);
	return event;
}

static void damage(struct event *event, unsigned what)
{
	struct weir_shm_event *shared = event->shared;
	struct weir_shm_client *clients = event->clients;

	switch (what) {
	case 0: clients[2].state = 8; break;
	case 1: clients[2].slot = clients[1].slot; break;
	case 2: clients[2].slot = SLOTS; break;
	case 3: clients[2].slot = WEIR_NO_SLOT; break;
	case 4: clients[2].weight = 0; break;
	case 5: clients[2].weight = WEIR_WEIGHT_MAX + 1; break;
	case 6: event->received[clients[2].slot * event->bitmap_words] ^= 1; break;
	case 7: event->received[clients[2].slot * event->bitmap_words + 1] |= 1 << 7; break;
	case 8: shared->held += 2; break;
	case 9: shared->held ^= 1; break;
	case 10: shared->open_batch = 1; break;
	case 11: shared->open_batch = 0; break;
	case 12: shared->sealed_batch = 0; break;
	case 13: shared->sealed_batch = 3; break;
	case 14: shared->state = WEIR_SHM_EVENT_FROZEN; break;
	case 15: shared->state = 3; break;
	case 16: shared->accumulators[shared->held & 1].batch++; break;
	case 17: shared->accumulators[shared->held & 1].count = 0; break;
	case 18: shared->accumulators[~shared->held & 1].batch = 2; break;
	case 19: shared->clients_offset += 64; break;
	case 20: shared->clients_offset = rig.table.memory->total_size - 4096; break;
	case 21: shared->clients_offset = UINT64_MAX - 4095; break;
	case 22: shared->clients_offset = 0; break;
	case 23: shared->modulus = 99; break;
	case 24: shared->dimension = UINT64_MAX; break;
	case 25: shared->chunk_elements = 0; break;
	case 26: shared->max_clients = UINT32_MAX; break;
	case 27: shared->slot_count = 0; break;
	case 28: shared->number = EVENT + 1; break;
	}
}

Test(adopt_damage, what_cannot_be_is_given_up_as_a_whole)
{
	for (unsigned what = 0; what <= 28; what++) {
		struct event *event;

		damage(make_whole(), what);
		event = reopen();
		cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_NONE, "case %u", what);
		cr_assert_eq(event->shared->held, 0);
		cr_assert_eq(slots_in_use(event), 0);
		cr_assert_eq(event->free_slot_count, SLOTS);
		cr_assert_eq(rig.table.memory->arena_used, event->arena_length);
		for (uint64_t i = 0; i < DIMENSION; i++)
			cr_assert_eq(rig_held(&rig, event, i), 0);
		event_close(&rig.table, EVENT);
	}
}

// Offsets follow from the parameters: those in the file are not even looked at.
Test(adopt_damage, offsets_are_not_read)
{
	struct weir_shm_event *shared = make_whole()->shared;
	struct event *event;

	shared->chunk_count = 1;
	shared->bitmaps_offset = shared->slots_offset = UINT64_MAX;
	shared->bitmap_stride = shared->slot_stride = 1;
	shared->accumulators[0].offset = shared->accumulators[1].offset = UINT64_C(1) << 63;
	shared->slots_used = 77;
	event = reopen();
	add_again(0, 3);
	cr_assert_eq(slots_in_use(event), 2);
	check_sum(event, 2);
	cr_assert_eq(event->shared->slots_offset % 64, 0);
	cr_assert_lt(event->shared->slots_offset, rig.table.memory->total_size);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 2), 0);
}

// Two entries that claim the same bytes: the first keeps them.
Test(adopt_damage, two_events_never_share_memory)
{
	struct weir_link_event_open second = request;
	struct weir_shm_event *first;

	first = make_whole()->shared;
	second.number = EVENT + 1;
	rig_complete(&rig, rig_open(&rig, &second), 0, 1);
	event_lookup(&rig.table, EVENT + 1)->shared->clients_offset = first->clients_offset;
	restart();
	rig_open(&rig, &request);
	rig_open(&rig, &second);
	cr_assert_eq(rig_state(event_lookup(&rig.table, EVENT), 0), WEIR_CLIENT_SEALED);
	cr_assert_eq(rig_state(event_lookup(&rig.table, EVENT + 1), 0), WEIR_CLIENT_NONE);
	event_close(&rig.table, EVENT + 1);
}

// Random bytes anywhere in header, entries, clients and bitmaps: whatever comes of it, every command can be
// given, and no access leaves the memory (which is what the sanitizers' tree looks at).
Test(adopt_damage, garbage_does_no_harm)
{
	static const uint32_t clients[] = {1};

	for (unsigned seed = 0; seed < 300; seed++) {
		struct event *event = make_whole();
		struct weir_link_commit commit = rig_commit(event, 3, clients, 1);
		uint8_t *entry = (uint8_t *)event->shared, *table = (uint8_t *)event->clients;
		enum commit_outcome outcome;
		uint32_t refused;

		srandom(seed);
		for (unsigned n = 1 + seed % 5; n > 0; n--) {
			uint8_t *at = random() % 2 ? entry + random() % 320
						   : table + random() % (CLIENTS * 16 + 2 * 64);
			*at = (uint8_t)random();
		}
		restart();
		(void)event_open(&rig.table, &request);
		for (uint32_t i = 0; i < CLIENTS; i++) {
			struct weir_link_client client = rig_client(i, i + 1);

			(void)event_add_clients(&rig.table, EVENT, &client, 1, &refused);
			(void)event_admit(&rig.table, EVENT, &i, 1, &refused);
		}
		event = event_lookup(&rig.table, EVENT);
		if (event)
			stage_some(event, 3, 0, 71);
		(void)commit_seal(&rig.table, EVENT, 2);
		(void)commit_open(&rig.table, &commit, clients, &refused, &outcome);
		while (commit_slice(&rig.workers[0]))
			;
		for (uint32_t i = 0; i < CLIENTS; i++)
			(void)event_abort(&rig.table, EVENT, &i, 1, &refused);
		for (uint32_t number = 0; number < 4; number++)
			event_close(&rig.table, EVENT + number);
		rig_abandon(&rig);
		// Events of other numbers that the garbage made stay; start anew.
		rig_make_in(&rig, UINT64_C(8) << 20, folder);
		for (uint32_t i = 0; i < rig.table.capacity; i++)
			event_forget_found(&rig.table, rig.table.found[i].number);
	}
}
