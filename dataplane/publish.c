// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The end of an event: once it is frozen, the held accumulator in shared memory is the aggregate
// share, and nothing writes there or to any slot until the event is closed.

#include "event.h"

#include <errno.h>

// A worker looks at the event's state before it stages a chunk; after the quiescence all have seen
// it. Unfinished clients stay what they are until they are aborted.
int event_freeze(struct event_table *table, uint32_t number)
{
	struct event *event = event_lookup(table, number);

	if (!event)
		return -ENOENT;
	if (event->batch)
		return -EBUSY;
	atomic_store_explicit(&event->shared->state, WEIR_SHM_EVENT_FROZEN, memory_order_release);
	event_quiesce(table);
	return 0;
}
