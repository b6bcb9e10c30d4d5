// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "load_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "say.h"
#include "share_packet.h"
#include "static_keys.h"

// Shares of a static event come from its secret, so that a second generator sends the same ones.
static uint64_t seed_of(const struct weir_static_event_config *config)
{
	uint64_t seed;

	memcpy(&seed, config->secret, sizeof(seed));
	return seed ^ config->number;
}

static int derive_keys(struct load_event *event, const struct weir_static_event_config *config)
{
	if (config->cipher == WEIR_CIPHER_NONE)
		return 0;
	event->keys = calloc(event->units, sizeof(*event->keys));
	if (!event->keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < event->units; i++) {
		int error = weir_static_keys(config->secret, config->number, i, &event->keys[i]);
		if (error != 0)
			return error;
	}
	return 0;
}

int load_event_static(struct load_event *event, const struct weir_generator_config *config)
{
	const struct weir_static_event_config *source = &config->static_event;
	struct load_aggregator *aggregator = &event->aggregators[0];

	*event = (struct load_event){
		.modulus = source->modulus,
		.dimension = source->dimension,
		.chunk_elements = source->chunk_elements,
		.chunk_count = weir_chunk_count(source->dimension, source->chunk_elements),
		.cipher = source->cipher,
		.clients = source->clients,
		.target_clients = source->target_clients,
		.max_weight = source->max_weight,
		.admit_timeout_ms = source->admit_timeout_ms,
		.aggregator_count = 1,
		.units = source->clients,
	};
	*aggregator = (struct load_aggregator){
		.event_number = source->number,
		.address = config->destination,
		.udp_port = config->destination_port,
		.has_mac = config->has_mac,
	};
	memcpy(aggregator->mac, config->mac, sizeof(aggregator->mac));
	int error = share_source_init(&aggregator->source, source->modulus, source->dimension,
		source->chunk_elements, seed_of(source));
	if (error == 0)
		error = derive_keys(event, source);
	if (error == 0) {
		event->ends = calloc(event->units, sizeof(*event->ends));
		error = event->ends ? 0 : -ENOMEM;
	}
	if (error != 0) {
		say("the clients' keys and shares cannot be made: %s", strerror(-error));
		load_event_free(event);
	}
	return error;
}

void load_event_free(struct load_event *event)
{
	for (uint32_t i = 0; i < event->aggregator_count; i++)
		share_source_free(&event->aggregators[i].source);
	if (event->keys)
		weir_wipe(event->keys, event->units * sizeof(*event->keys));
	free(event->keys);
	free(event->indexes);
	free(event->clients_by_index);
	free(event->share_nonces);
	free(event->ends);
	*event = (struct load_event){0};
}

bool load_event_any_ended(const struct load_event *event, uint32_t client, uint8_t end)
{
	const uint8_t *ends = &event->ends[(uint64_t)client * event->aggregator_count];

	return memchr(ends, end, event->aggregator_count) != NULL;
}

uint32_t load_event_datagram_bytes(const struct load_event *event)
{
	uint32_t elements = weir_chunk_length(event->dimension, event->chunk_elements, 0);

	return WEIR_PACKET_OVERHEAD +
	       elements * (uint32_t)weir_modulus_element_size(event->modulus);
}
