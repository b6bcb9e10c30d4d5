// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The sum that rivals are compared by: it takes what the dataplane takes, refuses what it refuses,
// and notices a wrong sum.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "packet_store.h"
#include "share_packet.h"
#include "staged_sum.h"

enum { CLIENTS = 6, DIMENSION = 1000, CHUNK = 352 };

struct rig {
	struct weir_static_event_config event;
	struct weir_aead *aead;
	const struct weir_kernels *kernels;
	struct share_source source;
	struct packet_store store;
	struct staged_sum *sum;
};

static void rig_up(struct rig *rig, enum weir_cipher cipher, uint32_t slots)
{
	const struct packet_store_options options = {.clients = CLIENTS, .run = 2};

	*rig = (struct rig){.event = {.number = 1,
				    .modulus = WEIR_MODULUS_M31,
				    .dimension = DIMENSION,
				    .chunk_elements = CHUNK,
				    .clients = CLIENTS,
				    .max_weight = 1,
				    .slots = slots,
				    .batch = slots,
				    .cipher = cipher,
				    .secret = {7}}};
	rig->aead = weir_aead_new();
	rig->kernels = weir_kernels_select(NULL);
	cr_assert(rig->aead && rig->kernels);
	cr_assert_eq(share_source_init(&rig->source, WEIR_MODULUS_M31, DIMENSION, CHUNK, 3), 0);
	cr_assert_eq(
		packet_store_init(&rig->store, rig->aead, &rig->event, &rig->source, &options), 0);
	rig->sum = staged_sum_new(rig->aead, rig->kernels, &rig->event, 0, CLIENTS);
	cr_assert(rig->sum);
}

static void rig_down(struct rig *rig)
{
	staged_sum_free(rig->sum);
	packet_store_free(&rig->store);
	share_source_free(&rig->source);
	weir_aead_free(rig->aead);
}

static void take(struct rig *rig, uint64_t i)
{
	const struct staged_datagram datagram = {
		packet_store_datagram(&rig->store, i), rig->store.lengths[i]};

	staged_sum_burst(rig->sum, &datagram, 1);
}

static void take_all(struct rig *rig)
{
	for (uint64_t i = 0; i < rig->store.count; i += STAGED_SUM_BURST) {
		struct staged_datagram burst[STAGED_SUM_BURST];
		unsigned n = 0;

		for (; n < STAGED_SUM_BURST && i + n < rig->store.count; n++)
			burst[n] =
				(struct staged_datagram){packet_store_datagram(&rig->store, i + n),
					rig->store.lengths[i + n]};
		staged_sum_burst(rig->sum, burst, n);
	}
	staged_sum_flush(rig->sum);
}

Test(staged_sum, is_the_sum_of_all_passes)
{
	// 4 does not divide the number of clients; 1 leaves each burst with more than it has slots.
	const uint32_t slots[] = {6, 4, 1};

	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		for (int cipher = 0; cipher <= 1; cipher++) {
			struct rig rig;

			rig_up(&rig, cipher ? WEIR_CIPHER_AES_256_GCM : WEIR_CIPHER_NONE, slots[i]);
			take_all(&rig);
			cr_assert(staged_sum_again(rig.sum));
			take_all(&rig);
			cr_assert(staged_sum_again(rig.sum));
			cr_assert_eq(staged_sum_vectors(rig.sum), 2 * CLIENTS);
			cr_assert_eq(staged_sum_refused(rig.sum), 0);
			cr_assert(staged_sum_verify(rig.sum, &rig.source, 2));
			rig_down(&rig);
		}
	}
}

Test(staged_sum, notices_a_wrong_sum)
{
	struct rig rig;
	struct share_source other;

	rig_up(&rig, WEIR_CIPHER_AES_256_GCM, 6);
	take_all(&rig);
	cr_assert_not(staged_sum_verify(rig.sum, &rig.source, 2), "a pass too many");
	cr_assert_eq(share_source_init(&other, WEIR_MODULUS_M31, DIMENSION, CHUNK, 4), 0);
	cr_assert_not(staged_sum_verify(rig.sum, &other, 1), "other vectors");
	cr_assert(staged_sum_verify(rig.sum, &rig.source, 1));
	share_source_free(&other);
	rig_down(&rig);
}

Test(staged_sum, notices_a_missing_vector)
{
	struct rig rig;

	rig_up(&rig, WEIR_CIPHER_AES_256_GCM, 6);
	for (uint64_t i = 0; i + 1 < rig.store.count; i++)
		take(&rig, i);
	staged_sum_flush(rig.sum);
	cr_assert_eq(staged_sum_vectors(rig.sum), CLIENTS - 1);
	cr_assert_not(staged_sum_again(rig.sum));
	cr_assert_not(staged_sum_verify(rig.sum, &rig.source, 1));
	rig_down(&rig);
}

Test(staged_sum, takes_each_chunk_once)
{
	struct rig rig;

	rig_up(&rig, WEIR_CIPHER_AES_256_GCM, 6);
	take(&rig, 0);
	take(&rig, 0);
	cr_assert_eq(staged_sum_refused(rig.sum), 1);
	take_all(&rig);
	take(&rig, 0);
	cr_assert_eq(staged_sum_refused(rig.sum), 3);
	cr_assert(staged_sum_verify(rig.sum, &rig.source, 1));
	rig_down(&rig);
}

Test(staged_sum, refuses_every_changed_byte)
{
	struct rig rig;
	uint16_t length;
	uint8_t *datagram;

	rig_up(&rig, WEIR_CIPHER_AES_256_GCM, 6);
	datagram = packet_store_datagram(&rig.store, 0);
	length = rig.store.lengths[0];
	for (uint16_t i = 0; i < length; i++) {
		datagram[i] ^= 0x40;
		take(&rig, 0);
		datagram[i] ^= 0x40;
	}
	cr_assert_eq(staged_sum_refused(rig.sum), length);
	rig.store.lengths[0]--;
	take(&rig, 0);
	rig.store.lengths[0] = WEIR_PACKET_OVERHEAD - 1;
	take(&rig, 0);
	cr_assert_eq(staged_sum_refused(rig.sum), length + 2u);
	rig.store.lengths[0] = length;
	take_all(&rig);
	cr_assert(staged_sum_verify(rig.sum, &rig.source, 1));
	rig_down(&rig);
}

Test(staged_sum, refuses_elements_that_are_not_canonical)
{
	struct rig rig;
	uint8_t *datagram;

	rig_up(&rig, WEIR_CIPHER_NONE, 6);
	datagram = packet_store_datagram(&rig.store, 0);
	memset(datagram + WEIR_PACKET_HEADER_SIZE, 0xff, 4);
	take(&rig, 0);
	cr_assert_eq(staged_sum_refused(rig.sum), 1);
	rig_down(&rig);
}
