// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "kernels.h"
#include "shared_memory_file.h"

static struct weir_dataplane_config config = {
	.hugepages = WEIR_HUGEPAGES_OFF,
	.arena = 10000,
	.max_events = 3,
	.max_clients = 77,
};

Test(memory, is_laid_out_without_overlap)
{
	struct event_table table;
	const struct weir_shm_header *header;
	struct stat status;

	cr_assert_eq(event_table_create(&table, &config, 5), 0);
	header = table.memory;
	cr_assert_eq(header->magic, WEIR_SHM_MAGIC);
	cr_assert_eq(header->version, WEIR_SHM_VERSION);
	cr_assert_eq(header->worker_count, 5);
	cr_assert_eq(header->counter_count, WEIR_COUNTER_COUNT);
	cr_assert_geq(header->counter_stride, WEIR_COUNTER_COUNT * sizeof(uint64_t));
	cr_assert_eq(header->counter_stride % 64, 0);
	cr_assert_eq(header->counters_offset % 64, 0);
	cr_assert_geq(header->counters_offset, sizeof(*header));
	cr_assert_geq(header->events_offset, header->counters_offset + 5 * header->counter_stride);
	cr_assert_eq(header->event_capacity, 3);
	cr_assert_eq(header->client_capacity, 77);
	cr_assert_geq(
		header->arena_offset, header->events_offset + 3 * sizeof(struct weir_shm_event));
	cr_assert_eq(header->arena_offset % 4096, 0);
	cr_assert_geq(header->arena_size, config.arena);
	cr_assert_eq(header->total_size, header->arena_offset + header->arena_size);
	cr_assert_eq(header->arena_used, 0);
	cr_assert_eq(fstat(table.memory_descriptor, &status), 0);
	cr_assert_eq((uint64_t)status.st_size, header->total_size);
	cr_assert_eq((uint64_t)status.st_blocks * 512, header->total_size, "all pages are there");
	event_table_destroy(&table);
	event_table_destroy(&table); // a zeroed one
}

Test(memory, tells_starts_apart)
{
	struct event_table first, second;

	cr_assert_eq(event_table_create(&first, &config, 1), 0);
	cr_assert_eq(event_table_create(&second, &config, 1), 0);
	cr_assert_neq(first.memory->incarnation, second.memory->incarnation);
	event_table_destroy(&first);
	event_table_destroy(&second);
}

Test(memory, refuses_more_than_there_is)
{
	static const uint64_t sizes[] = {UINT64_C(1) << 46, UINT64_C(1) << 62, UINT64_MAX};
	struct weir_dataplane_config large = config;
	struct event_table table;

	for (unsigned hugepages = WEIR_HUGEPAGES_AUTO; hugepages <= WEIR_HUGEPAGES_OFF;
		hugepages++) {
		for (size_t i = 0; i < 3; i++) {
			large.hugepages = hugepages;
			large.arena = sizes[i];
			cr_assert_lt(event_table_create(&table, &large, 1), 0);
			cr_assert_null(table.memory);
		}
	}
}

// With or without free hugepages on the machine of the test.
Test(memory, takes_hugepages_where_there_are_any)
{
	struct weir_dataplane_config huge = config;
	struct event_table automatic, strict;
	bool has_some;

	huge.hugepages = WEIR_HUGEPAGES_ON;
	has_some = event_table_create(&strict, &huge, 1) == 0;
	if (has_some) {
		cr_assert_eq(strict.memory->uses_hugepages, 1);
		cr_assert_eq(strict.memory->total_size % (2 << 20), 0);
		event_table_destroy(&strict);
	}
	huge.hugepages = WEIR_HUGEPAGES_AUTO;
	cr_assert_eq(event_table_create(&automatic, &huge, 1), 0);
	cr_assert_eq(automatic.memory->uses_hugepages, has_some);
	memset((uint8_t *)automatic.memory + automatic.memory->arena_offset, 1,
		automatic.memory->arena_size);
	event_table_destroy(&automatic);
}

Test(memory, masks_kernel_tiers)
{
	struct weir_dataplane_config masked = config;
	struct event_table table;

	strcpy(masked.kernels_mask, "avx2,avx512");
	cr_assert_eq(event_table_create(&table, &masked, 1), 0);
	cr_assert_str_eq(table.kernels->tier, "reference");
	event_table_destroy(&table);
}
