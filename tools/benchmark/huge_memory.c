// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "huge_memory.h"

#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t whole_pages(size_t size)
{
	return (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

void *huge_memory_new(size_t size, bool *huge)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *memory = mmap(NULL, whole_pages(size), PROT_READ | PROT_WRITE,
		flags | MAP_HUGETLB | MAP_POPULATE, -1, 0);

	*huge = memory != MAP_FAILED;
	if (*huge)
		return memory;
	memory = mmap(NULL, whole_pages(size), PROT_READ | PROT_WRITE, flags, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	// Either is advice: without transparent huge pages there are small ones.
	(void)madvise(memory, whole_pages(size), MADV_HUGEPAGE);
	(void)madvise(memory, whole_pages(size), MADV_POPULATE_WRITE);
	return memory;
}

void huge_memory_free(void *memory, size_t size)
{
	if (memory)
		munmap(memory, whole_pages(size));
}
