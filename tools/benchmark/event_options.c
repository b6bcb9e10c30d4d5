// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "share_packet.h"

// A frame of 1500 bytes holds 1408 of elements; UDP no more than 65,507.
#define DEFAULT_CHUNK_BYTES 1408
#define CHUNK_BYTES_MAX     (65507 - WEIR_PACKET_OVERHEAD)

void event_options_init(struct weir_static_event_config *event)
{
	*event = (struct weir_static_event_config){
		.number = 1,
		.modulus = WEIR_MODULUS_M31,
		.dimension = 100000,
		.max_weight = 1,
		.slots = 64,
		.cipher = WEIR_CIPHER_AES_256_GCM,
		.secret = {1},
	};
}

bool event_options_number(const char *text, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *text != '-' && *number >= 1 &&
	       *number <= max;
}

static bool take_cipher(const char *name, enum weir_cipher *cipher)
{
	if (strcmp(name, "none") != 0 && strcmp(name, "aes-256-gcm") != 0)
		return false;
	*cipher = strcmp(name, "none") == 0 ? WEIR_CIPHER_NONE : WEIR_CIPHER_AES_256_GCM;
	return true;
}

static bool take_u32(const char *text, uint64_t max, uint32_t *out)
{
	uint64_t number;

	if (!event_options_number(text, max, &number))
		return false;
	*out = (uint32_t)number;
	return true;
}

bool event_options_take(struct weir_static_event_config *event, int option, const char *value)
{
	switch (option) {
	case EVENT_OPTION_MODULUS: return weir_modulus_parse(value, &event->modulus) == 0;
	case EVENT_OPTION_DIMENSION:
		return event_options_number(value, UINT32_MAX, &event->dimension);
	case EVENT_OPTION_CHUNK:
		return take_u32(value, CHUNK_BYTES_MAX / 4, &event->chunk_elements) &&
		       event->chunk_elements % 16 == 0;
	case EVENT_OPTION_CLIENTS: return take_u32(value, UINT32_MAX, &event->clients);
	case EVENT_OPTION_SLOTS: return take_u32(value, 1 << 20, &event->slots);
	case EVENT_OPTION_BATCH: return take_u32(value, 1 << 20, &event->batch);
	case EVENT_OPTION_CIPHER: return take_cipher(value, &event->cipher);
	default: return false;
	}
}

void event_options_finish(struct weir_static_event_config *event)
{
	uint32_t size = (uint32_t)weir_modulus_element_size(event->modulus);

	if (event->chunk_elements == 0)
		event->chunk_elements = DEFAULT_CHUNK_BYTES / size;
	if (event->chunk_elements * size > CHUNK_BYTES_MAX)
		event->chunk_elements = CHUNK_BYTES_MAX / size / 16 * 16;
	if (event->batch == 0 || event->batch > event->slots)
		event->batch = event->slots;
}

json_t *event_options_json(const struct weir_static_event_config *event)
{
	return json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:s}", "modulus",
		weir_modulus_name(event->modulus), "dimension", (json_int_t)event->dimension,
		"elements_per_packet", (int)event->chunk_elements, "clients", (int)event->clients,
		"slots", (int)event->slots, "batch", (int)event->batch, "cipher",
		event->cipher == WEIR_CIPHER_NONE ? "none" : "aes-256-gcm");
}
