// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What weir-control gives up, in two steps: before it opens anything but its config and key, and
// before it listens to anybody. Both return 0, or -errno after a line on the console.
#pragma once

#include "appliance_config.h"

// Makes `state` if it is missing, and becomes `user`.
int control_sandbox_user(const struct weir_appliance_config *config);

// Capabilities and system calls; nothing if the config says so.
int control_sandbox_enter(const struct weir_appliance_config *config);
