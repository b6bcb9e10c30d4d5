// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "event_adopt.h"
#include "kernels.h"
#include "rig.h"
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

// A folder in memory for files that outlive the table.
static char folder[RIG_FOLDER];

static void make_folder(void)
{
	rig_folder(folder, "/dev/shm");
	config.arena = 100000;
	strcpy(config.memory, folder);
	strcpy(config.socket, "one.sock");
	strcpy(config.file_prefix, "one");
}

static void remove_folder(void)
{
	cr_assert_eq(rmdir(folder), 0, "something is left behind");
}

TestSuite(memory_file, .init = make_folder, .fini = remove_folder);

static struct weir_link_event_open request = {.number = 2,
	.modulus = WEIR_MODULUS_M31,
	.dimension = 10,
	.chunk_elements = 16,
	.max_clients = 3,
	.slot_count = 2,
	.max_weight = 1,
	.window = 1};

// Leaves a file with an event in it, and says where.
static char *leave_event(void)
{
	struct event_table table;
	char *path;

	cr_assert_eq(event_table_create(&table, &config, 1), 0);
	cr_assert_eq(event_open(&table, &request), 0);
	path = strdup(table.memory_path);
	event_table_destroy(&table);
	return path;
}

static bool exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void expect_refused(void)
{
	struct event_table table;

	cr_assert_lt(event_table_create(&table, &config, 1), 0);
	cr_assert_null(table.memory);
}

// Opens once more, finds the event or not, and ends it.
static void expect_event(bool expected)
{
	struct event_table table;

	cr_assert_eq(event_table_create(&table, &config, 1), 0);
	cr_assert_eq(table.found[2].number, expected ? 2 : 0);
	event_close(&table, 2);
	event_table_destroy(&table);
}

Test(memory_file, is_removed_at_a_stop_without_events)
{
	struct event_table table;
	struct stat status;

	cr_assert_eq(event_table_create(&table, &config, 1), 0);
	cr_assert_eq(stat(table.memory_path, &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0600);
	cr_assert_eq((uint64_t)status.st_blocks * 512, table.memory->total_size);
	cr_assert_eq(event_open(&table, &request), 0);
	cr_assert_eq(event_close(&table, 2), 0);
	event_table_destroy(&table);
}

Test(memory_file, stays_with_an_event_and_tells_starts_apart)
{
	char *path = leave_event();
	struct event_table table;
	struct stat status;
	uint64_t incarnation;

	for (int start = 0; start < 3; start++) {
		cr_assert_eq(event_table_create(&table, &config, 1), 0);
		cr_assert(start == 0 || table.memory->incarnation != incarnation);
		cr_assert_eq(table.found[2].number, 2);
		cr_assert_neq(table.memory->arena_used, 0);
		cr_assert_eq(
			((uint64_t *)((uint8_t *)table.memory + table.memory->counters_offset))[1],
			0, "counters count from this start on");
		((uint64_t *)((uint8_t *)table.memory + table.memory->counters_offset))[1] = 5;
		incarnation = table.memory->incarnation;
		cr_assert_eq(chmod(path, 0644), 0);
		event_table_destroy(&table);
		cr_assert(exists(path), "opened by nobody, and not lost");
	}
	cr_assert_eq(event_table_create(&table, &config, 1), 0);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0600);
	event_table_destroy(&table);
	expect_event(true);
	cr_assert_not(exists(path));
	free(path);
}

Test(memory_file, has_one_user_and_each_appliance_its_own)
{
	struct event_table first, second;

	cr_assert_eq(event_table_create(&first, &config, 1), 0);
	cr_assert_eq(event_table_create(&second, &config, 1), -EADDRINUSE);
	strcpy(config.socket, "two.sock");
	cr_assert_eq(event_table_create(&second, &config, 1), 0);
	cr_assert_str_neq(first.memory_path, second.memory_path);
	event_table_destroy(&second);
	event_table_destroy(&first);
}

Test(memory_file, of_other_settings_is_refused_while_it_holds_events)
{
	free(leave_event());
	config.arena *= 2;
	expect_refused();
	config.arena /= 2;
	config.max_events++;
	expect_refused();
	config.max_events--;
	config.max_clients++;
	expect_refused();
	config.max_clients--;
	expect_event(true);
}

// A dataplane without events was killed.
Test(memory_file, of_other_settings_is_made_anew_without_events)
{
	struct event_table table;
	char *path = leave_event();
	char kept[128];

	snprintf(kept, sizeof(kept), "%s/kept", folder);
	cr_assert_eq(event_table_create(&table, &config, 1), 0);
	cr_assert_eq(event_close(&table, 2), 0);
	cr_assert_eq(link(path, kept), 0);
	event_table_destroy(&table);
	cr_assert_eq(rename(kept, path), 0);
	config.arena += 10000;
	cr_assert_eq(event_table_create(&table, &config, 1), 0);
	cr_assert_geq(table.memory->arena_size, config.arena);
	event_table_destroy(&table);
	free(path);
}

// Overwrites bytes of the file.
static void put(const char *path, size_t offset, const void *bytes, size_t length)
{
	int descriptor = open(path, O_RDWR);

	cr_assert_geq(descriptor, 0);
	cr_assert_eq(pwrite(descriptor, bytes, length, (off_t)offset), (ssize_t)length);
	close(descriptor);
}

Test(memory_file, of_another_version_is_refused_and_left)
{
	uint32_t version = WEIR_SHM_VERSION + 1;
	char *path = leave_event();

	put(path, offsetof(struct weir_shm_header, version), &version, sizeof(version));
	expect_refused();
	version = WEIR_SHM_VERSION;
	put(path, offsetof(struct weir_shm_header, version), &version, sizeof(version));
	expect_event(true);
	free(path);
}

Test(memory_file, of_somebody_else_is_refused_and_left)
{
	char *path = leave_event();

	put(path, 0, "#!/bin/sh", 9);
	expect_refused();
	cr_assert_eq(truncate(path, 9), 0);
	expect_refused();
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect_refused();
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect_refused();
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(symlink("/etc/hostname", path), 0);
	expect_refused();
	cr_assert_eq(unlink(path), 0);
	free(path);
}

// Killed before the magic number was written, which is the last thing.
Test(memory_file, that_is_unfinished_is_made_anew)
{
	static const uint64_t nothing;
	char *path = leave_event();

	put(path, 0, &nothing, sizeof(nothing));
	expect_event(false);
	free(leave_event());
	cr_assert_eq(truncate(path, 0), 0);
	expect_event(false);
	free(path);
}

Test(memory_file, cut_short_is_not_followed)
{
	char *path = leave_event();

	cr_assert_eq(truncate(path, 8192), 0);
	expect_refused(); // it says that it holds events
	cr_assert_eq(truncate(path, 100), 0);
	expect_refused();
	cr_assert_eq(unlink(path), 0);
	free(path);
}

// Each byte of the header in turn: whatever it means, no start may end in anything but an error or a table.
Test(memory_file, header_is_not_believed, .timeout = 120)
{
	char *path = leave_event();

	for (size_t at = 0; at < sizeof(struct weir_shm_header); at++) {
		struct event_table table;
		uint8_t good, bad;
		int descriptor = open(path, O_RDWR);

		if (descriptor < 0)
			descriptor = open(path = leave_event(), O_RDWR);
		cr_assert_eq(pread(descriptor, &good, 1, (off_t)at), 1);
		bad = good ^ 0xff;
		cr_assert_eq(pwrite(descriptor, &bad, 1, (off_t)at), 1);
		if (event_table_create(&table, &config, 1) == 0) {
			cr_assert_eq(table.memory->total_size % 4096, 0);
			event_table_destroy(&table);
		}
		cr_assert_eq(pwrite(descriptor, &good, 1, (off_t)at), 1);
		close(descriptor);
	}
	expect_event(true);
}

Test(memory_file, is_in_memory_or_nowhere)
{
	strcpy(config.memory, "/proc"); // no disk, but not ours to write shares to either
	expect_refused();
	strcpy(config.memory, "/nonexistent/folder");
	expect_refused();
	strcpy(config.memory, folder);
	config.hugepages = WEIR_HUGEPAGES_ON;
	expect_refused();
}
