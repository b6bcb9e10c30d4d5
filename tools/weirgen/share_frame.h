// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Frames of one client's share at one aggregator.
#pragma once

#include "datagram_builder.h"
#include "frame.h"
#include "load_event.h"

// The client towards the aggregator. key: expanded; ignored if the event has no cipher.
struct traffic_client share_frame_client(const struct load_event *event, uint32_t client,
	unsigned aggregator, const struct weir_aead_key *key);

// The head of its frames, for a whole chunk. The aggregator's MAC is known.
void share_frame_head(const struct load_event *event, uint32_t client, unsigned aggregator,
	const struct port *port, struct frame_head *head);

// The SHARE of a chunk into an empty mbuf. Returns the elements in it.
static inline uint32_t share_frame_write(const struct weir_aead *aead,
	const struct traffic_client *client, const struct share_source *source,
	const struct frame_head *head, uint32_t chunk, struct rte_mbuf *frame)
{
	uint16_t length = (uint16_t)datagram_share_length(source, chunk);
	uint8_t *place = frame_put_head(frame, head, length);

	datagram_share(aead, client, source, chunk, place);
	return weir_chunk_length(source->dimension, source->chunk_elements, chunk);
}
