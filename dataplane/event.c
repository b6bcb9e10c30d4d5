// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <rte_common.h>

#include "arena.h"
#include "commit.h"
#include "event_adopt.h"
#include "event_layout.h"
#include "kernels.h"
#include "random.h"
#include "secret_memory.h"

#define LINE UINT64_C(64)
#define PAGE UINT64_C(4096)

#define QUIESCE_PAUSE_NS 10000 // about a turn of a busy worker

// Payload of the largest UDP datagram there is, without header and tag.
#define CHUNK_BYTES_MAX (UINT16_MAX - 8 - WEIR_PACKET_OVERHEAD)

// The request may hold anything: every product is bounded or in 128 bits. Clients come first.
static int lay_out(const struct weir_link_event_open *request, struct event_layout *layout)
{
	uint64_t element_size = weir_modulus_element_size(request->modulus);
	unsigned __int128 chunks =
		((unsigned __int128)request->dimension + request->chunk_elements - 1) /
		request->chunk_elements;
	uint64_t vector;
	unsigned __int128 end;

	if (chunks > WEIR_CHUNK_COUNT_MAX)
		return -EINVAL;
	layout->chunk_count = (uint32_t)chunks;
	layout->bitmap_stride = RTE_ALIGN_CEIL((layout->chunk_count + UINT64_C(7)) / 8, LINE);
	vector = request->dimension * element_size; // below 2^28 x 2^16
	// At a multiple of 4096 bytes all slots' tiles would meet in the same few sets of the cache.
	layout->slot_stride = RTE_ALIGN_CEIL(vector, LINE);
	if (layout->slot_stride % PAGE == 0)
		layout->slot_stride += LINE;
	layout->accumulator_size = RTE_ALIGN_CEIL(vector, COMMIT_TILE_BYTES);

	end = (uint64_t)request->max_clients * sizeof(struct weir_shm_client);
	end = RTE_ALIGN_CEIL(end, (unsigned __int128)LINE);
	layout->bitmaps = (uint64_t)end;
	end += (unsigned __int128)layout->bitmap_stride * request->slot_count;
	layout->slots = (uint64_t)end;
	end += (unsigned __int128)layout->slot_stride * request->slot_count;
	end = RTE_ALIGN_CEIL(end, (unsigned __int128)PAGE);
	layout->accumulators = (uint64_t)end;
	end += 2 * layout->accumulator_size;
	if (recovery_lay_out(request, layout->chunk_count, &end, &layout->recovery))
		return -EINVAL;
	if (end > INT64_MAX)
		return -ENOSPC;
	layout->length = (uint64_t)end;
	return 0;
}

int event_lay_out(const struct event_table *table, const struct weir_link_event_open *request,
	struct event_layout *layout)
{
	if (request->number == 0 || !weir_modulus_name(request->modulus) ||
		request->dimension == 0 || request->chunk_elements == 0 ||
		request->chunk_elements % 16 != 0 || request->max_clients == 0 ||
		request->slot_count == 0 || request->window == 0 || request->max_weight == 0 ||
		request->max_weight > WEIR_WEIGHT_MAX)
		return -EINVAL;
	if (request->chunk_elements > CHUNK_BYTES_MAX / weir_modulus_element_size(request->modulus))
		return -EINVAL;
	if (request->max_clients > table->memory->client_capacity ||
		request->slot_count > table->memory->client_capacity)
		return -ENOSPC;
	return lay_out(request, layout);
}

static bool same_parameters(const struct event *event, const struct weir_link_event_open *request)
{
	return event->number == request->number && event->modulus == request->modulus &&
	       event->dimension == request->dimension &&
	       event->chunk_elements == request->chunk_elements &&
	       event->max_clients == request->max_clients &&
	       event->slot_count == request->slot_count &&
	       event->max_weight == request->max_weight && event->fec == request->fec;
}

// What clients are granted may change while the event is open: nothing is laid out by it.
static void set_grant(struct event *event, const struct weir_link_event_open *request)
{
	atomic_store_explicit(&event->window, request->window, memory_order_relaxed);
	atomic_store_explicit(&event->rate, request->rate, memory_order_relaxed);
}

static size_t claimed_size(const struct event *event)
{
	return event->slot_count * event->bitmap_words * sizeof(*event->claimed);
}

void event_free(struct event *event)
{
	commit_job_free(event->batch);
	free(event->awaits_keys);
	recovery_free(event);
	secret_free(event->keys, event->max_clients * sizeof(*event->keys));
	secret_free(event->slot_keys, event->slot_count * sizeof(*event->slot_keys));
	free((void *)(uintptr_t)event->claimed);
	free(event->free_slots);
	free(event->slot_in_batch);
	weir_wipe(event, sizeof(*event));
	free(event);
}

struct event *event_make(
	const struct weir_link_event_open *request, const struct event_layout *layout)
{
	struct event *event = aligned_alloc(LINE, RTE_ALIGN_CEIL(sizeof(*event), LINE));

	if (!event)
		return NULL;
	memset(event, 0, sizeof(*event));
	event->number = request->number;
	event->modulus = request->modulus;
	event->element_size = (uint32_t)weir_modulus_element_size(request->modulus);
	event->chunk_elements = request->chunk_elements;
	event->chunk_count = layout->chunk_count;
	event->max_clients = request->max_clients;
	event->slot_count = request->slot_count;
	event->max_weight = request->max_weight;
	event->dimension = request->dimension;
	set_grant(event, request);
	event->fec = request->fec;
	event->slot_stride = layout->slot_stride;
	event->bitmap_words = layout->bitmap_stride / sizeof(uint64_t);

	event->keys = secret_alloc(event->max_clients * sizeof(*event->keys));
	event->slot_keys = secret_alloc(event->slot_count * sizeof(*event->slot_keys));
	event->claimed = aligned_alloc(LINE, claimed_size(event));
	event->free_slots = calloc(event->slot_count, sizeof(*event->free_slots));
	event->slot_in_batch = calloc(event->slot_count, sizeof(*event->slot_in_batch));
	if (!event->keys || !event->slot_keys || !event->claimed || !event->free_slots ||
		!event->slot_in_batch || recovery_make(event, &layout->recovery)) {
		event_free(event);
		return NULL;
	}
	memset((void *)(uintptr_t)event->claimed, 0, claimed_size(event));
	event->free_slot_count = event->slot_count;
	for (uint32_t i = 0; i < event->slot_count; i++)
		event->free_slots[i] = event->slot_count - 1 - i;
	return event;
}

struct weir_shm_event *event_shared(const struct event_table *table, uint32_t number)
{
	uint8_t *events = (uint8_t *)table->memory + table->memory->events_offset;

	return (struct weir_shm_event *)events + number % table->capacity;
}

void event_place(const struct event_table *table, struct event *event,
	const struct event_layout *layout, uint64_t start)
{
	uint8_t *base = (uint8_t *)table->memory;

	event->shared = event_shared(table, event->number);
	event->arena_offset = start;
	event->arena_length = layout->length;
	event->clients = (struct weir_shm_client *)(base + start);
	event->received = (_Atomic uint64_t *)(base + start + layout->bitmaps);
	event->slots = base + start + layout->slots;
	recovery_place(event, &layout->recovery, base + start);
}

void event_describe(struct weir_shm_event *shared, const struct weir_link_event_open *request,
	const struct event_layout *layout, uint64_t start)
{
	shared->modulus = request->modulus;
	shared->chunk_elements = request->chunk_elements;
	shared->dimension = request->dimension;
	shared->chunk_count = layout->chunk_count;
	shared->max_clients = request->max_clients;
	shared->slot_count = request->slot_count;
	shared->fec = request->fec;
	shared->clients_offset = start;
	shared->bitmaps_offset = start + layout->bitmaps;
	shared->bitmap_stride = layout->bitmap_stride;
	shared->slots_offset = start + layout->slots;
	shared->slot_stride = layout->slot_stride;
	for (unsigned i = 0; i < 2; i++)
		shared->accumulators[i].offset =
			start + layout->accumulators + i * layout->accumulator_size;
}

// The bytes in the arena are zero: no client, no chunk received, two accumulators of nothing. The entry
// is for others to see once its number is set.
static void share_event(struct event *event, const struct weir_link_event_open *request,
	const struct event_layout *layout)
{
	struct weir_shm_event *shared = event->shared;

	for (uint32_t i = 0; i < event->max_clients; i++)
		event->clients[i].slot = WEIR_NO_SLOT;
	event_describe(shared, request, layout, event->arena_offset);
	atomic_store_explicit(&shared->state, WEIR_SHM_EVENT_OPEN, memory_order_relaxed);
	atomic_store_explicit(&shared->number, event->number, memory_order_release);
}

int event_open(struct event_table *table, const struct weir_link_event_open *request)
{
	struct event *_Atomic *entry = &table->events[request->number % table->capacity];
	struct event *event = atomic_load_explicit(entry, memory_order_relaxed);
	struct event_layout layout;
	uint64_t offset;
	int error = event_lay_out(table, request, &layout);

	if (error)
		return error;
	if (event) {
		if (!same_parameters(event, request))
			return -EEXIST;
		set_grant(event, request);
		return 0;
	}
	error = event_adopt(table, request, &layout);
	if (error != -ENOENT)
		return error;
	// The arena first: it is the bound on everything else.
	error = arena_alloc(table->arena, layout.length, PAGE, &offset);
	if (error)
		return -ENOSPC;
	event = event_make(request, &layout);
	if (!event) {
		arena_free(table->arena, offset, layout.length);
		return -ENOSPC;
	}
	event_place(table, event, &layout, offset);
	share_event(event, request, &layout);
	atomic_store_explicit(entry, event, memory_order_release);
	return 0;
}

// Unpublished first, then wiped once no worker can look at it any more. Closing what is not open is
// done already.
int event_close(struct event_table *table, uint32_t number)
{
	struct event *event = event_lookup(table, number);
	struct weir_shm_event *shared;

	if (!event) {
		event_forget_found(table, number);
		return 0;
	}
	shared = event->shared;
	commit_withdraw(table, event);
	atomic_store_explicit(&table->events[number % table->capacity], NULL, memory_order_release);
	atomic_store_explicit(&shared->number, 0, memory_order_release);
	event_quiesce(table);
	memset((void *)shared, 0, sizeof(*shared));
	arena_free(table->arena, event->arena_offset, event->arena_length);
	table->clients_free += event->clients_joined;
	event_free(event);
	return 0;
}

void event_leave(struct event_table *table, uint32_t number)
{
	struct event *event = event_lookup(table, number);

	commit_withdraw(table, event);
	atomic_store_explicit(&table->events[number % table->capacity], NULL, memory_order_release);
	table->clients_free += event->clients_joined;
	event_free(event);
}

void event_quiesce(struct event_table *table)
{
	const struct timespec pause = {.tv_nsec = QUIESCE_PAUSE_NS};
	uint64_t token = rte_rcu_qsbr_start(table->quiescence);

	// The workers may need this very CPU to get there, so it is given up while waiting.
	while (!rte_rcu_qsbr_check(table->quiescence, token, false))
		nanosleep(&pause, NULL);
}
