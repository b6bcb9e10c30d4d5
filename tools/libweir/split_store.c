// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "split_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"
#include "random.h"

#define MAGIC         "WEIRSPL1"
#define HEADER_SIZE   4096
#define TRAILER_SIZE  64
#define POSITION_SIZE sizeof(struct weir_split_position)
#define TEMPORARY     ".tmp"
#define GIVEN_UP      ".gone"

int weir_split_name(const struct weir_digest *event, char *name, size_t size)
{
	char hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	weir_hex_encode(event->bytes, WEIR_DIGEST_SIZE, hex);
	return snprintf(name, size, "split-%s", hex) < (int)size ? 0 : -ENAMETOOLONG;
}

static void temporary_name(const struct weir_split *split, char *name, size_t size)
{
	snprintf(name, size, "%s" TEMPORARY, split->name);
}

// Sizes from the header. -EINVAL if they cannot be.
static int measure(const struct weir_split_header *header, size_t *stride, size_t *size)
{
	size_t element;
	if (weir_modulus_name((enum weir_modulus)header->modulus) == NULL)
		return -EINVAL;
	element = weir_modulus_element_size((enum weir_modulus)header->modulus);
	if (header->share_count < 2 || header->share_count > WEIR_AGGREGATORS_MAX ||
		header->dimension == 0 || header->dimension > UINT64_C(1) << 40)
		return -EINVAL;
	*stride = (header->dimension * element + 63) / 64 * 64;
	*size = HEADER_SIZE + *stride * header->share_count + TRAILER_SIZE + POSITION_SIZE;
	return 0;
}

static size_t covered(const struct weir_split *split)
{
	return split->size - TRAILER_SIZE - POSITION_SIZE;
}

void *weir_split_share(const struct weir_split *split, size_t i)
{
	return (char *)split->map + HEADER_SIZE + i * split->stride;
}

static void unmap(struct weir_split *split)
{
	if (split->map != NULL)
		munmap(split->map, split->size);
	if (split->fd >= 0)
		close(split->fd);
	split->map = NULL;
	split->header = NULL;
	split->fd = -1;
}

void weir_split_close(const struct weir_state_dir *dir, struct weir_split *split)
{
	char temporary[sizeof(split->name) + sizeof(TEMPORARY)];
	bool is_stray = split->map != NULL && !split->is_published;
	unmap(split);
	if (is_stray) {
		temporary_name(split, temporary, sizeof(temporary));
		unlinkat(dir->fd, temporary, 0);
	}
}

int weir_split_create(const struct weir_state_dir *dir, const struct weir_split_header *header,
	struct weir_split *split)
{
	char temporary[sizeof(split->name) + sizeof(TEMPORARY)];
	memset(split, 0, sizeof(*split));
	split->fd = -1;
	int error = measure(header, &split->stride, &split->size);
	if (error != 0)
		return error;
	weir_split_name(&header->event, split->name, sizeof(split->name));
	temporary_name(split, temporary, sizeof(temporary));
	unlinkat(dir->fd, temporary, 0); // of a process that died; we hold the event's lock
	split->fd = openat(
		dir->fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (split->fd < 0)
		return -errno;
	// Room is taken first: a full disk must be an error here, not a signal while splitting.
	error = -posix_fallocate(split->fd, 0, (off_t)split->size);
	if (error == 0) {
		void *map =
			mmap(NULL, split->size, PROT_READ | PROT_WRITE, MAP_SHARED, split->fd, 0);
		if (map == MAP_FAILED)
			error = -errno;
		else
			split->map = map;
	}
	if (error != 0) {
		unmap(split);
		unlinkat(dir->fd, temporary, 0);
		return error;
	}
	struct weir_split_header *own = split->map;
	*own = *header;
	memcpy(own->magic, MAGIC, sizeof(own->magic));
	split->header = own;
	return 0;
}

int weir_split_publish(const struct weir_state_dir *dir, struct weir_split *split)
{
	char temporary[sizeof(split->name) + sizeof(TEMPORARY)];
	uint32_t checksum = weir_crc32c(0, split->map, covered(split));
	memcpy((char *)split->map + covered(split), &checksum, sizeof(checksum));
	if (msync(split->map, split->size, MS_SYNC) != 0 || fsync(split->fd) != 0)
		return -errno;
	temporary_name(split, temporary, sizeof(temporary));
	int error = weir_state_dir_publish(dir, temporary, split->name);
	split->is_published = error == 0;
	return error;
}

// Everything that can be wrong with the mapped file.
static int check(const struct weir_split *split, const struct weir_digest *event)
{
	static const char zero[TRAILER_SIZE];
	const struct weir_split_header *header = split->map;
	const char *trailer = (const char *)split->map + covered(split);
	uint32_t checksum;
	memcpy(&checksum, trailer, sizeof(checksum));
	if (checksum != weir_crc32c(0, split->map, covered(split)) ||
		memcmp(trailer + sizeof(checksum), zero, TRAILER_SIZE - sizeof(checksum)) != 0)
		return -EBADMSG;
	if (memcmp(header->event.bytes, event->bytes, WEIR_DIGEST_SIZE) != 0 ||
		memchr(header->join, '\0', sizeof(header->join)) == NULL)
		return -EBADMSG;
	return 0;
}

int weir_split_open(
	const struct weir_state_dir *dir, const struct weir_digest *event, struct weir_split *split)
{
	struct weir_split_header header;
	struct stat status;
	memset(split, 0, sizeof(*split));
	weir_split_name(event, split->name, sizeof(split->name));
	split->fd = openat(dir->fd, split->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (split->fd < 0)
		return errno == ELOOP ? -EACCES : -errno;
	split->is_published = true;
	int error = 0;
	if (fstat(split->fd, &status) != 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0 ||
		 status.st_uid != geteuid())
		error = -EACCES;
	else if (pread(split->fd, &header, sizeof(header), 0) != sizeof(header) ||
		 memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 ||
		 measure(&header, &split->stride, &split->size) != 0 ||
		 (uint64_t)status.st_size != split->size)
		error = -EBADMSG;
	weir_wipe(&header, sizeof(header));
	if (error == 0) {
		void *map = mmap(NULL, split->size, PROT_READ, MAP_SHARED, split->fd, 0);
		if (map == MAP_FAILED)
			error = -errno;
		else
			split->map = map;
	}
	if (error == 0)
		error = check(split, event);
	if (error != 0) {
		unmap(split);
		return error;
	}
	split->header = split->map;
	return 0;
}

int weir_split_set_client(struct weir_split *split, uint32_t client)
{
	struct weir_split_position position = {.client = client, .is_set = 1};
	position.checksum =
		weir_crc32c(0, &position, offsetof(struct weir_split_position, checksum));
	off_t at = (off_t)(split->size - POSITION_SIZE);
	if (pwrite(split->fd, &position, sizeof(position), at) != (ssize_t)sizeof(position))
		return errno != 0 ? -errno : -EIO;
	return fdatasync(split->fd) == 0 ? 0 : -errno;
}

bool weir_split_get_client(const struct weir_split *split, uint32_t *client)
{
	struct weir_split_position position;
	memcpy(&position, (const char *)split->map + split->size - POSITION_SIZE, sizeof(position));
	uint32_t checksum =
		weir_crc32c(0, &position, offsetof(struct weir_split_position, checksum));
	if (position.is_set != 1 || position.checksum != checksum)
		return false;
	*client = position.client;
	return true;
}

// Overwrites and removes a file. Best effort: a journal, a copy-on-write file system or flash may keep the
// old blocks.
static int wipe_file(const struct weir_state_dir *dir, const char *name)
{
	static const char zero[65536];
	struct stat status;
	int fd = openat(dir->fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int error = fstat(fd, &status) != 0 ? -errno : 0;
	for (off_t left = error == 0 && S_ISREG(status.st_mode) ? status.st_size : 0;
		left > 0 && error == 0;) {
		size_t length = left < (off_t)sizeof(zero) ? (size_t)left : sizeof(zero);
		error = weir_write_all(fd, zero, length);
		left -= (off_t)length;
	}
	if (error == 0 && fdatasync(fd) != 0)
		error = -errno;
	close(fd);
	if (unlinkat(dir->fd, name, 0) != 0 && error == 0)
		error = -errno;
	if (fsync(dir->fd) != 0 && error == 0)
		error = -errno;
	return error;
}

int weir_split_destroy(const struct weir_state_dir *dir, struct weir_split *split)
{
	char gone[sizeof(split->name) + sizeof(GIVEN_UP)];
	snprintf(gone, sizeof(gone), "%s" GIVEN_UP, split->name);
	unmap(split);
	// Under its own name a half-wiped file would look like a damaged split, which is a person's affair.
	if (renameat(dir->fd, split->name, dir->fd, gone) != 0 || fsync(dir->fd) != 0)
		return -errno;
	return wipe_file(dir, gone);
}

int weir_split_clear(const struct weir_state_dir *dir, const struct weir_digest *event)
{
	static const char *const suffixes[] = {GIVEN_UP, TEMPORARY};
	char name[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE) + 8], left[sizeof(name) + sizeof(GIVEN_UP)];
	int result = weir_split_name(event, name, sizeof(name));
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && result == 0; i++) {
		snprintf(left, sizeof(left), "%s%s", name, suffixes[i]);
		result = wipe_file(dir, left);
		if (result == -ENOENT)
			result = 0;
	}
	return result;
}
