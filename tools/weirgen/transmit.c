// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The way out: mbufs in bulk, bursts, and what to do when a port takes no more.

#include <rte_ethdev.h>

#include "capture.h"
#include "sender.h"

// So that the payload behind the usual head lies on a cache line.
#define DATA_OFFSET (RTE_PKTMBUF_HEADROOM - 2)

struct rte_mbuf *transmit_take(struct sender *sender)
{
	if (sender->spare_count == 0) {
		if (rte_pktmbuf_alloc_bulk(sender->pool, sender->spare, SENDER_BURST) != 0)
			return NULL;
		sender->spare_count = SENDER_BURST;
	}
	struct rte_mbuf *frame = sender->spare[--sender->spare_count];

	frame->data_off = DATA_OFFSET;
	return frame;
}

void transmit_give_back(struct sender *sender, struct rte_mbuf *frame)
{
	sender->spare[sender->spare_count++] = frame;
}

static void count_sent(struct sender *sender, uint16_t frames, uint64_t bytes)
{
	sender->tally.packets += frames;
	sender->tally.bytes += bytes;
}

static uint64_t bytes_of(struct rte_mbuf *const *frames, uint16_t count)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < count; i++)
		bytes += frames[i]->pkt_len;
	return bytes;
}

// With a rate, what the port does not take is dropped, as a line would; without one it is waited for.
static void flush_lane(struct sender *sender, struct sender_lane *lane)
{
	uint64_t bytes = bytes_of(lane->frames, lane->count);
	uint16_t sent;

	if (sender->shared->capture) {
		sent = lane->count;
		capture_write(sender->shared->capture, lane->frames, lane->count);
		rte_pktmbuf_free_bulk(lane->frames, lane->count);
	} else {
		sent = rte_eth_tx_burst(
			lane->port->id, (uint16_t)sender->index, lane->frames, lane->count);
	}

	while (sent < lane->count) {
		if (sender->pacer.is_on || sender->shared->stop) {
			bytes -= bytes_of(lane->frames + sent, lane->count - sent);
			sender->tally.ring_full += lane->count - sent;
			rte_pktmbuf_free_bulk(lane->frames + sent, lane->count - sent);
			break;
		}
		sender->tally.tx_full++;
		sender_stash(sender);
		sent += rte_eth_tx_burst(lane->port->id, (uint16_t)sender->index,
			lane->frames + sent, lane->count - sent);
	}
	count_sent(sender, sent, bytes);
	lane->count = 0;
}

void transmit_flush(struct sender *sender)
{
	for (unsigned i = 0; i < sender->shared->port_count; i++)
		if (sender->lanes[i].count > 0)
			flush_lane(sender, &sender->lanes[i]);
}

void transmit_now(struct sender *sender, unsigned port, struct rte_mbuf *frame)
{
	struct sender_lane *lane = &sender->lanes[port];

	lane->frames[lane->count++] = frame;
	if (lane->count == RTE_DIM(lane->frames))
		flush_lane(sender, lane);
}

void transmit(struct sender *sender, unsigned port, struct rte_mbuf *frame)
{
	if (sender->has_faults)
		fault_transmit(sender, port, frame);
	else
		transmit_now(sender, port, frame);
}
