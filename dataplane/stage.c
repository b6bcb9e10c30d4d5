// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The stage stage: SHARE datagrams are authenticated and decrypted straight from the packet into
// their place in the client's slot, PARITY datagrams into their place beside it.
//
// GCM writes the plaintext before it knows whether the tag is right. So a chunk is claimed before
// it is decrypted: two workers never write to one place, and a place that holds a chunk is never
// written again. A claim that leads to nothing is given back, with the place zeroed.
//
// A burst is claimed as a whole, then opened, then settled. An atomic operation waits until all
// stores before it have reached the cache; between two packets that would be a whole chunk on its
// way to memory. This way it happens once a burst, and while one packet's chunk is being written the
// next one is decrypted.

#include <string.h>
#include <rte_prefetch.h>

#include "kernels.h"
#include "random.h"
#include "recovery.h"
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

// A share, or parity, that this worker works on.
struct share {
	const struct packet *packet;
	uint32_t slot;
	_Atomic uint64_t *claimed, *received; // words of the slot's bitmaps
	uint64_t bit;                         // in them
	uint8_t *place;                       // in the slot
	enum weir_counter verdict;            // STAGED or why it is dropped
};

#define STAGED WEIR_COUNTER_shares_staged

static void locate(const struct packet *packet, struct share *share)
{
	const struct event *event = packet->event;
	uint32_t slot = event->clients[packet->client].slot;

	share->packet = packet;
	share->slot = slot;
	share->bit = UINT64_C(1) << packet->chunk % 64;
	if (packet->kind == PACKET_PARITY) {
		const struct recovery *recovery = event->recovery;
		uint64_t word = slot * recovery->bitmap_words + packet->chunk / 64;

		share->claimed = &recovery->claimed[word];
		share->received = &recovery->received[word];
		share->place = recovery->slots + slot * recovery->slot_stride +
			       (uint64_t)packet->chunk * recovery->chunk_bytes;
		return;
	}
	uint64_t word = slot * event->bitmap_words + packet->chunk / 64;
	share->claimed = &event->claimed[word];
	share->received = &event->received[word];
	share->place = event->slots + slot * event->slot_stride +
		       (uint64_t)packet->chunk * event->chunk_elements * event->element_size;
}

// A thousand keys do not fit the first-level cache: fetch the round keys and the first hash keys
// while the packets before this one are worked on.
static void prefetch_key(const struct share *share)
{
	const uint8_t *schedule = share->packet->event->slot_keys[share->slot].schedule;

	for (unsigned line = 0; line < 8; line++)
		rte_prefetch0(schedule + 64 * line);
}

static bool claim(const struct share *share)
{
	return !(atomic_fetch_or_explicit(share->claimed, share->bit, memory_order_acq_rel) &
		 share->bit);
}

static void give_back(const struct share *share)
{
	atomic_fetch_and_explicit(share->claimed, ~share->bit, memory_order_release);
}

static bool is_received(const struct share *share)
{
	return atomic_load_explicit(share->received, memory_order_acquire) & share->bit;
}

// True if the share is authentic; its place holds it then, else garbage.
static bool decrypt(const struct event_table *table, const struct share *share)
{
	const struct packet *packet = share->packet;
	const uint8_t *body = packet->datagram + WEIR_PACKET_HEADER_SIZE;

	if (packet->event->without_cipher) {
		memcpy(share->place, body, packet->body_length);
		return true;
	}
	return weir_aead_open(table->aead, &packet->event->slot_keys[share->slot],
		packet->datagram + WEIR_PACKET_NONCE_OFFSET, packet->datagram,
		WEIR_PACKET_HEADER_SIZE, body, packet->body_length, share->place,
		body + packet->body_length);
}

// Decrypts into place, which is zeroed again if the share is not good.
static void open_share(const struct event_table *table, struct share *share)
{
	const struct packet *packet = share->packet;
	const struct event *event = packet->event;

	if (!decrypt(table, share))
		share->verdict = WEIR_COUNTER_drop_tag;
	else if (packet->kind == PACKET_SHARE &&
		 !table->kernels->ops[event->modulus].is_canonical(
			 share->place, packet->body_length / event->element_size))
		share->verdict = WEIR_COUNTER_drop_not_canonical;
	else
		share->verdict = STAGED;
	if (share->verdict != STAGED)
		weir_wipe(share->place, packet->body_length);
}

// The worker that receives the last chunk makes the client complete, unless it has been aborted.
static void received(struct worker *worker, const struct packet *packet, uint32_t chunks)
{
	const struct event *event = packet->event;
	struct weir_shm_client *client = &event->clients[packet->client];
	uint32_t admitted = WEIR_CLIENT_ADMITTED;

	if (packet->kind == PACKET_PARITY) {
		count(worker, WEIR_COUNTER_parity_staged, chunks);
		return;
	}
	count(worker, STAGED, chunks);
	if (atomic_fetch_add_explicit(&client->received, chunks, memory_order_acq_rel) + chunks !=
		event->chunk_count)
		return;
	if (!atomic_compare_exchange_strong_explicit(&client->state, &admitted,
		    WEIR_CLIENT_COMPLETE, memory_order_acq_rel, memory_order_relaxed))
		return;
	count(worker, WEIR_COUNTER_slots_completed, 1);
	worker_ring_doorbell(worker, event->number, packet->client);
}

static bool same_word(const struct share *a, const struct share *b)
{
	return a->claimed == b->claimed;
}

// Whether a group can be recovered now. The control thread wakes for it once this turn is over; there is
// no ring to go with it.
static void note_groups(struct worker *worker, const struct share *shares, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct packet *packet = shares[i].packet;
		const struct event *event = packet->event;

		if (shares[i].verdict == STAGED &&
			recovery_note(worker->events, event, shares[i].slot,
				packet->chunk % event->recovery->group_count,
				packet->kind == PACKET_PARITY))
			worker->rang = true;
	}
}

// What is done for all good shares in one word of one bitmap together: most bursts have few.
static void settle(struct worker *worker, const struct share *shares, uint16_t n)
{
	for (uint16_t i = 0, next; i < n; i = next) {
		uint64_t bits = 0;

		for (next = i; next < n && same_word(&shares[i], &shares[next]); next++) {
			if (shares[next].verdict == STAGED) {
				bits |= shares[next].bit;
				continue;
			}
			give_back(&shares[next]);
			count(worker, shares[next].verdict, 1);
		}
		if (bits == 0)
			continue;
		const struct packet *packet = shares[i].packet;
		atomic_fetch_or_explicit(shares[i].received, bits, memory_order_release);
		received(worker, packet, (uint32_t)__builtin_popcountll(bits));
		if (packet->event->recovery)
			note_groups(worker, shares + i, (uint16_t)(next - i));
	}
}

// Stages those of the n shares whose chunk nobody has claimed. Returns how many are left, at the
// front: their chunk is claimed but not received.
static uint16_t stage_unclaimed(struct worker *worker, struct share *shares, uint16_t n)
{
	struct share claimed[BURST_MAX];
	uint16_t claimed_count = 0, left = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (claim(&shares[i]))
			claimed[claimed_count++] = shares[i];
		else if (is_received(&shares[i]))
			count(worker, WEIR_COUNTER_drop_duplicate, 1);
		else
			shares[left++] = shares[i];
	}
	for (uint16_t i = 0; i < claimed_count; i++)
		open_share(worker->events, &claimed[i]);
	settle(worker, claimed, claimed_count);
	return left;
}

void stage_burst(struct worker *worker, struct rte_mbuf **burst, uint16_t n)
{
	struct share shares[BURST_MAX];
	uint16_t share_count = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct packet *packet = packet_of(burst[i]);

		if ((packet->kind != PACKET_SHARE && packet->kind != PACKET_PARITY) ||
			!is_receiving(worker, packet))
			continue;
		locate(packet, &shares[share_count]);
		prefetch_key(&shares[share_count++]);
	}
	// A forgery must not take the place of the good share behind it: whoever met a claim of this
	// very burst tries again, until only other workers' claims are left.
	for (uint16_t left; share_count > 0; share_count = left) {
		left = stage_unclaimed(worker, shares, share_count);
		if (left == share_count) {
			count(worker, WEIR_COUNTER_drop_duplicate, left);
			break;
		}
	}
}
