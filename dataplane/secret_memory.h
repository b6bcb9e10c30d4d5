// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Pages for keys: of their own, left out of core dumps, and locked into memory as far as the
// process's limit allows (systemd: LimitMEMLOCK=infinity).
#pragma once

#include <stddef.h>

// Zeroed, page-aligned. NULL with errno ENOMEM.
void *secret_alloc(size_t size);

// Wipes and unmaps; NULL is allowed.
void secret_free(void *memory, size_t size);
