// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The stage stage: SHARE datagrams are authenticated and decrypted straight from the packet into
// their place in the client's slot.
//
// GCM writes the plaintext before it knows whether the tag is right. So a chunk is claimed before
// it is decrypted: two workers never write to one place, and a place that holds a chunk is never
// written again. A claim that leads to nothing is given back, with the place zeroed.

#include <string.h>
#include <rte_prefetch.h>

#include "kernels.h"
#include "random.h"
#include "worker.h"

// True if the packet is for a client that is receiving; counts it otherwise. A client in state
// ADMITTED, seen by this worker since its last quiescent point, keeps its slot until the next one:
// the control thread waits for that before it takes a slot back.
static bool is_receiving(struct worker *worker, const struct packet *packet)
{
	const struct event *event = packet->event;
	uint32_t state =
		atomic_load_explicit(&event->clients[packet->client].state, memory_order_acquire);
	bool open = atomic_load_explicit(&event->shared->state, memory_order_acquire) ==
		    WEIR_SHM_EVENT_OPEN;

	if (open && state == WEIR_CLIENT_ADMITTED)
		return true;
	if (state == WEIR_CLIENT_COMPLETE || state == WEIR_CLIENT_COMMITTED ||
		state == WEIR_CLIENT_SEALED)
		count(worker, WEIR_COUNTER_drop_duplicate, 1);
	else
		count(worker, WEIR_COUNTER_drop_no_slot, 1);
	return false;
}

// A thousand keys do not fit the first-level cache: fetch the round keys and the first hash keys
// while the packets before this one are worked on.
static void prefetch_key(const struct packet *packet)
{
	const struct event *event = packet->event;
	const uint8_t *schedule = event->slot_keys[event->clients[packet->client].slot].schedule;

	for (unsigned line = 0; line < 8; line++)
		rte_prefetch0(schedule + 64 * line);
}

// True if the share is authentic; place holds it then, else garbage.
static bool decrypt(
	const struct event_table *table, const struct packet *packet, uint32_t slot, uint8_t *place)
{
	const struct event *event = packet->event;
	const uint8_t *body = packet->datagram + WEIR_PACKET_HEADER_SIZE;

	if (event->without_cipher) {
		memcpy(place, body, packet->body_length);
		return true;
	}
	// The nonce is the header's last two fields.
	return weir_aead_open(table->aead, &event->slot_keys[slot],
		packet->datagram + offsetof(struct weir_packet_header, chunk), packet->datagram,
		WEIR_PACKET_HEADER_SIZE, body, packet->body_length, place,
		body + packet->body_length);
}

// Decrypts into place. Returns false, and says why in *reason, with the place zeroed again.
static bool open_chunk(const struct event_table *table, const struct packet *packet, uint32_t slot,
	enum weir_counter *reason)
{
	const struct event *event = packet->event;
	uint8_t *place = event->slots + slot * event->slot_stride +
			 (uint64_t)packet->chunk * event->chunk_elements * event->element_size;

	if (!decrypt(table, packet, slot, place))
		*reason = WEIR_COUNTER_drop_tag;
	else if (!table->kernels->ops[event->modulus].is_canonical(
			 place, packet->body_length / event->element_size))
		*reason = WEIR_COUNTER_drop_not_canonical;
	else
		return true;
	weir_wipe(place, packet->body_length);
	return false;
}

// The worker that receives the last chunk makes the client complete, unless it has been aborted.
static void chunk_received(struct worker *worker, const struct packet *packet)
{
	const struct event *event = packet->event;
	struct weir_shm_client *client = &event->clients[packet->client];
	uint32_t admitted = WEIR_CLIENT_ADMITTED;

	count(worker, WEIR_COUNTER_shares_staged, 1);
	if (atomic_fetch_add_explicit(&client->received, 1, memory_order_acq_rel) + 1 !=
		event->chunk_count)
		return;
	if (!atomic_compare_exchange_strong_explicit(&client->state, &admitted,
		    WEIR_CLIENT_COMPLETE, memory_order_acq_rel, memory_order_relaxed))
		return;
	count(worker, WEIR_COUNTER_slots_completed, 1);
	worker_ring_doorbell(worker, event->number, packet->client);
}

static void stage(struct worker *worker, const struct packet *packet)
{
	const struct event *event = packet->event;
	uint32_t slot = event->clients[packet->client].slot;
	uint64_t word = slot * event->bitmap_words + packet->chunk / 64;
	uint64_t bit = UINT64_C(1) << packet->chunk % 64;
	enum weir_counter reason;

	if (atomic_fetch_or_explicit(&event->claimed[word], bit, memory_order_acq_rel) & bit) {
		count(worker, WEIR_COUNTER_drop_duplicate, 1);
		return;
	}
	if (!open_chunk(worker->events, packet, slot, &reason)) {
		atomic_fetch_and_explicit(&event->claimed[word], ~bit, memory_order_release);
		count(worker, reason, 1);
		return;
	}
	atomic_fetch_or_explicit(&event->received[word], bit, memory_order_release);
	chunk_received(worker, packet);
}

void stage_burst(struct worker *worker, struct rte_mbuf **burst, uint16_t n)
{
	const struct packet *shares[BURST_MAX];
	uint16_t share_count = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct packet *packet = packet_of(burst[i]);

		if (packet->kind != PACKET_SHARE || !is_receiving(worker, packet))
			continue;
		prefetch_key(packet);
		shares[share_count++] = packet;
	}
	for (uint16_t i = 0; i < share_count; i++)
		stage(worker, shares[i]);
}
