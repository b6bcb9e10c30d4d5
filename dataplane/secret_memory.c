// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "secret_memory.h"

#include <sys/mman.h>

#include "random.h"

void *secret_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	// Both are best effort: without them everything still works.
	madvise(memory, size, MADV_DONTDUMP);
	mlock(memory, size);
	return memory;
}

void secret_free(void *memory, size_t size)
{
	if (!memory)
		return;
	weir_wipe(memory, size);
	munmap(memory, size);
}
