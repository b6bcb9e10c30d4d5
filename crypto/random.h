// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Secret bytes from the operating system's CSPRNG, and wiping them.
#pragma once

#include <stddef.h>

// Returns 0, or -EIO with the buffer zeroed.
int weir_random_bytes(void *bytes, size_t length);

// Zeroes memory in a way the compiler keeps. NULL with length 0 is allowed.
void weir_wipe(void *bytes, size_t length);
