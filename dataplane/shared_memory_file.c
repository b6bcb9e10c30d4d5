// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "shared_memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/memfd.h>
#include <rte_common.h>

#include "arena.h"
#include "console.h"
#include "kernels.h"
#include "memory_node.h"
#include "random.h"

#define PAGE      UINT64_C(4096)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define LINES     UINT64_C(128) // two cache lines: the prefetcher fetches pairs

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
		.uses_hugepages = page == HUGE_PAGE,
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

// Memory that can be had without swapping. A plain file is not refused for its size: the kernel
// would look for pages until it kills somebody.
static bool fits_memory(uint64_t size)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kilobytes;
	char line[128];
	bool fits = true;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1)
			fits = size / 1024 <= kilobytes;
	}
	if (file)
		fclose(file);
	return fits;
}

// The file has all its pages before it is used: memory that is promised now cannot fail later. The
// seals keep whoever shares it from cutting it short under the workers.
static int make_file(struct event_table *table, const struct weir_shm_header *header)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int error;
	void *memory;
	int descriptor;

	if (header->uses_hugepages)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	else if (!fits_memory(header->total_size))
		return -ENOMEM;
	descriptor = memfd_create("weir", flags);
	if (descriptor < 0)
		return -errno;
	if (ftruncate(descriptor, (off_t)header->total_size) ||
		fallocate(descriptor, 0, 0, (off_t)header->total_size)) {
		error = -errno;
		goto close_file;
	}
	memory = mmap(NULL, header->total_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		descriptor, 0);
	if (memory == MAP_FAILED) {
		error = -errno;
		goto close_file;
	}
	fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	madvise(memory, header->total_size, MADV_DONTDUMP);
	memcpy(memory, header, sizeof(*header));
	table->memory = memory;
	table->memory_descriptor = descriptor;
	return 0;

close_file:
	close(descriptor);
	return error;
}

static int make_memory(
	struct event_table *table, const struct weir_dataplane_config *config, unsigned workers)
{
	struct weir_shm_header header;
	int error;

	if (config->hugepages != WEIR_HUGEPAGES_OFF) {
		error = lay_out(&header, config, workers, HUGE_PAGE);
		if (!error)
			error = make_file(table, &header);
		if (!error)
			return 0;
		if (config->hugepages == WEIR_HUGEPAGES_ON) {
			console("cannot get %llu MiB of hugepages for dataplane.arena: %s; reserve "
				"more in /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages or "
				"set dataplane.hugepages = \"auto\"",
				(unsigned long long)(config->arena >> 20), strerror(-error));
			return error;
		}
	}
	error = lay_out(&header, config, workers, PAGE);
	if (!error)
		error = make_file(table, &header);
	if (error)
		console("cannot get %llu MiB of memory for dataplane.arena: %s; set a smaller one",
			(unsigned long long)(config->arena >> 20), strerror(-error));
	return error;
}

static int make_tables(struct event_table *table, unsigned workers)
{
	struct weir_shm_header *memory = table->memory;
	size_t size = RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE);

	table->capacity = memory->event_capacity;
	table->clients_free = memory->client_capacity;
	table->events = calloc(table->capacity, sizeof(*table->events));
	table->quiescence = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	table->arena =
		arena_new(memory, memory->arena_offset, memory->arena_size, &memory->arena_used);
	if (!table->events || !table->quiescence || !table->arena) {
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

int event_table_create(
	struct event_table *table, const struct weir_dataplane_config *config, unsigned workers)
{
	int error;

	memset(table, 0, sizeof(*table));
	table->memory_descriptor = -1;
	memory_node_prefer(memory_nodes_of(config));
	error = make_memory(table, config, workers);
	memory_node_forget();
	if (!error)
		error = make_tables(table, workers);
	if (!error)
		error = choose_arithmetic(table, config);
	if (error)
		event_table_destroy(table);
	return error;
}

void event_table_destroy(struct event_table *table)
{
	for (uint32_t i = 0; table->events && i < table->capacity; i++) {
		struct event *event = atomic_load(&table->events[i]);

		if (event)
			event_close(table, event->number);
	}
	weir_aead_free(table->aead);
	arena_delete(table->arena);
	free(table->quiescence);
	free(table->events);
	if (table->memory) {
		munmap(table->memory, table->memory->total_size);
		close(table->memory_descriptor);
	}
	memset(table, 0, sizeof(*table));
	table->memory_descriptor = -1;
}
