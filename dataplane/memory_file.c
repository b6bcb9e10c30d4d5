// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/memfd.h>

#include "console.h"
#include "memory_place.h"

#define OWNER_ONLY 0600
#define ATTEMPTS   8 // of opening a file that somebody removes at the same time

static bool same_layout(const struct weir_shm_header *a, const struct weir_shm_header *b)
{
	return a->worker_count == b->worker_count && a->total_size == b->total_size &&
	       a->counter_count == b->counter_count && a->counter_stride == b->counter_stride &&
	       a->counters_offset == b->counters_offset && a->event_capacity == b->event_capacity &&
	       a->client_capacity == b->client_capacity && a->events_offset == b->events_offset &&
	       a->arena_offset == b->arena_offset && a->arena_size == b->arena_size &&
	       a->uses_hugepages == b->uses_hugepages;
}

// Opens the file and locks it. The one that was opened may have been removed before it could be locked: by
// a dataplane that stopped. Returns a descriptor or -errno, -EWOULDBLOCK if somebody has the lock.
static int open_locked(const char *path, struct stat *status)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (descriptor < 0)
			return -errno;
		if (flock(descriptor, LOCK_EX | LOCK_NB) || fstat(descriptor, status)) {
			int error = -errno;
			close(descriptor);
			return error;
		}
		if (status->st_nlink > 0)
			return descriptor;
		close(descriptor);
	}
	return -EAGAIN;
}

static int refuse(const char *path, int error, const char *why)
{
	console("%s: %s", path, why);
	return error;
}

static int explain_open(const char *path, int error)
{
	if (error == -ENOENT)
		return error;
	if (error == -EWOULDBLOCK)
		return refuse(path, -EADDRINUSE,
			"is in use by another weir-dataplane; give each its own dataplane.socket "
			"and file_prefix");
	console("%s: cannot be opened: %s; remove it, or name another folder in dataplane.memory",
		path, strerror(-error));
	return error;
}

// Returns 0 if the file can be used as it is, -ENOENT if it is to be made anew, or another -errno.
static int examine(const char *path, int descriptor, const struct stat *status,
	const struct weir_shm_header *layout)
{
	struct weir_shm_header found = {0};

	if (!S_ISREG(status->st_mode) || status->st_uid != geteuid())
		return refuse(path, -EPERM,
			"is not a file of this user; remove it, or name another folder in "
			"dataplane.memory");
	ssize_t length = pread(descriptor, &found, sizeof(found), 0);
	// The magic number is written last: there is nothing behind a missing one.
	if (length >= 0 && found.magic == 0)
		return -ENOENT;
	if (found.magic != WEIR_SHM_MAGIC)
		return refuse(path, -EINVAL,
			"is not Weir's; remove it, or name another folder in dataplane.memory");
	if (found.version != WEIR_SHM_VERSION)
		return refuse(path, -EINVAL,
			"was left by another version of Weir; start that one again, or remove the "
			"file to give up the events in it");
	if (same_layout(&found, layout) && (uint64_t)status->st_size == layout->total_size)
		return 0;
	if (found.arena_used != 0)
		return refuse(path, -EINVAL,
			"holds events of other settings of arena, max_events, max_clients, workers "
			"or hugepages; restore these, or remove the file to give up the events");
	console("%s: was left with other settings and no event; made anew", path);
	return -ENOENT;
}

int memory_file_find(const char *path, const struct weir_shm_header *layout)
{
	struct stat status;
	int descriptor = open_locked(path, &status);
	int error;

	if (descriptor < 0)
		return explain_open(path, descriptor);
	error = examine(path, descriptor, &status, layout);
	if (!error && fchmod(descriptor, OWNER_ONLY))
		error = -errno;
	// Its holes, if somebody made any, must not be found by the workers.
	if (!error && fallocate(descriptor, 0, 0, (off_t)layout->total_size))
		error = explain_open(path, -errno);
	if (error == -ENOENT)
		(void)unlink(path);
	if (!error)
		return descriptor;
	close(descriptor);
	return error;
}

// Memory that can be had without swapping. A file is not refused for its size: the kernel would look for
// pages until it kills somebody.
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

static int make_empty(const char *path, uint64_t page)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int descriptor;

	if (path[0] == '\0') {
		if (page == MEMORY_HUGE_PAGE)
			flags |= MFD_HUGETLB | MFD_HUGE_2MB;
		descriptor = memfd_create("weir", flags);
		return descriptor < 0 ? -errno : descriptor;
	}
	descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, OWNER_ONLY);
	if (descriptor < 0)
		return -errno;
	if (flock(descriptor, LOCK_EX | LOCK_NB)) {
		close(descriptor); // somebody found it first
		return -EADDRINUSE;
	}
	return descriptor;
}

int memory_file_make(const char *path, uint64_t page, uint64_t size)
{
	int descriptor, error;

	if (page != MEMORY_HUGE_PAGE && !fits_memory(size))
		return -ENOMEM;
	descriptor = make_empty(path, page);
	if (descriptor < 0)
		return descriptor;
	if (ftruncate(descriptor, (off_t)size) || fallocate(descriptor, 0, 0, (off_t)size)) {
		error = -errno;
		if (path[0])
			(void)unlink(path);
		close(descriptor);
		return error;
	}
	// Whoever shares it cannot cut it short under the workers.
	if (path[0] == '\0')
		fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return descriptor;
}

void memory_file_leave(const char *path, int descriptor, uint64_t page, uint64_t size)
{
	if (!unlink(path) || errno == ENOENT)
		return;
	if (fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)page,
		    (off_t)(size - page)))
		console("%s: stays, with all its memory: %s; remove it", path, strerror(errno));
	else
		console("%s: stays, empty, for the next start: only its owner can remove it", path);
}
