// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every SHARE of every client, made before the clock starts. A frame is sent by reference: the driver
// gives its reference back, and the frame stays.
#pragma once

#include "load_event.h"
#include "port.h"

struct prebuilt {
	struct rte_mempool *pool;
	struct rte_mbuf **frames; // [units][chunks]
};

// The aggregators' MACs are known. Returns 0, or -errno after a line; to be freed in either case.
int prebuilt_make(
	struct prebuilt *prebuilt, const struct load_event *event, const struct port *ports);
void prebuilt_free(struct prebuilt *prebuilt); // zeroed is allowed

// A reference more to the frame, for the driver.
static inline struct rte_mbuf *prebuilt_frame(const struct prebuilt *prebuilt,
	const struct load_event *event, uint32_t unit, uint32_t chunk)
{
	struct rte_mbuf *frame = prebuilt->frames[(uint64_t)unit * event->chunk_count + chunk];

	rte_mbuf_refcnt_update(frame, 1);
	return frame;
}
