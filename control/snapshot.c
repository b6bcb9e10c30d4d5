// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"
#include "identity.h"

#define NAME_MAX_LENGTH 128
#define PREFIX          "snapshot-"
#define PREFIX_LENGTH   (sizeof(PREFIX) - 1)
#define EVENT_LENGTH    (2 * WEIR_DIGEST_SIZE)

static void name_of(char name[NAME_MAX_LENGTH], const struct weir_digest *event, uint32_t batch,
	bool unfinished)
{
	char hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];

	weir_hex_encode(event->bytes, sizeof(event->bytes), hex);
	snprintf(name, NAME_MAX_LENGTH, PREFIX "%s-%" PRIu32 "%s", hex, batch,
		unfinished ? ".new" : "");
}

static size_t vector_size(const struct snapshot_header *header)
{
	return header->dimension * weir_modulus_element_size(header->modulus);
}

static uint32_t checksum(struct snapshot_header header, const void *elements)
{
	header.crc = 0;
	return weir_crc32c(weir_crc32c(0, &header, sizeof(header)), elements, vector_size(&header));
}

static int write_all(int file, const void *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(file, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		bytes = (const char *)bytes + written;
		size -= (size_t)written;
	}
	return 0;
}

static int write_file(
	int folder, const char *name, const struct snapshot_header *header, const void *elements)
{
	int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error;

	if (file < 0)
		return -errno;
	error = write_all(file, header, sizeof(*header));
	if (!error)
		error = write_all(file, elements, vector_size(header));
	if (!error && fsync(file))
		error = -errno;
	if (close(file) && !error)
		error = -errno;
	return error;
}

int snapshot_write(
	const char *directory, const struct snapshot_header *header, const void *elements)
{
	int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
	char name[NAME_MAX_LENGTH], unfinished[NAME_MAX_LENGTH];
	struct snapshot_header written = *header;

	if (folder < 0)
		return -errno;
	written.magic = SNAPSHOT_MAGIC;
	written.version = SNAPSHOT_VERSION;
	written.crc = checksum(written, elements);
	name_of(name, &header->event, header->batch, false);
	name_of(unfinished, &header->event, header->batch, true);
	error = write_file(folder, unfinished, &written, elements);
	if (!error && renameat(folder, unfinished, folder, name))
		error = -errno;
	if (!error && fsync(folder))
		error = -errno;
	if (error)
		unlinkat(folder, unfinished, 0);
	close(folder);
	return error;
}

// The mapped file against what is wanted.
static int check(const void *bytes, size_t size, const struct snapshot_header *wanted)
{
	struct snapshot_header expected = *wanted;
	const struct snapshot_header *header = bytes;

	if (size != sizeof(*header) + vector_size(wanted))
		return -EBADMSG;
	expected.magic = SNAPSHOT_MAGIC;
	expected.version = SNAPSHOT_VERSION;
	expected.crc = header->crc;
	if (memcmp(header, &expected, sizeof(expected)) != 0)
		return -EBADMSG;
	return checksum(*header, header + 1) == header->crc ? 0 : -EBADMSG;
}

int snapshot_open(const char *directory, const struct snapshot_header *wanted)
{
	int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file, error = 0;
	char name[NAME_MAX_LENGTH];
	struct stat status;
	void *bytes;

	if (folder < 0)
		return -errno;
	name_of(name, &wanted->event, wanted->batch, false);
	file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		error = -errno;
	close(folder);
	if (error)
		return error;
	if (fstat(file, &status))
		error = -errno;
	else if (!S_ISREG(status.st_mode) || (size_t)status.st_size < sizeof(*wanted))
		error = -EBADMSG;
	if (!error) {
		bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
		error = bytes == MAP_FAILED ? -errno : check(bytes, (size_t)status.st_size, wanted);
		if (bytes != MAP_FAILED)
			munmap(bytes, (size_t)status.st_size);
	}
	if (error) {
		close(file);
		return error;
	}
	return file;
}

// Whether the name is one of ours, finished or not, and of which event.
static bool parse_name(const char *name, struct weir_digest *event)
{
	char hex[EVENT_LENGTH + 1];

	if (strncmp(name, PREFIX, PREFIX_LENGTH) != 0 ||
		strlen(name) < PREFIX_LENGTH + EVENT_LENGTH + 2 ||
		name[PREFIX_LENGTH + EVENT_LENGTH] != '-')
		return false;
	memcpy(hex, name + PREFIX_LENGTH, EVENT_LENGTH);
	hex[EVENT_LENGTH] = '\0';
	return weir_hex_decode(hex, event->bytes, sizeof(event->bytes)) == 0;
}

// Removes what unwanted says of a name of ours.
static void remove_where(const char *directory,
	bool (*unwanted)(void *context, const char *name, const struct weir_digest *event),
	void *context)
{
	DIR *entries = opendir(directory);
	struct weir_digest event;
	const struct dirent *entry;

	while (entries && (entry = readdir(entries)) != NULL)
		if (parse_name(entry->d_name, &event) && unwanted(context, entry->d_name, &event))
			unlinkat(dirfd(entries), entry->d_name, 0);
	if (entries)
		closedir(entries);
}

struct kept {
	const struct weir_digest *event;
	char names[2][NAME_MAX_LENGTH];
};

static bool is_not_kept(void *context, const char *name, const struct weir_digest *event)
{
	const struct kept *kept = context;

	return memcmp(event, kept->event, sizeof(*event)) == 0 &&
	       strcmp(name, kept->names[0]) != 0 && strcmp(name, kept->names[1]) != 0;
}

void snapshot_keep(
	const char *directory, const struct weir_digest *event, uint32_t batch, uint32_t other)
{
	struct kept kept = {.event = event};

	name_of(kept.names[0], event, batch, false);
	name_of(kept.names[1], event, other, false);
	remove_where(directory, is_not_kept, &kept);
}

struct sweep {
	snapshot_wanted *wanted;
	void *context;
};

static bool is_not_wanted(void *context, const char *name, const struct weir_digest *event)
{
	const struct sweep *sweep = context;

	return !sweep->wanted(sweep->context, event);
}

void snapshot_sweep(const char *directory, snapshot_wanted *wanted, void *context)
{
	struct sweep sweep = {wanted, context};

	remove_where(directory, is_not_wanted, &sweep);
}
