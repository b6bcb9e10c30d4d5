// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The file that the shared memory is. One with a name outlives the process: a dataplane finds it again at
// its next start. The process that uses it has it locked (flock); it is for its user alone.
#pragma once

#include <stdint.h>

#include "shared_memory.h"

// Opens and locks the file if it is one of the layout. Returns its descriptor; -ENOENT if there is none, or
// was one of which nothing is worth keeping, which is removed with a line to people; another -errno after
// one line to people if somebody has to decide: it is in use, somebody else's, not Weir's, of another
// version, or holds events under other settings. The file is not touched then.
int memory_file_find(const char *path, const struct weir_shm_header *layout);

// Makes a file of that many bytes, all of them there (so memory that is promised now cannot fail later) and
// zero, and locks it. path "" makes one without a name, of which nobody can change the size. Returns its
// descriptor or -errno; no file is left behind then.
int memory_file_make(const char *path, uint64_t page, uint64_t size);

// Removes a file in which nothing is worth keeping. Who became another user may not: then all behind its
// first page is given back, with a line to people, and the next dataplane finds it as one without events.
// Its size stays, for others have it mapped.
void memory_file_leave(const char *path, int descriptor, uint64_t page, uint64_t size);
