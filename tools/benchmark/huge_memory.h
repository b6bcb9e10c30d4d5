// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Large zeroed buffers of the benchmarks, in huge pages where there are any.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Reserved 2 MiB pages, else transparent ones, else ordinary ones; every page is there already, so
// that no measurement waits for one. huge says whether it lies in reserved ones. NULL: errno.
void *huge_memory_new(size_t size, bool *huge);

// NULL is allowed.
void huge_memory_free(void *memory, size_t size);
