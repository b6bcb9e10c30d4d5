// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a static event ends with: its aggregate share in a file, and its digest on the console.
#pragma once

#include "event.h"
#include "static_event.h"

// The event is frozen. Writes config->output, if there is one, as a NumPy array (format version 1.0
// of numpy.lib.format) beside itself first, so that nobody sees a part; says on the console how many
// clients are in it and the SHA-256 of its elements. A file that cannot be written is said there too.
void static_output(const struct weir_static_event_config *config, const struct event_table *events,
	const struct event *event);
