// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Integrity checks of files by Intel ISA-L. Not authentication: signatures are.
#pragma once

#include <stddef.h>
#include <stdint.h>

// CRC-32C (Castagnoli, RFC 3720 section 12.1) of the bytes, continuing from crc (0 to start).
uint32_t weir_crc32c(uint32_t crc, const void *bytes, size_t length);
