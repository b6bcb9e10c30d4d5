// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The dataplane's end of the control link over the rig's event table, for a control process beside it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Listens at path; the rig has room for a few small events.
void link_rig_open(const char *path);
// One turn of control thread and worker. False: there was nothing to do.
bool link_rig_turn(void);
// Makes a client's state what packets would make it: requested, or complete if it is admitted.
void link_rig_client(uint32_t event, uint32_t client, bool complete);
// How many events are open.
unsigned link_rig_events(void);
