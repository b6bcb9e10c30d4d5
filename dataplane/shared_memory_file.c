// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "shared_memory_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rte_common.h>

#include "arena.h"
#include "console.h"
#include "event_adopt.h"
#include "event_layout.h"
#include "kernels.h"
#include "memory_file.h"
#include "memory_node.h"
#include "memory_place.h"
#include "random.h"

#define LINES UINT64_C(128) // two cache lines: the prefetcher fetches pairs

// Where everything goes; the arena starts on a huge page's boundary where there are huge pages.
static int lay_out(struct weir_shm_header *header, const struct weir_dataplane_config *config,
	unsigned workers, uint64_t page)
{
	uint64_t end = sizeof(*header);

	*header = (struct weir_shm_header){
		.magic = WEIR_SHM_MAGIC,
		.version = WEIR_SHM_VERSION,
		.worker_count = workers,
		.counter_count = WEIR_COUNTER_COUNT,
		.counter_stride =
			(uint32_t)RTE_ALIGN_CEIL(WEIR_COUNTER_COUNT * sizeof(uint64_t), LINES),
		.event_capacity = config->max_events,
		.client_capacity = config->max_clients,
		.uses_hugepages = page == MEMORY_HUGE_PAGE,
	};
	header->counters_offset = RTE_ALIGN_CEIL(end, LINES);
	end = header->counters_offset + (uint64_t)workers * header->counter_stride;
	header->events_offset = RTE_ALIGN_CEIL(end, LINES);
	end = header->events_offset + config->max_events * sizeof(struct weir_shm_event);
	header->arena_offset = RTE_ALIGN_CEIL(end, page);
	if (config->arena > (uint64_t)INT64_MAX - header->arena_offset - page)
		return -ENOMEM;
	header->total_size = RTE_ALIGN_CEIL(header->arena_offset + config->arena, page);
	header->arena_size = header->total_size - header->arena_offset;
	return weir_random_bytes(&header->incarnation, sizeof(header->incarnation));
}

// A number behind the last of which nobody can be: it is written when everything else is there.
static void write_header(struct weir_shm_header *memory, const struct weir_shm_header *header)
{
	struct weir_shm_header unfinished = *header;

	unfinished.magic = memory->magic;
	memcpy(memory, &unfinished, sizeof(unfinished));
	atomic_thread_fence(memory_order_release);
	*(volatile uint64_t *)&memory->magic = header->magic;
}

static int use_file(struct event_table *table, const struct weir_shm_header *header,
	const struct memory_place *place, int descriptor)
{
	void *memory = mmap(NULL, header->total_size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, descriptor, 0);
	int error = memory == MAP_FAILED ? -errno : 0;

	if (!error && place->path[0]) {
		table->memory_path = strdup(place->path);
		if (!table->memory_path)
			error = -ENOMEM;
	}
	if (error) {
		if (memory != MAP_FAILED)
			munmap(memory, header->total_size);
		close(descriptor);
		return error;
	}
	madvise(memory, header->total_size, MADV_DONTDUMP);
	write_header(memory, header);
	memset((uint8_t *)memory + header->counters_offset, 0,
		(size_t)header->worker_count * header->counter_stride);
	table->memory = memory;
	table->memory_descriptor = descriptor;
	return 0;
}

// Returns 0 if a dataplane before us left its file at one of the places, -ENOENT if none did.
static int find_memory(struct event_table *table, const struct weir_dataplane_config *config,
	unsigned workers, const struct memory_place *places, int count)
{
	struct weir_shm_header header;

	for (int i = 0; i < count; i++) {
		if (!places[i].path[0] || lay_out(&header, config, workers, places[i].page))
			continue;
		int descriptor = memory_file_find(places[i].path, &header);
		if (descriptor == -ENOENT)
			continue;
		return descriptor < 0 ? descriptor
				      : use_file(table, &header, &places[i], descriptor);
	}
	return -ENOENT;
}

static int make_memory_at(struct event_table *table, const struct weir_dataplane_config *config,
	unsigned workers, const struct memory_place *place)
{
	struct weir_shm_header header;
	int error = lay_out(&header, config, workers, place->page);

	if (error)
		return error;
	int descriptor = memory_file_make(place->path, place->page, header.total_size);
	if (descriptor < 0)
		return descriptor;
	error = use_file(table, &header, place, descriptor);
	if (error && place->path[0])
		(void)unlink(place->path);
	return error;
}

static void explain_lack(const struct weir_dataplane_config *config, int error)
{
	unsigned long long mib = config->arena >> 20;

	if (config->hugepages == WEIR_HUGEPAGES_ON)
		console("cannot get %llu MiB of hugepages for dataplane.arena: %s; reserve more in "
			"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages or set "
			"dataplane.hugepages = \"auto\"",
			mib, strerror(-error));
	else
		console("cannot get %llu MiB of memory for dataplane.arena: %s; set a smaller one",
			mib, strerror(-error));
}

static int take_memory(struct event_table *table, const struct weir_dataplane_config *config,
	unsigned workers, bool *found)
{
	struct memory_place places[MEMORY_PLACES];
	int count = memory_places(config, places);
	int error;

	if (count < 0)
		return count;
	error = find_memory(table, config, workers, places, count);
	*found = !error;
	if (error != -ENOENT)
		return error;
	for (int i = 0; error && i < count; i++)
		error = make_memory_at(table, config, workers, &places[i]);
	if (error)
		explain_lack(config, error);
	else if (!table->memory_path && strcmp(config->memory, "auto") == 0)
		console("no folder for the shared memory (%s): a restart loses what clients have "
			"sent; see dataplane.memory",
			table->memory->uses_hugepages ? "no hugetlbfs of 2 MiB pages is mounted"
						      : "/dev/shm is not to be had or too small");
	return error;
}

static int make_tables(struct event_table *table, unsigned workers)
{
	struct weir_shm_header *memory = table->memory;
	size_t size = RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE);

	table->capacity = memory->event_capacity;
	table->clients_free = memory->client_capacity;
	table->events = calloc(table->capacity, sizeof(*table->events));
	table->found = calloc(table->capacity, sizeof(*table->found));
	table->quiescence = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	table->arena =
		arena_new(memory, memory->arena_offset, memory->arena_size, &memory->arena_used);
	if (!table->events || !table->found || !table->quiescence || !table->arena) {
		console("out of memory for the event table; set a smaller dataplane.max_events");
		return -ENOMEM;
	}
	memset(table->quiescence, 0, size);
	if (rte_rcu_qsbr_init(table->quiescence, workers)) {
		console("cannot keep track of %u workers", workers);
		return -EINVAL;
	}
	return 0;
}

static int choose_arithmetic(struct event_table *table, const struct weir_dataplane_config *config)
{
	const char *masked =
		config->kernels_mask[0] ? config->kernels_mask : getenv("WEIR_KERNELS_MASK");

	table->aead = weir_aead_new();
	if (!table->aead) {
		console("no AES-GCM: %s; the CPU needs AES-NI and PCLMULQDQ", strerror(errno));
		return -errno;
	}
	table->kernels = weir_kernels_select(masked);
	if (!table->kernels) {
		console("arithmetic fails its self-test on this CPU; name the tier in "
			"dataplane.kernels_mask and report it");
		return -errno;
	}
	return 0;
}

static int find_events(struct event_table *table)
{
	int count = event_find_kept(table);

	if (count < 0) {
		console("out of memory for the events in %s", table->memory_path);
		return count;
	}
	console("%s: found again (events: %d)", table->memory_path, count);
	return 0;
}

int event_table_create(
	struct event_table *table, const struct weir_dataplane_config *config, unsigned workers)
{
	bool found;
	int error;

	memset(table, 0, sizeof(*table));
	table->memory_descriptor = -1;
	memory_node_prefer(memory_nodes_of(config));
	error = take_memory(table, config, workers, &found);
	memory_node_forget();
	if (!error)
		error = make_tables(table, workers);
	if (!error && found)
		error = find_events(table);
	if (!error)
		error = choose_arithmetic(table, config);
	if (error)
		event_table_destroy(table);
	return error;
}

static bool holds_events(const struct event_table *table)
{
	for (uint32_t i = 0; i < table->memory->event_capacity; i++)
		if (atomic_load(&event_shared(table, i)->number) != 0)
			return true;
	return false;
}

static void leave_memory(struct event_table *table)
{
	if (table->memory_path && !holds_events(table))
		memory_file_leave(table->memory_path, table->memory_descriptor,
			table->memory->uses_hugepages ? MEMORY_HUGE_PAGE : MEMORY_PAGE,
			table->memory->total_size);
	munmap(table->memory, table->memory->total_size);
	close(table->memory_descriptor);
}

void event_table_destroy(struct event_table *table)
{
	for (uint32_t i = 0; table->events && i < table->capacity; i++) {
		struct event *event = atomic_load(&table->events[i]);

		if (event && table->memory_path && !event->is_static)
			event_leave(table, event->number);
		else if (event)
			event_close(table, event->number);
	}
	weir_aead_free(table->aead);
	arena_delete(table->arena);
	free(table->quiescence);
	free(table->found);
	free(table->events);
	if (table->memory)
		leave_memory(table);
	free(table->memory_path);
	memset(table, 0, sizeof(*table));
	table->memory_descriptor = -1;
}
