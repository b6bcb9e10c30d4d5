// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "recovery.h"
#include "rig.h"

enum { EVENT = 6, CLIENT = 3, CHUNK = 32, DATA = 4, PARITY = 2, CHUNKS_MAX = 2048 };

static struct rig rig;
static struct rte_ring *rings;

static void setup(void)
{
	rig_make(&rig, UINT64_C(32) << 20);
	rings = aligned_alloc(64, RTE_ALIGN_CEIL((size_t)rte_ring_get_memsize(64), 64));
	cr_assert_not_null(rings);
	cr_assert_eq(rte_ring_init(rings, "rings", 64, RING_F_SC_DEQ), 0);
}

static void teardown(void)
{
	free(rings);
	rig_free(&rig);
}

TestSuite(recovery, .init = setup, .fini = teardown, .timeout = 120);

// A client's packets: chunks, then parity.
struct upload {
	uint8_t *vector; // with zeros behind, to whole chunks
	uint32_t chunks, all;
	struct rte_mbuf *packets[2 * CHUNKS_MAX];
};

static struct event *open_event(
	enum weir_modulus modulus, uint64_t dimension, uint32_t data, uint32_t parity)
{
	struct weir_link_event_open request = rig_request(EVENT, modulus, dimension, CHUNK, 8, 2);

	request.fec = data << 16 | parity;
	return rig_open(&rig, &request);
}

static void admit(void)
{
	rig_join(&rig, EVENT, CLIENT, 1);
	rig_admit(&rig, EVENT, CLIENT);
}

static uint8_t *padded_vector(const struct event *event)
{
	void *vector = rig_vector(event, CLIENT);
	uint8_t *padded = calloc(event->chunk_count, (size_t)CHUNK * event->element_size);

	cr_assert_not_null(padded);
	memcpy(padded, vector, event->dimension * event->element_size);
	free(vector);
	return padded;
}

static void make_packets(struct upload *upload, struct event *event)
{
	const struct recovery *recovery = event->recovery;
	size_t bytes = recovery->chunk_bytes, stride = (size_t)CHUNK * event->element_size;

	upload->chunks = event->chunk_count;
	upload->all = event->chunk_count + recovery->chunk_count;
	cr_assert_leq(upload->all, 2 * CHUNKS_MAX);
	for (uint32_t c = 0; c < upload->chunks; c++)
		upload->packets[c] = rig_share(&rig, event, CLIENT, c, upload->vector);
	for (uint32_t g = 0; g < recovery->group_count; g++) {
		uint32_t n = weir_fec_group_size(upload->chunks, recovery->group_count, g);
		const void *chunks[WEIR_FEC_DATA_MAX];
		void *parity[WEIR_FEC_PARITY_MAX];

		for (uint32_t i = 0; i < n; i++)
			chunks[i] = upload->vector + (i * recovery->group_count + g) * stride;
		for (uint32_t j = 0; j < recovery->parameters.parity; j++)
			parity[j] = malloc(bytes);
		weir_fec_encode(recovery->fec, n, bytes, chunks, parity);
		for (uint32_t j = 0; j < recovery->parameters.parity; j++) {
			uint32_t number = j * recovery->group_count + g;

			upload->packets[upload->chunks + number] =
				rig_parity(&rig, event, CLIENT, number, parity[j], (uint16_t)bytes);
			free(parity[j]);
		}
	}
}

static void make_upload(struct upload *upload, struct event *event)
{
	upload->vector = padded_vector(event);
	make_packets(upload, event);
}

static void free_upload(struct upload *upload)
{
	for (uint32_t i = 0; i < upload->all; i++)
		free(upload->packets[i]);
	free(upload->vector);
}

static int turn(void)
{
	return recovery_turn(&rig.table, rings, rig.doorbell);
}

static bool rang(void)
{
	void *entry;

	if (rte_ring_dequeue(rings, &entry))
		return false;
	cr_assert_eq((uintptr_t)entry, (uintptr_t)((uint64_t)EVENT << 32 | CLIENT));
	cr_assert_neq(rte_ring_dequeue(rings, &entry), 0, "rung twice");
	return true;
}

static const uint8_t *slot_of(const struct event *event)
{
	return event->slots + event->clients[CLIENT].slot * event->slot_stride;
}

static void expect_whole(const struct event *event, const struct upload *upload)
{
	cr_assert_eq(rig_state(event, CLIENT), WEIR_CLIENT_COMPLETE);
	cr_assert_eq(event->clients[CLIENT].received, event->chunk_count);
	cr_assert_arr_eq(slot_of(event), upload->vector, event->dimension * event->element_size);
}

// What is not there is zero and can still be claimed.
static void expect_missing(const struct event *event, uint32_t chunk)
{
	size_t stride = (size_t)CHUNK * event->element_size;
	size_t bytes = weir_chunk_length(event->dimension, CHUNK, chunk) * event->element_size;
	const uint8_t *place = slot_of(event) + chunk * stride;
	uint64_t word = event->clients[CLIENT].slot * event->bitmap_words + chunk / 64;

	for (size_t i = 0; i < bytes; i++)
		cr_assert_eq(place[i], 0);
	cr_assert_eq(event->claimed[word] >> chunk % 64 & 1, 0);
	cr_assert_eq(event->received[word] >> chunk % 64 & 1, 0);
}

static bool enough(const struct upload *upload, uint32_t groups, uint32_t group, uint32_t pattern)
{
	uint32_t there = 0;

	for (uint32_t i = 0; i < upload->all; i++)
		if ((i < upload->chunks ? i : i - upload->chunks) % groups == group)
			there += pattern >> i & 1;
	return there >= weir_fec_group_size(upload->chunks, groups, group);
}

// What the pattern leaves over of the upload, staged in an order of its own; then what is missing.
static void try_pattern(struct upload *upload, struct event *event, uint32_t pattern)
{
	uint32_t groups = event->recovery->group_count, expected = 0;

	admit();
	for (uint32_t i = 0; i < upload->all; i++) {
		uint32_t packet = (i * 7 + pattern) % upload->all;

		if (pattern >> packet & 1)
			rig_stage(&rig, i % 2, upload->packets[packet]);
	}
	cr_assert_eq(turn(), INT_MAX);
	for (uint32_t c = 0; c < upload->chunks; c++) {
		if (pattern >> c & 1 || enough(upload, groups, c % groups, pattern))
			expected++;
		else
			expect_missing(event, c);
	}
	cr_assert_eq(event->clients[CLIENT].received, expected, "pattern %x", pattern);
	for (uint32_t c = 0; c < upload->chunks; c++)
		rig_stage(&rig, 0, upload->packets[c]);
	expect_whole(event, upload);
	while (!rte_ring_empty(rings))
		cr_assert(rang());
}

// 7 chunks in groups of 4 and 3, the last one short, 2 of parity each: 2048 patterns.
Test(recovery, every_pattern)
{
	for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST; m++) {
		for (uint32_t pattern = 0; pattern < 1u << 11; pattern++) {
			struct event *event =
				open_event((enum weir_modulus)m, 7 * CHUNK - 5, DATA, PARITY);
			struct upload upload;

			cr_assert_eq(event->recovery->group_count, 2);
			make_upload(&upload, event);
			cr_assert_eq(upload.all, 11);
			try_pattern(&upload, event, pattern);
			free_upload(&upload);
			event_close(&rig.table, EVENT);
		}
	}
	cr_assert_gt(rig_count(&rig, WEIR_COUNTER_chunks_recovered), 0);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_recoveries_refused), 0);
}

// Vectors of one chunk, shorter ones, and of several bitmap words.
Test(recovery, every_length)
{
	static const uint64_t dimensions[] = {1, 31, 32, 33, 1000, 65 * 32 + 7, 300 * 32};

	for (size_t d = 0; d < RTE_DIM(dimensions); d++) {
		struct event *event = open_event(WEIR_MODULUS_M61, dimensions[d], 20, 3);
		struct upload *upload = malloc(sizeof(*upload));

		make_upload(upload, event);
		admit();
		for (uint32_t i = event->chunk_count > 3 ? 3 : event->chunk_count; i < upload->all;
			i++)
			rig_stage(&rig, 0, upload->packets[i]);
		cr_assert_eq(turn(), INT_MAX);
		expect_whole(event, upload);
		cr_assert(rang());
		free_upload(upload);
		free(upload);
		event_close(&rig.table, EVENT);
	}
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_slots_recovered), RTE_DIM(dimensions));
}

// Without loss nobody has anything to recover, and the control thread is not woken for it.
Test(recovery, sleeps_without_loss)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 7 * CHUNK, DATA, PARITY);
	struct upload upload;

	make_upload(&upload, event);
	admit();
	for (uint32_t i = 0; i < upload.all; i++)
		rig_stage(&rig, 0, upload.packets[i]);
	expect_whole(event, &upload);
	cr_assert(!rig.table.recoveries_due);
	cr_assert(!rig.workers[0].rang);
	// Parity behind a complete vector is a duplicate.
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_duplicate), upload.all - upload.chunks);
	free_upload(&upload);
}

Test(recovery, wakes_when_a_group_has_enough)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 4 * CHUNK, DATA, PARITY);
	struct upload upload;

	make_upload(&upload, event);
	admit();
	for (uint32_t i = 1; i < 4; i++)
		rig_stage(&rig, 0, upload.packets[i]);
	cr_assert(!rig.workers[0].rang);
	cr_assert_eq(turn(), INT_MAX);
	rig_stage(&rig, 0, upload.packets[5]);
	cr_assert(rig.workers[0].rang);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_parity_staged), 1);
	free_upload(&upload);
}

Test(recovery, parity_is_authenticated_and_staged_once)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 7 * CHUNK - 5, DATA, PARITY);
	struct upload upload;
	struct packet *packet;

	make_upload(&upload, event);
	packet = packet_of(upload.packets[7]);
	rig_stage(&rig, 0, upload.packets[7]); // nobody there
	rig_join(&rig, EVENT, CLIENT, 1);
	rig_stage(&rig, 0, upload.packets[7]); // no slot
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_no_slot), 2);
	rig_admit(&rig, EVENT, CLIENT);
	for (uint16_t i = 0; i < packet->datagram_length; i++) {
		packet->datagram[i] ^= 1 << i % 8;
		rig_stage(&rig, 0, upload.packets[7]);
		packet->datagram[i] ^= 1 << i % 8;
	}
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_tag), packet->datagram_length);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_parity_staged), 0);
	rig_stage(&rig, 0, upload.packets[7]);
	rig_stage(&rig, 1, upload.packets[7]);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_parity_staged), 1);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_drop_duplicate), 1);
	cr_assert_eq(event->clients[CLIENT].received, 0);
	free_upload(&upload);
}

// A client whose parity stands for what it could not have sent: nothing of it stays, and the honest
// chunks still complete the vector.
static void expect_refused(enum weir_modulus modulus, uint64_t dimension, uint32_t element)
{
	struct event *event = open_event(modulus, dimension, DATA, PARITY);
	struct upload honest, lying;

	make_upload(&honest, event);
	lying.vector = padded_vector(event);
	((uint32_t *)lying.vector)[element] = UINT32_MAX;
	make_packets(&lying, event);
	admit();
	for (uint32_t i = 0; i < lying.all; i++)
		if (i != 0 && i != 3)
			rig_stage(&rig, 0, lying.packets[i]);
	cr_assert_eq(turn(), INT_MAX);
	cr_assert_eq(rig_count(&rig, WEIR_COUNTER_recoveries_refused), 1);
	cr_assert_eq(event->clients[CLIENT].received, 2);
	expect_missing(event, 0);
	expect_missing(event, 3);
	rig_stage(&rig, 0, honest.packets[0]);
	rig_stage(&rig, 0, honest.packets[3]);
	cr_assert_eq(turn(), INT_MAX);
	expect_whole(event, &honest);
	free_upload(&honest);
	free_upload(&lying);
}

Test(recovery, refuses_what_is_not_canonical)
{
	expect_refused(WEIR_MODULUS_M31, 4 * CHUNK, 3 * CHUNK + 7);
}

Test(recovery, refuses_what_is_behind_the_end)
{
	expect_refused(WEIR_MODULUS_R32, 4 * CHUNK - 5, 4 * CHUNK - 1);
}

// A worker is decrypting one of the missing chunks: the other is recovered, and that one is looked at
// again until it is there or has been given back.
Test(recovery, leaves_a_claimed_chunk_alone)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 4 * CHUNK, DATA, PARITY);
	struct upload upload;
	uint64_t word;

	make_upload(&upload, event);
	admit();
	word = event->clients[CLIENT].slot * event->bitmap_words;
	event->claimed[word] |= 1;
	for (uint32_t i = 2; i < 6; i++)
		rig_stage(&rig, 0, upload.packets[i]);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(turn(), 1);
	cr_assert_eq(event->clients[CLIENT].received, 3);
	for (size_t i = 0; i < CHUNK * 4; i++)
		cr_assert_eq(slot_of(event)[i], 0);
	event->claimed[word] &= ~UINT64_C(1);
	cr_assert_eq(turn(), INT_MAX);
	expect_whole(event, &upload);
	free_upload(&upload);
}

// Much to do is done in several turns.
Test(recovery, turns_are_bounded)
{
	struct event *event = open_event(WEIR_MODULUS_M61, CHUNKS_MAX * CHUNK, 64, 16);
	struct upload *upload = malloc(sizeof(*upload));
	unsigned turns = 0;

	make_upload(upload, event);
	admit();
	for (uint32_t i = 0; i < upload->all; i++)
		if (i >= upload->chunks || i % (upload->chunks / 16) >= 32)
			rig_stage(&rig, 0, upload->packets[i]);
	while (turn() == 0)
		turns++;
	cr_assert_geq(turns, 1);
	expect_whole(event, upload);
	free_upload(upload);
	free(upload);
}

Test(recovery, parity_goes_with_its_client)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 4 * CHUNK, DATA, PARITY);
	struct recovery *recovery = event->recovery;
	struct upload upload;
	uint32_t client = CLIENT, refused, slot;

	make_upload(&upload, event);
	admit();
	slot = event->clients[CLIENT].slot;
	for (uint32_t i = 3; i < 6; i++)
		rig_stage(&rig, 0, upload.packets[i]);
	cr_assert_eq(event_abort(&rig.table, EVENT, &client, 1, &refused), 0);
	for (uint64_t i = 0; i < recovery->slot_stride; i++)
		cr_assert_eq(recovery->slots[slot * recovery->slot_stride + i], 0);
	rig_join(&rig, EVENT, 4, 1);
	rig_admit(&rig, EVENT, 4);
	cr_assert_eq(event->clients[4].slot, slot);
	cr_assert_eq(recovery->received[slot * recovery->bitmap_words], 0);
	cr_assert_eq(recovery->claimed[slot * recovery->bitmap_words], 0);
	rig_stage_all(&rig, event, 4);
	cr_assert_eq(rig_state(event, 4), WEIR_CLIENT_COMPLETE);
	free_upload(&upload);
}

// The bitmaps are the truth: who takes a slot over as it is goes on from there.
Test(recovery, counts_follow_from_the_bitmaps)
{
	struct event *event = open_event(WEIR_MODULUS_M31, 7 * CHUNK, DATA, PARITY);
	struct upload upload;
	uint32_t slot;

	make_upload(&upload, event);
	admit();
	slot = event->clients[CLIENT].slot;
	for (uint32_t i = 2; i < upload.all; i++)
		rig_stage(&rig, 0, upload.packets[i]);
	memset((void *)(uintptr_t)event->recovery->counts, 0, 2 * 2 * sizeof(uint32_t));
	cr_assert_eq(turn(), INT_MAX);
	recovery_take(&rig.table, event, slot, CLIENT);
	cr_assert_eq(turn(), INT_MAX);
	expect_whole(event, &upload);
	free_upload(&upload);
}

Test(recovery, parameters)
{
	struct weir_link_event_open request =
		rig_request(EVENT, WEIR_MODULUS_M31, 1000, CHUNK, 8, 2);
	static const uint32_t bad[] = {1, 4 << 16, 4 << 16 | (WEIR_FEC_PARITY_MAX + 1),
		(WEIR_FEC_DATA_MAX + 1) << 16 | 1, UINT32_MAX};
	uint64_t used;

	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		request.fec = bad[i];
		cr_assert_eq(event_open(&rig.table, &request), -EINVAL);
	}
	request.fec = 4 << 16 | 2;
	cr_assert_eq(event_open(&rig.table, &request), 0);
	cr_assert_eq(event_open(&rig.table, &request), 0);
	used = rig.table.memory->arena_used;
	request.fec = 0;
	cr_assert_eq(event_open(&rig.table, &request), -EEXIST);
	event_close(&rig.table, EVENT);
	cr_assert_eq(event_open(&rig.table, &request), 0);
	cr_assert_lt(rig.table.memory->arena_used, used);
}

// A worker stages, forgeries among it, while the control thread recovers.
struct stager {
	struct upload *upload, *forged;
	_Atomic bool done;
};

static void *stage_all(void *argument)
{
	struct stager *stager = argument;

	for (uint32_t i = 0; i < stager->upload->all; i++) {
		uint32_t packet = (i * 5 + 2) % stager->upload->all;

		rig_stage(&rig, 1, stager->forged->packets[packet]);
		if (packet % 7 != 3)
			rig_stage(&rig, 1, stager->upload->packets[packet]);
		rig_stage(&rig, 1, stager->forged->packets[(packet + 1) % stager->upload->all]);
	}
	stager->done = true;
	return NULL;
}

Test(recovery, beside_a_worker)
{
	for (unsigned round = 0; round < 50; round++) {
		struct event *event = open_event(WEIR_MODULUS_M31, 101 * CHUNK - 3, 8, 4);
		struct upload *upload = malloc(sizeof(*upload)), *forged = malloc(sizeof(*forged));
		struct stager stager = {upload, forged, false};
		pthread_t thread;

		make_upload(upload, event);
		make_upload(forged, event);
		for (uint32_t i = 0; i < forged->all; i++)
			packet_of(forged->packets[i])->datagram[WEIR_PACKET_HEADER_SIZE] ^= 1;
		admit();
		cr_assert_eq(pthread_create(&thread, NULL, stage_all, &stager), 0);
		while (!stager.done)
			turn();
		pthread_join(thread, NULL);
		while (turn() != INT_MAX)
			;
		expect_whole(event, upload);
		cr_assert_eq(rig_rings + rang(), 1);
		rig_rings = 0;
		free_upload(upload);
		free_upload(forged);
		free(upload);
		free(forged);
		event_close(&rig.table, EVENT);
	}
}
