// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "staged_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "huge_memory.h"
#include "measure.h"
#include "share_packet.h"
#include "static_keys.h"

#define LINE    64
#define NO_SLOT UINT32_MAX

struct staged_client {
	uint32_t slot;
	uint32_t received; // chunks
	bool summed;
};

struct staged_sum {
	const struct weir_aead *aead; // NULL: no cipher
	const struct weir_vector_ops *ops;
	struct weir_static_event_config event;
	uint32_t first_client, client_count;
	uint32_t chunk_count;
	uint32_t element_size;
	struct staged_client *clients;
	struct weir_packet_keys *keys; // [client_count]
	struct weir_aead_key *slot_keys;
	uint64_t *bitmaps;
	size_t bitmap_words;
	uint8_t *slots;
	size_t slot_stride, slots_bytes;
	uint32_t *free_slots; // stack: last in, first out
	uint32_t free_count;
	uint32_t *full; // clients with a full slot
	uint32_t full_count;
	const void **sources; // [batch]
	uint8_t *accumulator;
	uint64_t vectors, refused;
	double adding;
};

enum outcome { FOUND, REFUSED, SLOTS_TAKEN };

static size_t up_to(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static int make_keys(struct staged_sum *sum)
{
	int error = 0;

	for (uint32_t i = 0; i < sum->client_count && !error; i++)
		error = weir_static_keys(
			sum->event.secret, sum->event.number, sum->first_client + i, &sum->keys[i]);
	return error;
}

static int make_tables(struct staged_sum *sum)
{
	uint32_t slots = sum->event.slots;
	size_t vector = sum->event.dimension * sum->element_size;
	bool huge;

	sum->bitmap_words = up_to(up_to(sum->chunk_count, 64) / 64, LINE / sizeof(uint64_t));
	sum->slot_stride = up_to(vector, LINE);
	// The same place of all slots must not fall into the same few sets of the caches.
	if (sum->slot_stride % 4096 == 0)
		sum->slot_stride += LINE;
	sum->slots_bytes = slots * sum->slot_stride;
	sum->slots = huge_memory_new(sum->slots_bytes, &huge);
	sum->clients = calloc(sum->client_count, sizeof(*sum->clients));
	sum->keys = calloc(sum->client_count, sizeof(*sum->keys));
	sum->slot_keys = aligned_alloc(LINE, slots * sizeof(*sum->slot_keys));
	sum->bitmaps = calloc(slots * sum->bitmap_words, sizeof(*sum->bitmaps));
	sum->free_slots = calloc(slots, sizeof(*sum->free_slots));
	sum->full = calloc(slots, sizeof(*sum->full));
	sum->sources = calloc(slots, sizeof(*sum->sources));
	sum->accumulator = aligned_alloc(LINE, up_to(vector, LINE));
	if (!sum->slots || !sum->clients || !sum->keys || !sum->slot_keys || !sum->bitmaps ||
		!sum->free_slots || !sum->full || !sum->sources || !sum->accumulator)
		return -ENOMEM;
	memset(sum->accumulator, 0, up_to(vector, LINE));
	while (sum->free_count < slots) {
		sum->free_slots[sum->free_count] = slots - 1 - sum->free_count;
		sum->free_count++;
	}
	for (uint32_t i = 0; i < sum->client_count; i++)
		sum->clients[i].slot = NO_SLOT;
	return make_keys(sum);
}

struct staged_sum *staged_sum_new(const struct weir_aead *aead, const struct weir_kernels *kernels,
	const struct weir_static_event_config *event, uint32_t first_client, uint32_t clients)
{
	struct staged_sum *sum = calloc(1, sizeof(*sum));
	int error;

	if (!sum)
		return NULL;
	*sum = (struct staged_sum){
		.aead = event->cipher == WEIR_CIPHER_NONE ? NULL : aead,
		.ops = &kernels->ops[event->modulus],
		.event = *event,
		.first_client = first_client,
		.client_count = clients,
		.chunk_count = weir_chunk_count(event->dimension, event->chunk_elements),
		.element_size = (uint32_t)weir_modulus_element_size(event->modulus),
	};
	error = make_tables(sum);
	if (error) {
		staged_sum_free(sum);
		errno = -error;
		return NULL;
	}
	return sum;
}

void staged_sum_free(struct staged_sum *sum)
{
	if (!sum)
		return;
	huge_memory_free(sum->slots, sum->slots_bytes);
	free(sum->clients);
	free(sum->keys);
	free(sum->slot_keys);
	free(sum->bitmaps);
	free(sum->free_slots);
	free(sum->full);
	free(sum->sources);
	free(sum->accumulator);
	free(sum);
}

static enum outcome take_slot(struct staged_sum *sum, uint32_t client)
{
	struct staged_client *state = &sum->clients[client];

	if (state->summed)
		return REFUSED;
	if (sum->free_count == 0)
		return SLOTS_TAKEN;
	state->slot = sum->free_slots[--sum->free_count];
	state->received = 0;
	memset(sum->bitmaps + state->slot * sum->bitmap_words, 0,
		sum->bitmap_words * sizeof(*sum->bitmaps));
	if (sum->aead)
		weir_aead_expand(
			sum->aead, sum->keys[client].to_aggregator, &sum->slot_keys[state->slot]);
	return FOUND;
}

// What is known of a datagram before it is opened.
struct place {
	const uint8_t *datagram;
	uint32_t client; // from first_client
	uint32_t chunk;
	uint32_t elements;
	uint8_t *slot_place;
};

static enum outcome find_place(
	struct staged_sum *sum, const struct staged_datagram *datagram, struct place *place)
{
	struct weir_packet_header header;

	if (datagram->length < WEIR_PACKET_OVERHEAD)
		return REFUSED;
	memcpy(&header, datagram->bytes, sizeof(header));
	place->datagram = datagram->bytes;
	place->client = header.client - sum->first_client;
	place->chunk = header.chunk & WEIR_CHUNK_NUMBER_MASK;
	if (header.version != WEIR_PACKET_VERSION || header.type != WEIR_PACKET_SHARE ||
		header.flags != 0 || header.event != sum->event.number ||
		header.chunk >> WEIR_CHUNK_TYPE_SHIFT != WEIR_PACKET_SHARE ||
		place->client >= sum->client_count || place->chunk >= sum->chunk_count)
		return REFUSED;
	place->elements =
		weir_chunk_length(sum->event.dimension, sum->event.chunk_elements, place->chunk);
	if (datagram->length != WEIR_PACKET_OVERHEAD + place->elements * sum->element_size)
		return REFUSED;
	if (sum->clients[place->client].slot == NO_SLOT) {
		enum outcome outcome = take_slot(sum, place->client);

		if (outcome != FOUND)
			return outcome;
	}
	place->slot_place = sum->slots + sum->clients[place->client].slot * sum->slot_stride +
			    (size_t)place->chunk * sum->event.chunk_elements * sum->element_size;
	return FOUND;
}

// The packet's bytes, the place they go to and the key come from afar: fetched while the packet
// before is worked on.
static void prefetch(const struct staged_sum *sum, const struct place *place)
{
	uint32_t bytes = place->elements * sum->element_size;
	const uint8_t *key = sum->slot_keys[sum->clients[place->client].slot].schedule;

	for (uint32_t i = 0; i < bytes + WEIR_PACKET_OVERHEAD; i += LINE)
		__builtin_prefetch(place->datagram + i, 0, 2);
	for (uint32_t i = 0; i < bytes; i += LINE)
		__builtin_prefetch(place->slot_place + i, 1, 3);
	for (uint32_t i = 0; i < sizeof(*sum->slot_keys) && sum->aead; i += LINE)
		__builtin_prefetch(key + i, 0, 3);
}

static bool open_into_slot(const struct staged_sum *sum, const struct place *place)
{
	size_t length = place->elements * sum->element_size;
	const uint8_t *body = place->datagram + WEIR_PACKET_HEADER_SIZE;

	if (!sum->aead)
		memcpy(place->slot_place, body, length);
	else if (!weir_aead_open(sum->aead, &sum->slot_keys[sum->clients[place->client].slot],
			 place->datagram + WEIR_PACKET_NONCE_OFFSET, place->datagram,
			 WEIR_PACKET_HEADER_SIZE, body, length, place->slot_place, body + length))
		return false;
	return sum->ops->is_canonical(place->slot_place, place->elements);
}

static void receive(struct staged_sum *sum, const struct place *place)
{
	struct staged_client *client = &sum->clients[place->client];
	uint64_t *word = sum->bitmaps + client->slot * sum->bitmap_words + place->chunk / 64;
	uint64_t bit = UINT64_C(1) << place->chunk % 64;

	if (*word & bit || !open_into_slot(sum, place)) {
		sum->refused++;
		return;
	}
	*word |= bit;
	if (++client->received == sum->chunk_count)
		sum->full[sum->full_count++] = place->client;
}

static void receive_all(struct staged_sum *sum, const struct place *places, unsigned n)
{
	if (n > 0)
		prefetch(sum, &places[0]);
	for (unsigned i = 0; i < n; i++) {
		if (i + 1 < n)
			prefetch(sum, &places[i + 1]);
		receive(sum, &places[i]);
	}
	if (sum->full_count >= sum->event.batch)
		staged_sum_flush(sum);
}

void staged_sum_burst(struct staged_sum *sum, const struct staged_datagram *datagrams, unsigned n)
{
	struct place places[STAGED_SUM_BURST];
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		enum outcome outcome = find_place(sum, &datagrams[i], &places[count]);

		// The packets before it may be the last ones of slots that are needed now.
		if (outcome == SLOTS_TAKEN) {
			receive_all(sum, places, count);
			count = 0;
			outcome = find_place(sum, &datagrams[i], &places[0]);
		}
		if (outcome == FOUND)
			count++;
		else
			sum->refused++;
	}
	receive_all(sum, places, count);
}

// add_many goes tile by tile, and in a tile over all sources.
void staged_sum_flush(struct staged_sum *sum)
{
	double begin = measure_now();

	for (uint32_t i = 0; i < sum->full_count; i++)
		sum->sources[i] = sum->slots + sum->clients[sum->full[i]].slot * sum->slot_stride;
	sum->ops->add_many(sum->accumulator, sum->sources, sum->full_count, sum->event.dimension);
	while (sum->full_count > 0) {
		struct staged_client *client = &sum->clients[sum->full[--sum->full_count]];

		sum->free_slots[sum->free_count++] = client->slot;
		client->slot = NO_SLOT;
		client->summed = true;
		sum->vectors++;
	}
	sum->adding += measure_now() - begin;
}

uint64_t staged_sum_vectors(const struct staged_sum *sum)
{
	return sum->vectors;
}

uint64_t staged_sum_refused(const struct staged_sum *sum)
{
	return sum->refused;
}

double staged_sum_adding(const struct staged_sum *sum)
{
	return sum->adding;
}

bool staged_sum_again(struct staged_sum *sum)
{
	for (uint32_t i = 0; i < sum->client_count; i++)
		if (!sum->clients[i].summed)
			return false;
	for (uint32_t i = 0; i < sum->client_count; i++)
		sum->clients[i].summed = false;
	return true;
}

static bool is_sum_of(const struct staged_sum *sum, const struct share_source *source,
	uint32_t passes, uint32_t *clients, uint32_t *weights, uint8_t *expected)
{
	struct weir_kernels kernels = {.tier = "given"};

	kernels.ops[sum->event.modulus] = *sum->ops;
	for (uint32_t i = 0; i < sum->client_count; i++) {
		clients[i] = sum->first_client + i;
		weights[i] = passes;
	}
	return share_source_add(source, &kernels, clients, weights, sum->client_count, expected) ==
		       0 &&
	       memcmp(sum->accumulator, expected, sum->event.dimension * sum->element_size) == 0;
}

bool staged_sum_verify(
	const struct staged_sum *sum, const struct share_source *source, uint32_t passes)
{
	uint32_t *clients = calloc(sum->client_count, sizeof(*clients));
	uint32_t *weights = calloc(sum->client_count, sizeof(*weights));
	uint8_t *expected = calloc(sum->event.dimension, sum->element_size);
	bool right = clients && weights && expected &&
		     is_sum_of(sum, source, passes, clients, weights, expected);

	free(clients);
	free(weights);
	free(expected);
	return right;
}
