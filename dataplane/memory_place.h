// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Where the shared memory may be, by the settings memory, hugepages, socket and file_prefix.
#pragma once

#include <stdint.h>

#include "appliance_config.h"

#define MEMORY_PAGE      UINT64_C(4096)
#define MEMORY_HUGE_PAGE (UINT64_C(2) << 20)
#define MEMORY_PLACES    4

struct memory_place {
	char path[WEIR_PATH_MAX + 128]; // of the file; "" for memory without a name
	uint64_t page;                  // bytes
};

// Fills places, the best first, and returns how many there are. A file's name is this appliance's alone and
// the same at each start. Returns -errno after one line to people if the settings contradict each other or
// the folder is not in memory.
int memory_places(
	const struct weir_dataplane_config *config, struct memory_place places[MEMORY_PLACES]);
