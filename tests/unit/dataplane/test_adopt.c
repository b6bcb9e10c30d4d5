// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A dataplane is killed, and another finds its memory: what must be there again, and what is not believed.

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "event_adopt.h"
#include "recovery.h"
#include "restart_rig.h"

TestSuite(adopt, .init = setup, .fini = teardown, .timeout = 60);

// Both parity chunks of the one group that the vector's chunks are.
static void stage_parity(struct event *event, uint32_t client)
{
	size_t bytes = event->recovery->chunk_bytes;
	uint8_t *padded = calloc(event->chunk_count + 2, bytes);
	const void *chunks[WEIR_FEC_DATA_MAX];
	void *parity[2], *vector = rig_vector(event, client);

	memcpy(padded, vector, event->dimension * event->element_size);
	for (uint32_t i = 0; i < event->chunk_count; i++)
		chunks[i] = padded + i * bytes;
	for (uint32_t j = 0; j < 2; j++)
		parity[j] = padded + (event->chunk_count + j) * bytes;
	weir_fec_encode(event->recovery->fec, event->chunk_count, bytes, chunks, parity);
	for (uint32_t j = 0; j < 2; j++) {
		struct rte_mbuf *packet =
			rig_parity(&rig, event, client, j, parity[j], (uint16_t)bytes);

		rig_stage(&rig, 0, packet);
		free(packet);
	}
	free(vector);
	free(padded);
}

static int recover(void)
{
	void *memory = aligned_alloc(64, 4096);
	struct rte_ring *rings = memory;

	cr_assert_eq(rte_ring_init(rings, "rings", 64, RING_F_SC_DEQ), 0);
	int again = recovery_turn(&rig.table, rings, rig.doorbell);
	free(memory);
	return again;
}

static uint32_t slots_in_use(const struct event *event)
{
	return event->shared->slots_used;
}

Test(adopt, parity_is_there_again)
{
	struct event *event;

	request.fec = 128 << 16 | 2;
	event = rig_open(&rig, &request);
	rig_join(&rig, EVENT, 0, 1);
	rig_admit(&rig, EVENT, 0);
	stage_some(event, 0, 1, 70); // 71 chunks
	stage_parity(event, 0);
	restart();
	request.fec = 128 << 16 | 3;
	cr_assert_eq(event_open(&rig.table, &request), -EEXIST);
	request.fec = 128 << 16 | 2;
	event = rig_open(&rig, &request);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_ADMITTED);
	cr_assert_eq(recover(), INT_MAX);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_COMPLETE);
	add_again(0, 1);
	rig_commit_now(&rig, event, 1, (uint32_t[]){0}, 1);
	check_sum(event, 1);
}

Test(adopt, received_chunks_are_there_again)
{
	struct event *event = rig_open(&rig, &request);
	uint32_t clients[] = {0};

	rig_join(&rig, EVENT, 0, 1);
	rig_join(&rig, EVENT, 1, 2);
	rig_admit(&rig, EVENT, 0);
	stage_some(event, 0, 0, 67);
	restart();
	cr_assert_null(event_lookup(&rig.table, EVENT), "unknown until it is opened");
	event = rig_open(&rig, &request);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_ADMITTED);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_JOINED);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_NONE);
	cr_assert_eq(event->clients[0].received, 67);
	cr_assert_eq(slots_in_use(event), 1);

	// Without its keys nothing of the client is taken, good as it is.
	stage_some(event, 0, 67, 71);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_tag), 4);
	cr_assert_eq(event->clients[0].received, 67);
	add_again(0, 2);
	stage_some(event, 0, 0, 71);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_duplicate), 67);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_shares_staged), 4);
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_COMPLETE);
	rig_commit_now(&rig, event, 1, clients, 1);
	check_sum(event, 1);
}

// The last chunk's bit was set, and the kill came before the state.
Test(adopt, a_full_slot_is_complete)
{
	struct event *event = rig_open(&rig, &request);

	rig_complete(&rig, event, 0, 1);
	event->clients[0].state = WEIR_CLIENT_ADMITTED;
	event->clients[0].received = 70;
	event = reopen();
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_COMPLETE);
	cr_assert_eq(event->clients[0].received, 71);
}

Test(adopt, every_state_is_kept)
{
	struct event *event = rig_open(&rig, &request);
	uint32_t sealed[] = {0, 1}, aborted = 2, refused, index;

	rig_complete(&rig, event, 0, 1);
	rig_complete(&rig, event, 1, 2);
	rig_complete(&rig, event, 2, 3);
	rig_commit_now(&rig, event, 3, sealed, 2);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 3), 0);
	cr_assert_eq(event_abort(&rig.table, EVENT, &aborted, 1, &refused), 0);
	rig_complete(&rig, event, 3, 4);
	event = reopen();
	cr_assert_eq(rig_state(event, 0), WEIR_CLIENT_SEALED);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_SEALED);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_ABORTED);
	cr_assert_eq(rig_state(event, 3), WEIR_CLIENT_COMPLETE);
	cr_assert_eq(slots_in_use(event), 1);
	cr_assert_eq(rig.table.clients_free, 1000 - 4);
	check_sum(event, 2);

	// All commands of the past once more.
	add_again(0, 4);
	for (index = 0; index < 4; index++)
		cr_assert_eq(event_admit(&rig.table, EVENT, &index, 1, &refused),
			index == aborted ? -EINVAL : 0);
	cr_assert_eq(event_abort(&rig.table, EVENT, &aborted, 1, &refused), 0);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 3), 0);
	cr_assert_eq(commit_rollback(&rig.table, EVENT, 3), -ESTALE);
	cr_assert_eq(slots_in_use(event), 1);
	for (index = 4; index < 4 + SLOTS - 1; index++) {
		rig_complete(&rig, event, index, index + 1);
		cr_assert_neq(event->clients[index].slot, event->clients[3].slot);
	}
	cr_assert_eq(event->free_slot_count, 0);
}

Test(adopt, a_frozen_event_stays_frozen)
{
	struct event *event = rig_open(&rig, &request);
	struct weir_link_client late = rig_client(5, 1);
	uint32_t clients[] = {0}, refused;

	rig_complete(&rig, event, 0, 1);
	rig_commit_now(&rig, event, 1, clients, 1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 1), 0);
	cr_assert_eq(event_freeze(&rig.table, EVENT), 0);
	event = reopen();
	cr_assert_eq(event->shared->state, WEIR_SHM_EVENT_FROZEN);
	add_again(0, 1);
	cr_assert_eq(event_add_clients(&rig.table, EVENT, &late, 1, &refused), -EINVAL);
	cr_assert_eq(event_freeze(&rig.table, EVENT), 0);
	check_sum(event, 1);
}

static int commit_again(const struct event *event, struct weir_link_commit commit,
	const uint32_t *clients, enum commit_outcome *outcome)
{
	uint32_t refused;

	(void)event;
	return commit_open(&rig.table, &commit, clients, &refused, outcome);
}

Test(adopt, a_batch_in_computation_has_not_been)
{
	struct event *event = rig_open(&rig, &request);
	uint32_t clients[] = {0, 1, 2}, refused;
	struct weir_link_commit commit;
	enum commit_outcome outcome;

	for (uint32_t i = 0; i < 3; i++)
		rig_complete(&rig, event, i, i + 1);
	rig_commit_now(&rig, event, 1, clients, 1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 1), 0);
	commit = rig_commit(event, 2, clients + 1, 2);
	cr_assert_eq(commit_open(&rig.table, &commit, clients + 1, &refused, &outcome), 0);
	commit_slice(&rig.workers[0]); // all of it, as it is small; it is only not flipped
	event = reopen();
	add_again(0, 3);
	cr_assert_eq(event->shared->open_batch, 0);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_COMPLETE);
	check_sum(event, 1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 2), -ESTALE);
	rig_commit_now(&rig, event, 2, clients + 1, 2);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 2), 0);
	check_sum(event, 3);
}

// Batch 1 holds client 0 and is sealed, batch 4 holds 1 and 2 too and is open when the process dies.
static struct event *die_with_open_batch(struct weir_link_commit *commit, const uint32_t *clients)
{
	struct event *event = rig_open(&rig, &request);

	for (uint32_t i = 0; i < 4; i++)
		rig_complete(&rig, event, i, i + 1);
	rig_commit_now(&rig, event, 1, clients, 1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 1), 0);
	*commit = rig_commit(event, 4, clients + 1, 2);
	rig_commit_now(&rig, event, 4, clients + 1, 2);
	event = reopen();
	add_again(0, 4);
	cr_assert_eq(event->shared->open_batch, 4);
	cr_assert_eq(event->shared->sealed_batch, 1);
	for (uint32_t i = 1; i < 3; i++)
		cr_assert_eq(rig_state(event, i), WEIR_CLIENT_COMMITTED);
	return event;
}

Test(adopt, a_flipped_batch_is_held_and_can_be_sealed)
{
	static const uint32_t clients[] = {0, 1, 2};
	struct weir_link_commit commit;
	struct event *event = die_with_open_batch(&commit, clients);
	uint32_t refused, in_batch = 1;
	enum commit_outcome outcome;

	cr_assert_eq(event_abort(&rig.table, EVENT, &in_batch, 1, &refused), -EBUSY);
	cr_assert_eq(event_freeze(&rig.table, EVENT), -EBUSY);
	cr_assert_eq(commit_again(event, commit, clients + 1, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_HELD);
	commit.set_digest_after[0] ^= 1;
	cr_assert_eq(commit_again(event, commit, clients + 1, &outcome), -EEXIST);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 4), 0);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_SEALED);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_SEALED);
	cr_assert_eq(rig_state(event, 3), WEIR_CLIENT_COMPLETE);
	cr_assert_eq(slots_in_use(event), 1);
	check_sum(event, 3);
}

Test(adopt, a_flipped_batch_can_be_rolled_back_and_its_number_is_gone)
{
	static const uint32_t clients[] = {0, 1, 2};
	struct weir_link_commit commit;
	struct event *event = die_with_open_batch(&commit, clients);
	enum commit_outcome outcome;

	cr_assert_eq(commit_rollback(&rig.table, EVENT, 4), 0);
	cr_assert_eq(event->shared->held >> 1, 1);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_COMPLETE);
	check_sum(event, 1);
	event = reopen();
	add_again(0, 4);
	cr_assert_eq(commit_again(event, commit, clients + 1, &outcome), -ESTALE);
	rig_commit_now(&rig, event, 5, clients + 1, 2);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 5), 0);
	check_sum(event, 3);
}

Test(adopt, only_the_same_event_is_adopted)
{
	struct event *event = rig_open(&rig, &request);
	struct weir_link_client heavier = rig_client(0, 2);
	struct weir_link_event_open other;
	uint32_t refused;

	rig_complete(&rig, event, 0, 1);
	restart();
	other = request;
	other.dimension--;
	cr_assert_eq(event_open(&rig.table, &other), -EEXIST);
	other = request;
	other.slot_count++;
	cr_assert_eq(event_open(&rig.table, &other), -EEXIST);
	cr_assert_eq(event_open(&rig.table, &request), 0);
	cr_assert_eq(event_open(&rig.table, &request), 0);
	cr_assert_eq(event_add_clients(&rig.table, EVENT, &heavier, 1, &refused), -EEXIST);
	add_again(0, 1);
	add_again(0, 1);
	cr_assert_eq(event_add_clients(&rig.table, EVENT, &heavier, 1, &refused), -EEXIST);
}

static bool arena_is_zero(void)
{
	const uint8_t *bytes = (const uint8_t *)rig.table.memory + rig.table.memory->arena_offset;

	for (uint64_t i = 0; i < rig.table.memory->arena_size; i++)
		if (bytes[i])
			return false;
	return true;
}

Test(adopt, what_nobody_wants_is_wiped)
{
	struct weir_link_event_open other = request;

	rig_complete(&rig, rig_open(&rig, &request), 0, 1);
	restart();
	cr_assert_not(arena_is_zero());
	cr_assert_eq(event_close(&rig.table, EVENT), 0);
	cr_assert(arena_is_zero());
	cr_assert_eq(rig.table.memory->arena_used, 0);

	rig_complete(&rig, rig_open(&rig, &request), 0, 1);
	restart();
	other.number += 4; // the same entry
	cr_assert_eq(event_open(&rig.table, &other), 0);
	cr_assert_eq(rig_state(event_lookup(&rig.table, other.number), 0), WEIR_CLIENT_NONE);
	cr_assert_eq(event_open(&rig.table, &request), -EEXIST);
	cr_assert_eq(event_close(&rig.table, other.number), 0);
	cr_assert(arena_is_zero());

	// Killed while it was closing: unpublished, not wiped yet.
	event_lookup(&rig.table, EVENT);
	rig_complete(&rig, rig_open(&rig, &request), 0, 1);
	event_lookup(&rig.table, EVENT)->shared->number = 0;
	restart();
	cr_assert(arena_is_zero());
}

// Slots that were being given or taken back.
Test(adopt, slots_on_their_way_are_free)
{
	struct event *event = rig_open(&rig, &request);
	uint32_t slot;

	rig_complete(&rig, event, 0, 1);
	rig_complete(&rig, event, 1, 2);
	rig_complete(&rig, event, 2, 3);
	slot = event->clients[2].slot;
	event->clients[0].state = WEIR_CLIENT_ABORTED;
	event->clients[1].state = WEIR_CLIENT_REQUESTED;
	event->clients[2].state = WEIR_CLIENT_ABORTED;
	event = reopen();
	cr_assert_eq(slots_in_use(event), 0);
	cr_assert_eq(event->free_slot_count, SLOTS);
	for (uint64_t i = 0; i < event->slot_stride; i++)
		cr_assert_eq(event->slots[slot * event->slot_stride + i], 0, "not wiped");
	add_again(1, 2);
	rig_admit(&rig, EVENT, 1);
	stage_some(event, 1, 0, 71);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_COMPLETE);
}

// The vector was read in, and the kill came before it was the held one.
Test(adopt, a_restore_in_its_middle_has_not_been)
{
	struct event *event = rig_open(&rig, &request);
	struct weir_link_restore restore = {.event = EVENT, .batch = 9, .count = 1, .weight = 1};

	event->shared->accumulators[1].batch = 9;
	event->shared->accumulators[1].count = 1;
	event->shared->sealed_batch = 9;
	event = reopen();
	cr_assert_eq(event->shared->held, 0);
	cr_assert_eq(event->shared->sealed_batch, 0);
	cr_assert_eq(commit_restore(&rig.table, &restore, -1), -EINVAL, "only the file is missing");
}

// A share as somebody makes it who believes that keys which are not there are zero.
Test(adopt, nobody_knows_the_keys_that_stand_in)
{
	struct event *event = rig_open(&rig, &request);
	static const uint8_t zero[32];
	struct weir_aead_key key;
	struct rte_mbuf *share;
	struct packet *packet;
	uint8_t body[CHUNK * 8] = {0};

	rig_join(&rig, EVENT, 0, 1);
	rig_join(&rig, EVENT, 1, 2);
	rig_admit(&rig, EVENT, 0);
	event = reopen();
	share = rig_share(&rig, event, 0, 0, body);
	packet = packet_of(share);
	weir_aead_expand(rig.table.aead, zero, &key);
	weir_aead_seal(rig.table.aead, &key, packet->datagram + WEIR_PACKET_NONCE_OFFSET,
		packet->datagram, WEIR_PACKET_HEADER_SIZE, body, packet->body_length,
		packet->datagram + WEIR_PACKET_HEADER_SIZE,
		packet->datagram + WEIR_PACKET_HEADER_SIZE + packet->body_length);
	rig_stage(&rig, 0, share);
	free(share);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_tag), 1);
	cr_assert_eq(event->clients[0].received, 0);
	cr_assert_neq(memcmp(&event->keys[0], &event->keys[1], sizeof(event->keys[0])), 0);
	for (uint32_t client = 0; client < 2; client++) {
		cr_assert_neq(memcmp(event->keys[client].to_aggregator, zero, 32), 0);
		cr_assert_neq(memcmp(event->keys[client].to_client, zero, 32), 0);
	}
}
