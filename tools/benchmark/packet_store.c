// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "packet_store.h"

#include <errno.h>
#include <stdlib.h>

#include "datagram_builder.h"
#include "huge_memory.h"
#include "random.h"
#include "static_keys.h"

#define LINE 64

static size_t stride_of(const struct weir_static_event_config *event)
{
	size_t datagram = WEIR_PACKET_OVERHEAD +
			  event->chunk_elements * weir_modulus_element_size(event->modulus);

	return (PACKET_STORE_HEADERS + datagram + LINE - 1) / LINE * LINE;
}

uint32_t packet_store_fitting(const struct weir_static_event_config *event, uint64_t mib)
{
	size_t client =
		weir_chunk_count(event->dimension, event->chunk_elements) * stride_of(event);
	uint64_t groups = (mib << 20) / client / event->slots;

	return (uint32_t)(groups ? groups : 1) * event->slots;
}

static int expand_keys(const struct weir_aead *aead, const struct weir_static_event_config *event,
	uint32_t first, uint32_t count, struct weir_aead_key *keys)
{
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++) {
		struct weir_packet_keys pair;

		error = weir_static_keys(event->secret, event->number, first + i, &pair);
		weir_aead_expand(aead, pair.to_aggregator, &keys[i]);
	}
	return error;
}

// The clients that send at a time: first .. first + count - 1.
static void seal_group(struct packet_store *store, const struct weir_aead *aead,
	const struct share_source *source, struct traffic_client *clients, uint32_t count,
	uint32_t run)
{
	for (uint32_t begin = 0; begin < source->chunk_count; begin += run) {
		uint32_t end =
			run < source->chunk_count - begin ? begin + run : source->chunk_count;

		for (uint32_t i = 0; i < count; i++)
			for (uint32_t chunk = begin; chunk < end; chunk++, store->count++)
				store->lengths[store->count] =
					(uint16_t)datagram_share(aead, &clients[i], source, chunk,
						packet_store_datagram(store, store->count));
	}
}

static int seal_all(struct packet_store *store, const struct weir_aead *aead,
	const struct weir_static_event_config *event, const struct share_source *source,
	const struct packet_store_options *options)
{
	bool encrypted = event->cipher != WEIR_CIPHER_NONE;
	struct weir_aead_key *keys = aligned_alloc(LINE, event->slots * sizeof(*keys));
	struct traffic_client *clients = calloc(event->slots, sizeof(*clients));
	int error = keys && clients ? 0 : -ENOMEM;

	for (uint32_t done = 0; done < options->clients && !error; done += event->slots) {
		uint32_t rest = options->clients - done;
		uint32_t count = rest < event->slots ? rest : event->slots;

		error = expand_keys(aead, event, options->first_client + done, count, keys);
		for (uint32_t i = 0; i < count && !error; i++)
			clients[i] = (struct traffic_client){
				.event = event->number,
				.index = options->first_client + done + i,
				.key = encrypted ? &keys[i] : NULL,
			};
		if (!error)
			seal_group(store, aead, source, clients, count, options->run);
	}
	if (keys)
		weir_wipe(keys, event->slots * sizeof(*keys));
	free(keys);
	free(clients);
	return error;
}

int packet_store_init(struct packet_store *store, const struct weir_aead *aead,
	const struct weir_static_event_config *event, const struct share_source *source,
	const struct packet_store_options *options)
{
	uint64_t packets = (uint64_t)options->clients * source->chunk_count;
	int error = -ENOMEM;

	*store = (struct packet_store){.stride = stride_of(event)};
	store->bytes = packets * store->stride;
	store->frames = huge_memory_new(store->bytes, &store->huge);
	store->lengths = calloc(packets, sizeof(*store->lengths));
	if (store->frames && store->lengths)
		error = seal_all(store, aead, event, source, options);
	if (error)
		packet_store_free(store);
	return error;
}

void packet_store_free(struct packet_store *store)
{
	huge_memory_free(store->frames, store->bytes);
	free(store->lengths);
	*store = (struct packet_store){0};
}
