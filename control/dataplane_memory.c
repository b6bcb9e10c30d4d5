// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "dataplane_memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

// True if size bytes from offset on lie within the memory.
static bool within(const struct dataplane_memory *memory, uint64_t offset, uint64_t size)
{
	return offset <= memory->size && size <= memory->size - offset;
}

static const void *at(const struct dataplane_memory *memory, uint64_t offset)
{
	return (const uint8_t *)memory->header + offset;
}

// Takes over where everything is, once, and then checks it.
static bool is_ours(struct dataplane_memory *memory)
{
	const struct weir_shm_header header = *memory->header;

	memory->counters_offset = header.counters_offset;
	memory->events_offset = header.events_offset;
	memory->worker_count = header.worker_count;
	memory->counter_stride = header.counter_stride;
	memory->event_capacity = header.event_capacity;
	return header.magic == WEIR_SHM_MAGIC && header.version == WEIR_SHM_VERSION &&
	       header.total_size <= memory->size && header.counter_count == WEIR_COUNTER_COUNT &&
	       memory->counter_stride >= WEIR_COUNTER_COUNT * sizeof(uint64_t) &&
	       memory->counter_stride % sizeof(uint64_t) == 0 &&
	       memory->counters_offset % sizeof(uint64_t) == 0 &&
	       memory->events_offset % _Alignof(struct weir_shm_event) == 0 &&
	       memory->event_capacity &&
	       within(memory, memory->counters_offset,
		       (uint64_t)memory->worker_count * memory->counter_stride) &&
	       within(memory, memory->events_offset,
		       (uint64_t)memory->event_capacity * sizeof(struct weir_shm_event)) &&
	       within(memory, header.arena_offset, header.arena_size);
}

int dataplane_memory_map(struct dataplane_memory *memory, int descriptor)
{
	struct stat status;
	void *address;

	dataplane_memory_unmap(memory);
	if (fstat(descriptor, &status))
		return -errno;
	if ((size_t)status.st_size < sizeof(*memory->header))
		return -EPROTO;
	address = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
	if (address == MAP_FAILED)
		return -errno;
	memory->header = address;
	memory->size = (size_t)status.st_size;
	if (!is_ours(memory)) {
		dataplane_memory_unmap(memory);
		return -EPROTO;
	}
	return 0;
}

void dataplane_memory_unmap(struct dataplane_memory *memory)
{
	if (memory->header)
		munmap((void *)(uintptr_t)memory->header, memory->size);
	*memory = (struct dataplane_memory){0};
}

const struct weir_shm_event *dataplane_memory_entry(
	const struct dataplane_memory *memory, uint32_t entry)
{
	const struct weir_shm_event *events;

	if (!memory->header || entry >= memory->event_capacity)
		return NULL;
	events = at(memory, memory->events_offset);
	return &events[entry];
}

bool dataplane_memory_number_free(const struct dataplane_memory *memory, uint32_t number)
{
	return memory->header && number &&
	       !atomic_load(
		       &dataplane_memory_entry(memory, number % memory->event_capacity)->number);
}

const struct weir_shm_event *dataplane_memory_event(
	const struct dataplane_memory *memory, uint32_t number)
{
	const struct weir_shm_event *event;

	if (!memory->header || !number)
		return NULL;
	event = dataplane_memory_entry(memory, number % memory->event_capacity);
	return atomic_load(&event->number) == number ? event : NULL;
}

const struct weir_shm_client *dataplane_memory_clients(
	const struct dataplane_memory *memory, const struct weir_shm_event *event)
{
	if (event->clients_offset % _Alignof(struct weir_shm_client) ||
		!within(memory, event->clients_offset,
			(uint64_t)event->max_clients * sizeof(struct weir_shm_client)))
		return NULL;
	return at(memory, event->clients_offset);
}

const struct weir_shm_accumulator *dataplane_memory_held(const struct dataplane_memory *memory,
	const struct weir_shm_event *event, size_t vector_size, const void **vector)
{
	const struct weir_shm_accumulator *held =
		&event->accumulators[atomic_load(&event->held) & 1];

	if (held->offset % 64 || !within(memory, held->offset, vector_size))
		return NULL;
	*vector = at(memory, held->offset);
	return held;
}

uint64_t dataplane_memory_counter(
	const struct dataplane_memory *memory, unsigned worker, unsigned counter)
{
	const uint64_t *block;

	if (!memory->header || worker >= memory->worker_count || counter >= WEIR_COUNTER_COUNT)
		return 0;
	block = at(memory, memory->counters_offset + (uint64_t)worker * memory->counter_stride);
	return __atomic_load_n(&block[counter], __ATOMIC_RELAXED);
}
