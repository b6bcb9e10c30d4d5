// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "rig.h"

static struct rig rig;

static void setup(void)
{
	rig_make(&rig, UINT64_C(8) << 20);
}

static void teardown(void)
{
	rig_free(&rig);
}

TestSuite(stage, .init = setup, .fini = teardown, .timeout = 60);

static struct event *open_event(enum weir_modulus modulus, uint64_t dimension)
{
	struct weir_link_event_open request = rig_request(6, modulus, dimension, 32, 8, 4);

	return rig_open(&rig, &request);
}

static void *slot_of(const struct event *event, uint32_t client)
{
	return event->slots + event->clients[client].slot * event->slot_stride;
}

static bool holds_vector(const struct event *event, uint32_t client)
{
	void *vector = rig_vector(event, client);
	bool same =
		memcmp(slot_of(event, client), vector, event->dimension * event->element_size) == 0;

	free(vector);
	return same;
}

static void expect_untouched(const struct event *event, uint32_t client)
{
	const uint8_t *slot = slot_of(event, client);
	uint64_t first = event->clients[client].slot * event->bitmap_words;

	cr_assert_eq(event->clients[client].received, 0);
	for (uint64_t i = 0; i < event->slot_stride; i++)
		cr_assert_eq(slot[i], 0, "byte %lu", (unsigned long)i);
	for (uint64_t i = first; i < first + event->bitmap_words; i++) {
		cr_assert_eq(event->received[i], 0);
		cr_assert_eq(event->claimed[i], 0);
	}
}

Test(stage, fills_the_slot_for_every_modulus_and_length)
{
	static const uint64_t dimensions[] = {1, 31, 32, 33, 1000, 64 * 32, 65 * 32 + 7};

	for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST; m++) {
		for (size_t d = 0; d < 7; d++) {
			struct event *event = open_event((enum weir_modulus)m, dimensions[d]);
			uint64_t staged = rig_count(&rig, WEIR_COUNTER_shares_staged);

			rig_rings = 0;
			rig_complete(&rig, event, 5, 1);
			cr_assert(holds_vector(event, 5));
			cr_assert_eq(event->clients[5].received, event->chunk_count);
			cr_assert_eq(rig_rings, 1);
			cr_assert_eq(rig_last_ring, UINT64_C(6) << 32 | 5);
			cr_assert_eq(rig_count(&rig, WEIR_COUNTER_shares_staged) - staged,
				event->chunk_count);
			event_close(&rig.table, 6);
		}
	}
}

Test(stage, order_does_not_matter)
{
	struct event *event = open_event(WEIR_MODULUS_M61, 1000);
	void *vector = rig_vector(event, 1);

	rig_join(&rig, 6, 1, 1);
	rig_admit(&rig, 6, 1);
	for (uint32_t i = 0; i < event->chunk_count; i++) {
		uint32_t chunk = (i * 7 + 3) % event->chunk_count; // 32 chunks
		struct rte_mbuf *share = rig_share(&rig, event, 1, chunk, vector);

		cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_ADMITTED);
		rig_stage(&rig, i % 2, share);
		free(share);
	}
	free(vector);
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_COMPLETE);
	cr_assert(holds_vector(event, 1));
}

Test(stage, drops_shares_without_a_slot)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 100);

	rig_stage_all(&rig, event, 2); // not joined
	rig_join(&rig, 6, 2, 1);
	rig_stage_all(&rig, event, 2); // not admitted
	atomic_store(&event->clients[2].state, WEIR_CLIENT_REQUESTED);
	rig_stage_all(&rig, event, 2);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_no_slot), 3 * event->chunk_count);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_shares_staged), 0);
	rig_admit(&rig, 6, 2);
	expect_untouched(event, 2);
}

Test(stage, drops_every_tampered_byte)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 100);
	void *vector = rig_vector(event, 2);
	struct rte_mbuf *share = rig_share(&rig, event, 2, 1, vector);
	struct packet *packet = packet_of(share);

	rig_join(&rig, 6, 2, 1);
	rig_admit(&rig, 6, 2);
	for (uint16_t i = 0; i < packet->datagram_length; i++) {
		packet->datagram[i] ^= 1 << i % 8;
		rig_stage(&rig, 0, share);
		packet->datagram[i] ^= 1 << i % 8;
	}
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_tag), packet->datagram_length);
	expect_untouched(event, 2);
	rig_stage(&rig, 0, share); // and then the honest one
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_shares_staged), 1);
	free(share);
	free(vector);
}

Test(stage, drops_another_clients_key_and_another_place)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 100);
	void *vector = rig_vector(event, 2);
	struct rte_mbuf *share = rig_share(&rig, event, 2, 1, vector);

	for (uint32_t i = 2; i < 4; i++) {
		rig_join(&rig, 6, i, 1);
		rig_admit(&rig, 6, i);
	}
	packet_of(share)->client = 3; // authentic, but of client 2
	rig_stage(&rig, 0, share);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_tag), 1);
	expect_untouched(event, 3);
	free(share);
	free(vector);
}

Test(stage, drops_what_is_not_canonical)
{
	static const uint64_t moduli[] = {0, (UINT64_C(1) << 31) - 1, (UINT64_C(1) << 61) - 1};

	for (int m = WEIR_MODULUS_M31; m <= WEIR_MODULUS_M61; m++) {
		struct event *event = open_event((enum weir_modulus)m, 100);
		uint64_t before = rig_count(&rig, WEIR_COUNTER_drop_not_canonical);

		rig_join(&rig, 6, 2, 1);
		rig_admit(&rig, 6, 2);
		for (uint32_t at = 0; at < 100; at++) {
			void *vector = rig_vector(event, 2);
			struct rte_mbuf *share;

			if (event->element_size == 4)
				((uint32_t *)vector)[at] = at % 2 ? UINT32_MAX : moduli[m];
			else
				((uint64_t *)vector)[at] = at % 2 ? UINT64_MAX : moduli[m];
			share = rig_share(&rig, event, 2, at / 32, vector);
			rig_stage(&rig, 0, share);
			free(share);
			free(vector);
		}
		cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_not_canonical) - before, 100);
		expect_untouched(event, 2);
		event_close(&rig.table, 6);
	}
}

Test(stage, drops_replays_before_and_after_completion)
{
	struct event *event = open_event(WEIR_MODULUS_R32, 100);
	void *vector = rig_vector(event, 2);
	struct rte_mbuf *share = rig_share(&rig, event, 2, 3, vector); // the short one

	rig_join(&rig, 6, 2, 1);
	rig_admit(&rig, 6, 2);
	rig_stage(&rig, 0, share);
	rig_stage(&rig, 1, share);
	cr_assert_eq(event->clients[2].received, 1);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_duplicate), 1);
	rig_stage_all(&rig, event, 2);
	cr_assert_eq(rig_state(event, 2), WEIR_CLIENT_COMPLETE);
	rig_stage_all(&rig, event, 2);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_duplicate), 2 + event->chunk_count);
	cr_assert(holds_vector(event, 2));
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_slots_completed), 1);
	free(share);
	free(vector);
}

// In one burst: a forgery before the good chunk does not take its place, a copy behind it is dropped,
// and a bad one of another client spoils nothing.
Test(stage, a_burst_takes_what_is_good_in_it)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 100);
	void *vectors[2] = {rig_vector(event, 1), rig_vector(event, 2)};
	struct rte_mbuf *burst[] = {
		rig_share(&rig, event, 1, 0, vectors[0]), // forged
		rig_share(&rig, event, 1, 0, vectors[0]), // forged
		rig_share(&rig, event, 1, 0, vectors[0]), // good
		rig_share(&rig, event, 2, 0, vectors[1]), // good
		rig_share(&rig, event, 1, 0, vectors[0]), // copy
		rig_share(&rig, event, 2, 1, vectors[1]), // forged
		rig_share(&rig, event, 1, 1, vectors[0]), // good
		rig_share(&rig, event, 2, 1, vectors[1]), // good
		rig_share(&rig, event, 2, 0, vectors[1]), // copy
		rig_share(&rig, event, 3, 0, vectors[1]), // no slot
	};

	for (uint32_t client = 1; client <= 2; client++) {
		rig_join(&rig, 6, client, 1);
		rig_admit(&rig, 6, client);
	}
	for (size_t i = 0; i < 6; i += i == 1 ? 4 : 1)
		packet_of(burst[i])->datagram[WEIR_PACKET_HEADER_SIZE + 5] ^= 1;
	stage_burst(&rig.workers[0], burst, RTE_DIM(burst));
	cr_expect_eq(rig_count(&rig, WEIR_COUNTER_shares_staged), 4);
	cr_expect_eq(rig_count(&rig, WEIR_COUNTER_drop_tag), 3);
	cr_expect_eq(rig_count(&rig, WEIR_COUNTER_drop_duplicate), 2);
	cr_expect_eq(rig_count(&rig, WEIR_COUNTER_drop_no_slot), 1);
	for (uint32_t client = 1; client <= 2; client++) {
		cr_expect_eq(event->clients[client].received, 2);
		cr_expect_eq(memcmp(slot_of(event, client), vectors[client - 1], 64 * 4), 0);
		free(vectors[client - 1]);
	}
	for (size_t i = 0; i < RTE_DIM(burst); i++)
		free(burst[i]);
}

// Two workers with the same packets at the same time.
#define RACE_CHUNKS 1024
#define RACE_ROUNDS 20

struct racer {
	pthread_barrier_t *start;
	unsigned worker;
	struct rte_mbuf **shares;
	unsigned count;
	unsigned passes;
};

static void *race(void *argument)
{
	const struct racer *racer = argument;

	pthread_barrier_wait(racer->start);
	for (unsigned pass = 0; pass < racer->passes; pass++) {
		for (unsigned i = 0; i < racer->count; i += BURST_MAX)
			stage_burst(&rig.workers[racer->worker], racer->shares + i,
				(uint16_t)RTE_MIN(racer->count - i, (unsigned)BURST_MAX));
	}
	return NULL;
}

static void run_race(struct racer racers[2])
{
	pthread_barrier_t start;
	pthread_t threads[2];

	pthread_barrier_init(&start, NULL, 2);
	for (unsigned i = 0; i < 2; i++) {
		racers[i].start = &start;
		racers[i].worker = i;
		cr_assert_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

Test(stage, takes_each_chunk_once_from_two_workers)
{
	for (unsigned round = 0; round < RACE_ROUNDS; round++) {
		struct event *event = open_event(WEIR_MODULUS_M31, RACE_CHUNKS * 32 - 5);
		uint64_t staged = rig_count(&rig, WEIR_COUNTER_shares_staged);
		uint64_t duplicates = rig_count(&rig, WEIR_COUNTER_drop_duplicate);
		struct rte_mbuf *shares[RACE_CHUNKS];
		void *vector = rig_vector(event, 1);
		struct racer racers[2] = {{.shares = shares, .count = RACE_CHUNKS, .passes = 1},
			{.shares = shares, .count = RACE_CHUNKS, .passes = 1}};

		rig_rings = 0;
		for (uint32_t i = 0; i < RACE_CHUNKS; i++)
			shares[i] = rig_share(&rig, event, 1, i, vector);
		rig_join(&rig, 6, 1, 1);
		rig_admit(&rig, 6, 1);
		run_race(racers);
		cr_assert_eq(rig_count(&rig, WEIR_COUNTER_shares_staged) - staged, RACE_CHUNKS);
		cr_assert_eq(
			rig_count(&rig, WEIR_COUNTER_drop_duplicate) - duplicates, RACE_CHUNKS);
		cr_assert_eq(event->clients[1].received, RACE_CHUNKS);
		cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_COMPLETE);
		cr_assert_eq(rig_rings, 1);
		cr_assert(holds_vector(event, 1));
		for (uint32_t i = 0; i < RACE_CHUNKS; i++)
			free(shares[i]);
		free(vector);
		event_close(&rig.table, 6);
	}
}

// One worker gets forgeries of exactly the chunks that the other gets honestly: the honest ones may
// have to come again, but what has been received is never overwritten.
Test(stage, a_flood_of_forgeries_corrupts_nothing)
{
	for (unsigned round = 0; round < RACE_ROUNDS; round++) {
		struct event *event = open_event(WEIR_MODULUS_M31, 64 * 32);
		struct rte_mbuf *honest[64], *forged[64];
		void *vector = rig_vector(event, 1);
		struct racer racers[2] = {{.shares = honest, .count = 64, .passes = 40},
			{.shares = forged, .count = 64, .passes = 40}};

		for (uint32_t i = 0; i < 64; i++) {
			honest[i] = rig_share(&rig, event, 1, i, vector);
			forged[i] = rig_share(&rig, event, 1, i, vector);
			packet_of(forged[i])->datagram[WEIR_PACKET_HEADER_SIZE] ^= 0xff;
		}
		rig_join(&rig, 6, 1, 1);
		rig_admit(&rig, 6, 1);
		run_race(racers);
		racers[0].passes = 1; // what always collided
		for (uint32_t i = 0; i < 64; i++)
			rig_stage(&rig, 0, honest[i]);
		cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_COMPLETE);
		cr_assert(holds_vector(event, 1));
		for (uint32_t i = 0; i < 64; i++) {
			free(honest[i]);
			free(forged[i]);
		}
		free(vector);
		event_close(&rig.table, 6);
	}
}

// A worker that stages all the time, with quiescent points between bursts, while its clients are
// aborted and their slots given to others.
static _Atomic bool stop_staging;

struct stager {
	struct rte_mbuf **shares;
	unsigned count;
};

static void *stage_until_stopped(void *argument)
{
	const struct stager *stager = argument;
	struct rte_rcu_qsbr *quiescence = rig.table.quiescence;

	rte_rcu_qsbr_thread_register(quiescence, 1);
	rte_rcu_qsbr_thread_online(quiescence, 1);
	while (!stop_staging) {
		for (unsigned i = 0; i < stager->count; i += BURST_MAX) {
			stage_burst(&rig.workers[1], stager->shares + i,
				(uint16_t)RTE_MIN(stager->count - i, (unsigned)BURST_MAX));
			rte_rcu_qsbr_quiescent(quiescence, 1);
		}
	}
	rte_rcu_qsbr_thread_offline(quiescence, 1);
	rte_rcu_qsbr_thread_unregister(quiescence, 1);
	return NULL;
}

// Each client's chunks fill one burst, and every other client is aborted in the middle of it.
Test(stage, an_aborted_client_never_reaches_a_later_holder)
{
	enum { CLIENTS = 60, CHUNKS = BURST_MAX, CHUNK_ELEMENTS = 2048 };
	struct weir_link_event_open request = rig_request(
		6, WEIR_MODULUS_M31, CHUNKS * CHUNK_ELEMENTS, CHUNK_ELEMENTS, CLIENTS, 1);
	struct event *event = rig_open(&rig, &request);
	static struct rte_mbuf *shares[CLIENTS * CHUNKS];
	struct stager stager = {shares, CLIENTS * CHUNKS};
	pthread_t thread;

	for (uint32_t client = 0; client < CLIENTS; client++) {
		void *vector = rig_vector(event, client);

		rig_join(&rig, 6, client, 1);
		for (uint32_t chunk = 0; chunk < CHUNKS; chunk++)
			shares[client * CHUNKS + chunk] =
				rig_share(&rig, event, client, chunk, vector);
		free(vector);
	}
	cr_assert_eq(pthread_create(&thread, NULL, stage_until_stopped, &stager), 0);
	for (uint32_t client = 0; client < CLIENTS; client++) {
		uint32_t awaited = client % 2 ? CHUNKS : 1;
		uint32_t refused;

		rig_admit(&rig, 6, client); // there is one slot
		while (atomic_load(&event->clients[client].received) < awaited)
			;
		if (client % 2)
			cr_assert(holds_vector(event, client));
		cr_assert_eq(event_abort(&rig.table, 6, &client, 1, &refused), 0);
		for (uint64_t i = 0; i < event->slot_stride; i++)
			cr_assert_eq(event->slots[i], 0);
	}
	stop_staging = true;
	pthread_join(thread, NULL);
	for (uint32_t i = 0; i < CLIENTS * CHUNKS; i++)
		free(shares[i]);
}
