// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// An event table with one worker, without EAL: for the harnesses of frames and of the control link.
#pragma once

#include "event.h"
#include "worker.h"

#define RIG_EVENTS 4

struct dataplane_rig {
	struct event_table table;
	struct worker worker;
	struct rte_ring *doorbells; // of what is recovered; whoever has it recovered empties it
};

extern struct dataplane_rig rig; // one a process

void rig_make(uint64_t arena_bytes, uint32_t max_clients);
// Closes every event, whatever its state; the memory must be free again.
void rig_close_events(void);
