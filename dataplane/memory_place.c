// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "memory_place.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "console.h"
#include "digest.h"

#define TMPFS "/dev/shm"

// The pages of a folder in memory, in bytes; -errno, -ENOTSUP if it is not in memory.
static int64_t page_of(const char *folder)
{
	struct statfs status;

	if (statfs(folder, &status))
		return -errno;
	if (status.f_type == HUGETLBFS_MAGIC)
		return status.f_bsize;
	return status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC ? (int64_t)MEMORY_PAGE
									    : -ENOTSUP;
}

// file_prefix is unique among DPDK's processes, which need not be all that is said to be unique; the
// control socket has one listener.
static void name_file(const struct weir_dataplane_config *config, const char *folder, uint64_t page,
	struct memory_place *place)
{
	struct weir_digest digest;

	(void)weir_sha256(config->socket, strlen(config->socket), &digest);
	snprintf(place->path, sizeof(place->path), "%s/%s.memory-%02x%02x%02x%02x", folder,
		config->file_prefix, digest.bytes[0], digest.bytes[1], digest.bytes[2],
		digest.bytes[3]);
	place->page = page;
}

// Finds a mounted hugetlbfs of 2 MiB pages that we may write to.
static bool find_hugetlbfs(char *folder, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char text[WEIR_PATH_MAX + 512];
	struct mntent mount;
	bool found = false;

	while (mounts && !found && getmntent_r(mounts, &mount, text, sizeof(text)))
		found = strcmp(mount.mnt_type, "hugetlbfs") == 0 && strlen(mount.mnt_dir) < size &&
			page_of(mount.mnt_dir) == (int64_t)MEMORY_HUGE_PAGE &&
			access(mount.mnt_dir, W_OK) == 0;
	if (found)
		strcpy(folder, mount.mnt_dir);
	if (mounts)
		endmntent(mounts);
	return found;
}

static int choose(const struct weir_dataplane_config *config, struct memory_place *places)
{
	char folder[WEIR_PATH_MAX];
	int n = 0;

	if (config->hugepages != WEIR_HUGEPAGES_OFF) {
		if (find_hugetlbfs(folder, sizeof(folder)))
			name_file(config, folder, MEMORY_HUGE_PAGE, &places[n++]);
		else
			places[n++] = (struct memory_place){.page = MEMORY_HUGE_PAGE};
	}
	if (config->hugepages == WEIR_HUGEPAGES_ON)
		return n;
	if (page_of(TMPFS) == (int64_t)MEMORY_PAGE && access(TMPFS, W_OK) == 0)
		name_file(config, TMPFS, MEMORY_PAGE, &places[n++]);
	places[n++] = (struct memory_place){.page = MEMORY_PAGE};
	return n;
}

static int use_folder(const struct weir_dataplane_config *config, struct memory_place *places)
{
	int64_t page = page_of(config->memory);
	bool huge = page == (int64_t)MEMORY_HUGE_PAGE;

	if (page == -ENOTSUP) {
		console("%s: is no tmpfs or hugetlbfs, and clients' shares must not reach a disk; "
			"name another folder in dataplane.memory",
			config->memory);
		return -ENOTSUP;
	}
	if (page < 0) {
		console("%s: %s; see dataplane.memory in the config", config->memory,
			strerror((int)-page));
		return (int)page;
	}
	if ((!huge && page != (int64_t)MEMORY_PAGE) ||
		(huge && config->hugepages == WEIR_HUGEPAGES_OFF) ||
		(!huge && config->hugepages == WEIR_HUGEPAGES_ON)) {
		console("%s: has pages of %lld bytes, which dataplane.hugepages = \"%s\" does not "
			"want; name another folder in dataplane.memory",
			config->memory, (long long)page,
			config->hugepages == WEIR_HUGEPAGES_ON ? "on"
			: huge                                 ? "off"
							       : "auto");
		return -EINVAL;
	}
	name_file(config, config->memory, (uint64_t)page, &places[0]);
	return 1;
}

static int use_process(const struct weir_dataplane_config *config, struct memory_place *places)
{
	int n = 0;

	if (config->hugepages != WEIR_HUGEPAGES_OFF)
		places[n++] = (struct memory_place){.page = MEMORY_HUGE_PAGE};
	if (config->hugepages != WEIR_HUGEPAGES_ON)
		places[n++] = (struct memory_place){.page = MEMORY_PAGE};
	return n;
}

int memory_places(
	const struct weir_dataplane_config *config, struct memory_place places[MEMORY_PLACES])
{
	if (config->memory[0] == '\0' || strcmp(config->memory, "none") == 0)
		return use_process(config, places);
	if (strcmp(config->memory, "auto") == 0)
		return choose(config, places);
	return use_folder(config, places);
}
