// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The answers: to the share that asked, if they are authentic and it is still waiting for them.

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "sender.h"

static const struct load_aggregator *find_aggregator(const struct load_event *event, unsigned port,
	const struct frame_datagram *datagram, uint32_t number, uint32_t *index)
{
	for (uint32_t i = 0; i < event->aggregator_count; i++) {
		const struct load_aggregator *aggregator = &event->aggregators[i];

		if (aggregator->port == port && aggregator->event_number == number &&
			aggregator->address.s_addr == datagram->source.s_addr) {
			*index = i;
			return aggregator;
		}
	}
	return NULL;
}

// The unit that a datagram is for; SENDER_NONE if it is no answer at all.
static uint32_t unit_of(
	const struct load_event *event, unsigned port, const struct frame_datagram *datagram)
{
	const struct weir_packet_header *header = (const void *)datagram->bytes;
	uint32_t aggregator, type, client;

	if (datagram->length < WEIR_PACKET_OVERHEAD)
		return SENDER_NONE;
	type = rte_le_to_cpu_32(header->chunk) >> WEIR_CHUNK_TYPE_SHIFT;
	if (header->version != WEIR_PACKET_VERSION || header->flags != 0 || header->type != type ||
		!((type == WEIR_PACKET_GRANT &&
			  datagram->length ==
				  WEIR_PACKET_OVERHEAD + sizeof(struct weir_packet_grant)) ||
			(type == WEIR_PACKET_STATE &&
				datagram->length ==
					WEIR_PACKET_OVERHEAD + sizeof(struct weir_packet_state))))
		return SENDER_NONE;
	if (!find_aggregator(event, port, datagram, rte_le_to_cpu_32(header->event), &aggregator))
		return SENDER_NONE;
	client = load_event_client(event, rte_le_to_cpu_32(header->client));
	return client < event->clients ? client * event->aggregator_count + aggregator
				       : SENDER_NONE;
}

static bool open_body(struct sender *sender, uint32_t slot, const struct frame_datagram *datagram,
	void *body, size_t length)
{
	const uint8_t *sealed = datagram->bytes + WEIR_PACKET_HEADER_SIZE;

	if (sender->shared->event->cipher == WEIR_CIPHER_NONE) {
		memcpy(body, sealed, length);
		return true;
	}
	return weir_aead_open(sender->aead, &sender->keys.open[slot],
		datagram->bytes + WEIR_PACKET_NONCE_OFFSET, datagram->bytes,
		WEIR_PACKET_HEADER_SIZE, sealed, length, body, sealed + length);
}

// What the answer means to the share. Returns false if it is none to an open question.
static bool take(
	struct sender *sender, uint32_t i, const struct frame_datagram *datagram, uint64_t now)
{
	const struct weir_packet_header *header = (const void *)datagram->bytes;
	struct upload *upload = &sender->slots[i].upload;
	uint32_t bytes = load_event_datagram_bytes(sender->shared->event);
	union {
		struct weir_packet_grant grant;
		struct weir_packet_state state;
	} body;

	if (!open_body(sender, i, datagram, &body, datagram->length - WEIR_PACKET_OVERHEAD))
		return false;
	enum upload_phase before = upload->phase;
	uint32_t received = upload->received;
	bool taken = header->type == WEIR_PACKET_GRANT
			     ? upload_grant(upload, &body.grant, now, bytes, &sender->clock)
			     : upload_state(upload, &body.state, now, bytes, &sender->clock);

	if (upload->phase != before || upload->received != received)
		sender->moves++;
	if (before == UPLOAD_REQUESTING && upload->phase == UPLOAD_SENDING)
		latency_record(
			&sender->grant_latency, (uint64_t)((double)(now - upload->requested) * 1e6 /
							   (double)sender->clock.per_ms));
	if (before < UPLOAD_SEALING && upload->completed > 0)
		sender->tally.complete++;
	return taken;
}

// Takes the frame, or hands it to the worker whose client it is for.
static void receive_frame(
	struct sender *sender, unsigned port, struct rte_mbuf *frame, uint64_t now, bool forwarded)
{
	const struct sender_shared *shared = sender->shared;
	struct frame_datagram datagram;
	struct in_addr nobody = {0};
	uint8_t mac[6];
	bool learnt, reply;

	if (!frame_read(frame, &shared->ports[port], &datagram)) {
		if (frame_take_arp(frame, &shared->ports[port], nobody, mac, &learnt, &reply) &&
			reply) {
			transmit(sender, port, frame);
			return;
		}
		goto ignore;
	}
	uint32_t unit = unit_of(shared->event, port, &datagram);
	if (unit == SENDER_NONE)
		goto ignore;
	unsigned owner = unit / shared->event->aggregator_count % shared->worker_count;
	if (owner != sender->index) {
		if (!forwarded && rte_ring_enqueue(shared->others[owner].inbox, frame) == 0)
			return;
		goto ignore;
	}
	uint32_t i = shared->slot_of[unit];
	if (i == SENDER_NONE || !take(sender, i, &datagram, now))
		goto ignore;
	sender->tally.answers++;
	sender_settle(sender, i, now);
	rte_pktmbuf_free(frame);
	return;
ignore:
	sender->tally.ignored++;
	rte_pktmbuf_free(frame);
}

static void receive_port(struct sender *sender, unsigned port, uint64_t now)
{
	const struct port *from = &sender->shared->ports[port];
	struct rte_mbuf *burst[SENDER_BURST];

	for (unsigned queue = sender->index; queue < from->queue_count;
		queue += sender->shared->worker_count) {
		uint16_t n = rte_eth_rx_burst(from->id, (uint16_t)queue, burst, SENDER_BURST);

		for (uint16_t i = 0; i < n; i++)
			receive_frame(sender, port, burst[i], now, false);
	}
}

void sender_stash(struct sender *sender)
{
	struct rte_mbuf *burst[SENDER_BURST];

	for (unsigned i = 0; i < sender->shared->port_count; i++) {
		const struct port *port = &sender->shared->ports[i];

		if (sender->stash_head - sender->stash_tail > SENDER_STASH - SENDER_BURST)
			return;
		uint16_t n =
			rte_eth_rx_burst(port->id, (uint16_t)sender->index, burst, SENDER_BURST);
		for (uint16_t j = 0; j < n; j++)
			sender->stash[sender->stash_head++ % SENDER_STASH] =
				(struct sender_received){burst[j], i};
	}
}

static void receive_inbox(struct sender *sender, uint64_t now)
{
	void *burst[SENDER_BURST];
	unsigned n = rte_ring_dequeue_burst(sender->inbox, burst, SENDER_BURST, NULL);

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *frame = burst[i];
		unsigned port = 0;

		while (port + 1 < sender->shared->port_count &&
			sender->shared->ports[port].id != frame->port)
			port++;
		receive_frame(sender, port, frame, now, true);
	}
}

void sender_receive(struct sender *sender)
{
	uint64_t now = rte_rdtsc();

	while (sender->stash_tail != sender->stash_head) {
		struct sender_received *one = &sender->stash[sender->stash_tail++ % SENDER_STASH];

		receive_frame(sender, one->port, one->frame, now, false);
	}
	for (unsigned port = 0; port < sender->shared->port_count; port++)
		receive_port(sender, port, now);
	if (sender->inbox)
		receive_inbox(sender, now);
}
