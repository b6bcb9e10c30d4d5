// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A snapshot is read back only whole, undamaged and of exactly the accumulator that is wanted.

#include "snapshot.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIMENSION 5

static char directory[] = "/tmp/weir-snapshot-XXXXXX";
static const uint64_t elements[DIMENSION] = {1, 2, UINT64_MAX / 8, 0, 5};

static void make_directory(void)
{
	cr_assert_not_null(mkdtemp(directory));
}

static void remove_directory(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	cr_assert_eq(system(command), 0);
}

TestSuite(snapshot, .init = make_directory, .fini = remove_directory);

static struct snapshot_header header_of(uint8_t event, uint32_t batch)
{
	struct snapshot_header header = {.count = 3,
		.weight = 7,
		.dimension = DIMENSION,
		.modulus = WEIR_MODULUS_M61,
		.batch = batch};

	memset(header.event.bytes, event, sizeof(header.event.bytes));
	memset(header.set_digest.bytes, 9, sizeof(header.set_digest.bytes));
	return header;
}

static const char *path_of(const struct snapshot_header *header)
{
	static char path[256];
	int length = snprintf(path, sizeof(path), "%s/snapshot-", directory);

	for (size_t i = 0; i < sizeof(header->event.bytes); i++)
		length += snprintf(path + length, sizeof(path) - (size_t)length, "%02x",
			header->event.bytes[i]);
	snprintf(path + length, sizeof(path) - (size_t)length, "-%u", header->batch);
	return path;
}

static void write_one(const struct snapshot_header *header)
{
	cr_assert_eq(snapshot_write(directory, header, elements), 0);
}

static int try_open(const struct snapshot_header *header)
{
	int file = snapshot_open(directory, header);

	if (file < 0)
		return file;
	close(file);
	return 0;
}

Test(snapshot, comes_back_as_it_was_written)
{
	const struct snapshot_header header = header_of(1, 4);
	uint64_t read_back[DIMENSION];
	struct stat status;
	int file;

	cr_assert_eq(try_open(&header), -ENOENT);
	write_one(&header);
	file = snapshot_open(directory, &header);
	cr_assert_geq(file, 0);
	cr_assert_eq(fstat(file, &status), 0);
	cr_assert_eq(
		status.st_mode & 0777, 0600, "an accumulator of few clients is nobody's business");
	cr_assert_eq(pread(file, read_back, sizeof(read_back), sizeof(header)), sizeof(read_back));
	cr_assert_arr_eq(read_back, elements, sizeof(elements));
	close(file);
	write_one(&header); // again, as after a COMMITTED that is repeated
	cr_assert_eq(try_open(&header), 0);
}

Test(snapshot, another_accumulator_is_refused)
{
	const struct snapshot_header header = header_of(1, 4);
	struct snapshot_header wanted;

	write_one(&header);
	wanted = header, wanted.count++;
	cr_expect_eq(try_open(&wanted), -EBADMSG);
	wanted = header, wanted.weight++;
	cr_expect_eq(try_open(&wanted), -EBADMSG);
	wanted = header, wanted.set_digest.bytes[31] ^= 1;
	cr_expect_eq(try_open(&wanted), -EBADMSG);
	wanted = header, wanted.dimension--;
	cr_expect_eq(try_open(&wanted), -EBADMSG);
	wanted = header, wanted.modulus = WEIR_MODULUS_R64;
	cr_expect_eq(try_open(&wanted), -EBADMSG);
	wanted = header_of(1, 5); // under its name
	char from[256];
	strcpy(from, path_of(&header));
	cr_assert_eq(rename(from, path_of(&wanted)), 0);
	cr_expect_eq(try_open(&wanted), -EBADMSG);
}

Test(snapshot, torn_at_any_byte_it_is_refused)
{
	const struct snapshot_header header = header_of(1, 4);
	const long size = sizeof(header) + sizeof(elements);

	for (long length = 0; length < size; length++) {
		write_one(&header);
		cr_assert_eq(truncate(path_of(&header), length), 0);
		cr_assert_eq(try_open(&header), -EBADMSG, "%ld bytes", length);
	}
	write_one(&header);
	cr_assert_eq(truncate(path_of(&header), size + 1), 0);
	cr_assert_eq(try_open(&header), -EBADMSG, "a byte more");
}

Test(snapshot, with_any_bit_turned_over_it_is_refused)
{
	const struct snapshot_header header = header_of(1, 4);
	const long size = sizeof(header) + sizeof(elements);
	int file;

	write_one(&header);
	file = open(path_of(&header), O_RDWR);
	cr_assert_geq(file, 0);
	for (long bit = 0; bit < 8 * size; bit++) {
		uint8_t byte;
		cr_assert_eq(pread(file, &byte, 1, bit / 8), 1);
		byte ^= (uint8_t)(1 << bit % 8);
		cr_assert_eq(pwrite(file, &byte, 1, bit / 8), 1);
		cr_assert_eq(try_open(&header), -EBADMSG, "bit %ld", bit);
		byte ^= (uint8_t)(1 << bit % 8);
		cr_assert_eq(pwrite(file, &byte, 1, bit / 8), 1);
	}
	cr_assert_eq(try_open(&header), 0);
	close(file);
}

static bool exists(const struct snapshot_header *header)
{
	return access(path_of(header), F_OK) == 0;
}

static bool is_second(void *context, const struct weir_digest *event)
{
	return event->bytes[0] == 2;
}

Test(snapshot, what_is_not_needed_goes_and_nothing_else)
{
	const struct snapshot_header first = header_of(1, 4), later = header_of(1, 5),
				     other = header_of(2, 4);

	write_one(&first);
	write_one(&later);
	write_one(&other);
	snapshot_keep(directory, &first.event, 5, 0);
	cr_expect(!exists(&first) && exists(&later) && exists(&other));
	snapshot_sweep(directory, is_second, NULL);
	cr_expect(!exists(&later) && exists(&other));
	snapshot_keep(directory, &other.event, 0, 0);
	cr_expect(!exists(&other));
}

Test(snapshot, a_full_disk_leaves_the_one_before)
{
	const struct snapshot_header before = header_of(1, 4), header = header_of(1, 5);

	write_one(&before);
	cr_assert_eq(snapshot_write("/nonexistent", &header, elements), -ENOENT);
	cr_assert_eq(mkdir(path_of(&header), 0700), 0, "in the way of the rename");
	cr_assert_neq(snapshot_write(directory, &header, elements), 0);
	cr_expect_eq(try_open(&header), -EBADMSG);
	cr_expect_eq(try_open(&before), 0);
	cr_assert_eq(rmdir(path_of(&header)), 0);
}
