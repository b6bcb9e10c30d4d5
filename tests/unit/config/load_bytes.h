// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The loaders as functions of bytes: what the tests and a fuzzer call.
#pragma once

#include <stddef.h>

#include "config_error.h"

enum config_kind { CONFIG_APPLIANCE, CONFIG_JOB, CONFIG_CLIENT, CONFIG_KINDS };

// Writes the bytes to the path, loads it as that kind and frees the result. Returns 0 or the
// loader's -errno with its message in error. Includes are looked for in the path's folder.
int config_load_bytes(enum config_kind kind, const char *path, const void *bytes, size_t length,
	struct weir_config_error *error);
