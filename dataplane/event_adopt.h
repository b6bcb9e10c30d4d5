// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Events that the memory held when this process found it: a dataplane before it was killed or stopped.
// They wait, unknown to the workers, until the control process opens them again with the same
// parameters, and then go on with every client and chunk and the accumulators as they were.
//
// What is read is taken for what anybody might have written. Only an event's place in the arena, its
// parameters and the states of clients and batches come from there, and all of it is checked: where it
// is not what a dataplane leaves behind at any moment, the event is given up and wiped. Keys are not in
// the memory. Until a client is added again nothing of it is answered or staged.
#pragma once

#include "event.h"

struct event_layout;

struct found_event {
	uint32_t number; // 0: none
	uint64_t arena_offset, arena_length;
};

// Fills table->found from the memory's entries, and wipes whatever no event there owns. Nothing else has
// been taken from the arena yet. Returns how many events there are, or -ENOMEM.
int event_find_kept(struct event_table *table);

// Opens the event of the request as it was found. Returns 0; -ENOENT if the request's entry is free,
// perhaps only now because another event, or a damaged one, was wiped from it; -EEXIST if it was found
// with other parameters; -ENOSPC.
int event_adopt(struct event_table *table, const struct weir_link_event_open *request,
	const struct event_layout *layout);

// Wipes the event if it has been found and not been opened.
void event_forget_found(struct event_table *table, uint32_t number);
