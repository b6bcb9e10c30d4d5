// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Faults on the way out: every frame passes here if any are wanted, and leaves as none, one or more.

#include "sender.h"

#define JUNK_BYTES 60 // of a frame of 64 with its check sequence

static uint16_t head_size(const struct port *port)
{
	return (uint16_t)(RTE_ETHER_HDR_LEN + (port->vlan ? RTE_VLAN_HLEN : 0) + 20 + 8);
}

static uint8_t type_of(const struct rte_mbuf *frame, uint16_t head)
{
	return rte_pktmbuf_mtod(
		frame, const uint8_t *)[head + offsetof(struct weir_packet_header, type)];
}

static struct rte_mbuf *copy_of(struct sender *sender, const struct rte_mbuf *frame)
{
	struct rte_mbuf *copy = transmit_take(sender);

	if (!copy)
		return NULL;
	memcpy(rte_pktmbuf_mtod(copy, void *), rte_pktmbuf_mtod(frame, void *), frame->data_len);
	copy->data_len = frame->data_len;
	copy->pkt_len = frame->pkt_len;
	return copy;
}

static void send_more(struct sender *sender, unsigned port, struct rte_mbuf *frame)
{
	pacer_sent(&sender->pacer, frame->pkt_len);
	transmit_now(sender, port, frame);
}

// A copy with one bit flipped in these bytes. Frames may be shared, so never in place.
static struct rte_mbuf *flipped(
	struct sender *sender, const struct rte_mbuf *frame, uint16_t from, uint16_t to)
{
	struct rte_mbuf *copy = copy_of(sender, frame);

	if (copy) {
		uint32_t bit = chance_below(&sender->random, 8U * (to - from));
		rte_pktmbuf_mtod(copy, uint8_t *)[from + bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
	return copy;
}

// A part of all, not of the honest ones: so many of them come before each honest one.
static unsigned how_many(struct sender *sender, double part)
{
	unsigned n = 0;

	while (n < SENDER_BURST && chance_of(&sender->random, part))
		n++;
	return n;
}

static void add_forged(
	struct sender *sender, unsigned port, const struct rte_mbuf *frame, uint16_t head)
{
	unsigned n = how_many(sender, sender->shared->faults.forge);

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *forged = flipped(sender, frame,
			(uint16_t)(frame->data_len - WEIR_PACKET_TAG_SIZE), frame->data_len);
		if (!forged)
			return;
		sender->tally.forged++;
		send_more(sender, port, forged);
	}
}

// Addressed as the frame is, but too short for a datagram of the protocol.
static void add_junk(
	struct sender *sender, unsigned port, const struct rte_mbuf *frame, uint16_t head)
{
	unsigned n = how_many(sender, sender->shared->faults.junk);

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *junk = transmit_take(sender);
		if (!junk)
			return;
		uint8_t *bytes = rte_pktmbuf_mtod(junk, uint8_t *);

		memcpy(bytes, rte_pktmbuf_mtod(frame, void *), JUNK_BYTES);
		frame_set_length(bytes, head, (uint16_t)(JUNK_BYTES - head));
		junk->data_len = JUNK_BYTES;
		junk->pkt_len = JUNK_BYTES;
		sender->tally.junk++;
		send_more(sender, port, junk);
	}
}

static void release(struct sender *sender, struct fault_held *held)
{
	struct rte_mbuf *frame = held->frame;

	held->frame = NULL;
	sender->held_count--;
	transmit_now(sender, held->port, frame);
}

void fault_release(struct sender *sender, bool all)
{
	for (unsigned i = 0; sender->held_count > 0 && i < FAULT_HELD_MAX; i++) {
		struct fault_held *held = &sender->held[i];

		if (held->frame && (all || --held->frames_left == 0))
			release(sender, held);
	}
}

static bool hold(struct sender *sender, unsigned port, struct rte_mbuf *frame)
{
	for (unsigned i = 0; i < FAULT_HELD_MAX; i++) {
		struct fault_held *held = &sender->held[i];

		if (held->frame)
			continue;
		*held = (struct fault_held){
			frame, port, 1 + chance_below(&sender->random, FAULT_HELD_MAX)};
		sender->held_count++;
		sender->tally.reordered++;
		return true;
	}
	return false;
}

void fault_transmit(struct sender *sender, unsigned port, struct rte_mbuf *frame)
{
	const struct fault_mix *mix = &sender->shared->faults;
	uint16_t head = head_size(sender->lanes[port].port);

	if (frame->data_len < head + WEIR_PACKET_OVERHEAD) {
		transmit_now(sender, port, frame); // ARP
		return;
	}
	add_junk(sender, port, frame, head);
	if (type_of(frame, head) == WEIR_PACKET_SHARE)
		add_forged(sender, port, frame, head);
	fault_release(sender, false);
	if (chance_of(&sender->random, mix->loss)) {
		sender->tally.lost++;
		rte_pktmbuf_free(frame);
		return;
	}
	if (chance_of(&sender->random, mix->corrupt)) {
		struct rte_mbuf *damaged = flipped(sender, frame, head, frame->data_len);
		if (damaged) {
			sender->tally.corrupted++;
			rte_pktmbuf_free(frame);
			frame = damaged;
		}
	}
	if (chance_of(&sender->random, mix->duplicate)) {
		struct rte_mbuf *again = copy_of(sender, frame);
		if (again) {
			sender->tally.duplicated++;
			send_more(sender, port, again);
		}
	}
	if (!chance_of(&sender->random, mix->reorder) || !hold(sender, port, frame))
		transmit_now(sender, port, frame);
}
