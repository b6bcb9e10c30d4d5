// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Makes the memory that shared_memory.h describes, and the event table over it.
#pragma once

#include "appliance_config.h"
#include "event.h"

// Fills *table: a memory file with header, counters of `workers` workers, event table and arena, all
// of it allocated now, so that nothing can run out later; the quiescence object, in which worker i
// registers itself as reader i; cipher and kernels. Needs no EAL. Returns 0 or -errno, *table then
// zeroed, after one line to people.
int event_table_create(
	struct event_table *table, const struct weir_dataplane_config *config, unsigned workers);

// Closes all events and frees everything; the workers must have stopped. A zeroed table is allowed.
void event_table_destroy(struct event_table *table);
