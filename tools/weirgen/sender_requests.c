// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "capture.h"
#include "random.h"
#include "sender.h"

#define ADMISSION_MS 100 // from the REQUESTs to the first SHARE, when they are played again

static void request(struct sender *sender, uint32_t client, unsigned aggregator)
{
	static const struct weir_packet_request body;
	const struct load_event *event = sender->shared->event;
	struct rte_mbuf *frame = transmit_take(sender);
	struct weir_aead_key key;
	struct frame_head head;
	uint64_t nonce;

	if (!frame || weir_random_bytes(&nonce, sizeof(nonce)) != 0)
		return;
	if (event->keys)
		weir_aead_expand(sender->aead,
			event->keys[client * event->aggregator_count + aggregator].to_aggregator,
			&key);
	struct traffic_client traffic = share_frame_client(event, client, aggregator, &key);
	unsigned port = event->aggregators[aggregator].port;

	share_frame_head(event, client, aggregator, sender->lanes[port].port, &head);
	uint8_t *place =
		frame_put_head(frame, &head, (uint16_t)(WEIR_PACKET_OVERHEAD + sizeof(body)));
	datagram_message(
		sender->aead, &traffic, WEIR_PACKET_REQUEST, nonce, 1, &body, sizeof(body), place);
	sender->tally.requests++;
	transmit_now(sender, port, frame);
}

void sender_request_all(struct sender *sender)
{
	const struct load_event *event = sender->shared->event;

	for (uint32_t client = 0; client < event->clients; client++)
		for (unsigned i = 0; i < event->aggregator_count; i++)
			request(sender, client, i);
	transmit_flush(sender);
	capture_pause(sender->shared->capture, ADMISSION_MS);
}
