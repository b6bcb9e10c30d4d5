// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "share_frame.h"

// Clients have ports of their own, so that a device that spreads flows has something to spread.
#define SOURCE_PORT_FIRST 16384
#define SOURCE_PORTS      49152

struct traffic_client share_frame_client(const struct load_event *event, uint32_t client,
	unsigned aggregator, const struct weir_aead_key *key)
{
	return (struct traffic_client){
		.event = event->aggregators[aggregator].event_number,
		.index = load_event_index(event, client),
		.share_nonce = event->share_nonces ? event->share_nonces[client] : 0,
		.key = event->keys ? key : NULL,
	};
}

void share_frame_head(const struct load_event *event, uint32_t client, unsigned aggregator,
	const struct port *port, struct frame_head *head)
{
	const struct load_aggregator *to = &event->aggregators[aggregator];
	const struct frame_route route = {
		.mac = to->mac,
		.address = to->address,
		.port = to->udp_port,
		.source_port = (uint16_t)(SOURCE_PORT_FIRST + client % SOURCE_PORTS),
	};

	frame_head_make(head, port, &route, (uint16_t)load_event_datagram_bytes(event));
}
