// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "datagram.h"

#include <endian.h>
#include <string.h>

#include "recovery.h"

static bool is_for_aggregator(uint8_t type)
{
	return type == WEIR_PACKET_REQUEST || type == WEIR_PACKET_SHARE ||
	       type == WEIR_PACKET_PARITY || type == WEIR_PACKET_QUERY;
}

// Acquire, because the client's keys were written before its state left NONE.
static bool client_exists(const struct event *event, uint32_t client)
{
	return client < event->max_clients && atomic_load_explicit(&event->clients[client].state,
						      memory_order_acquire) != WEIR_CLIENT_NONE;
}

static size_t body_length(const struct event *event, uint8_t type, uint32_t chunk)
{
	switch (type) {
	case WEIR_PACKET_REQUEST: return sizeof(struct weir_packet_request);
	case WEIR_PACKET_QUERY: return sizeof(struct weir_packet_query);
	case WEIR_PACKET_PARITY: return event->recovery->chunk_bytes;
	default:
		return (size_t)weir_chunk_length(event->dimension, event->chunk_elements, chunk) *
		       event->element_size;
	}
}

enum weir_counter validate_datagram(const struct event_table *table, const uint8_t *datagram,
	size_t length, struct datagram *out)
{
	struct weir_packet_header header;

	if (length < WEIR_PACKET_OVERHEAD)
		return WEIR_COUNTER_drop_packet_short;
	memcpy(&header, datagram, sizeof(header));
	if (header.version != WEIR_PACKET_VERSION || header.flags != 0)
		return WEIR_COUNTER_drop_packet_version;

	uint32_t chunk_field = le32toh(header.chunk);
	uint32_t chunk = chunk_field & WEIR_CHUNK_NUMBER_MASK;
	if (!is_for_aggregator(header.type) || chunk_field >> WEIR_CHUNK_TYPE_SHIFT != header.type)
		return WEIR_COUNTER_drop_packet_type;

	struct event *event = event_lookup(table, le32toh(header.event));
	if (!event)
		return WEIR_COUNTER_drop_event_unknown;
	uint32_t client = le32toh(header.client);
	if (!client_exists(event, client))
		return WEIR_COUNTER_drop_client_unknown;
	if (header.type == WEIR_PACKET_PARITY && !event->recovery)
		return WEIR_COUNTER_drop_parity;
	if (header.type == WEIR_PACKET_PARITY && chunk >= event->recovery->chunk_count)
		return WEIR_COUNTER_drop_chunk_range;
	if (header.type == WEIR_PACKET_SHARE && chunk >= event->chunk_count)
		return WEIR_COUNTER_drop_chunk_range;

	size_t body = body_length(event, header.type, chunk);
	if (length != WEIR_PACKET_OVERHEAD + body)
		return WEIR_COUNTER_drop_packet_length;

	*out = (struct datagram){
		.event = event,
		.client = client,
		.chunk = chunk,
		.body_length = (uint16_t)body,
		.type = header.type,
	};
	return DATAGRAM_VALID;
}
