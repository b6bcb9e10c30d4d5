// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inside config/: reads a static event's group, in whichever file it stands.
#pragma once

#include "setting_reader.h"
#include "static_event.h"

// Returns 0, -EINVAL or -ENOMEM with the message in the file's error.
int read_static_event(struct config_file *file, const config_setting_t *group,
	struct weir_static_event_config *event);
