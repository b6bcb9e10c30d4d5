// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "datagram_builder.h"

#include <endian.h>
#include <string.h>

static size_t seal(const struct weir_aead *aead, const struct traffic_client *client,
	const struct weir_packet_header *header, const void *body, size_t length, uint8_t *datagram)
{
	uint8_t *place = datagram + sizeof(*header);

	memcpy(datagram, header, sizeof(*header));
	if (client->key) {
		// The nonce is the header's last two fields.
		weir_aead_seal(aead, client->key,
			datagram + offsetof(struct weir_packet_header, chunk), datagram,
			sizeof(*header), body, length, place, place + length);
	} else {
		memcpy(place, body, length);
		memset(place + length, 0, WEIR_PACKET_TAG_SIZE);
	}
	return WEIR_PACKET_OVERHEAD + length;
}

static struct weir_packet_header header_of(const struct traffic_client *client,
	enum weir_packet_type type, uint32_t number, uint64_t nonce)
{
	return (struct weir_packet_header){
		.version = WEIR_PACKET_VERSION,
		.type = (uint8_t)type,
		.event = htole32(client->event),
		.client = htole32(client->index),
		.chunk = htole32(weir_packet_chunk_field(type, number)),
		.nonce = htole64(nonce),
	};
}

static size_t share_bytes(const struct share_source *source, uint32_t chunk)
{
	return weir_chunk_length(source->dimension, source->chunk_elements, chunk) *
	       weir_modulus_element_size(source->modulus);
}

size_t datagram_share_length(const struct share_source *source, uint32_t chunk)
{
	return WEIR_PACKET_OVERHEAD + share_bytes(source, chunk);
}

size_t datagram_share(const struct weir_aead *aead, const struct traffic_client *client,
	const struct share_source *source, uint32_t chunk, uint8_t *datagram)
{
	struct weir_packet_header header =
		header_of(client, WEIR_PACKET_SHARE, chunk, client->share_nonce);

	return seal(aead, client, &header, share_source_chunk(source, client->index, chunk),
		share_bytes(source, chunk), datagram);
}

size_t datagram_message(const struct weir_aead *aead, const struct traffic_client *client,
	enum weir_packet_type type, uint64_t nonce, uint32_t counter, const void *body,
	size_t length, uint8_t *datagram)
{
	struct weir_packet_header header = header_of(client, type, counter, nonce);

	return seal(aead, client, &header, body, length, datagram);
}
