// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A run: everything started, watched, stopped and verified.
#pragma once

#include <stdatomic.h>

#include "generator_config.h"
#include "options.h"

// Returns an exit code. *interrupted: set by a signal; the run then ends with what there is.
int generator_run(const struct weir_generator_config *config, const struct options *options,
	_Atomic bool *interrupted);
