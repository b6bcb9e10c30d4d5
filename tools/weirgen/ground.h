// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a run stands on: DPDK and the ports, and the Ethernet addresses of those it sends to.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "load_event.h"
#include "port.h"

struct ground {
	unsigned port_count;
	struct port ports[WEIR_PORTS_MAX];
};

// Returns 0, or -errno after a line. To be closed in either case; zeroed before.
int ground_open(struct ground *ground, const struct weir_generator_config *config);
// Stops the ports, so that nothing but us holds an mbuf of ours. DPDK itself is left to the process's
// end, which is near: its interrupt thread may still be busy with a peer of memif that has gone, in
// memory that rte_eal_cleanup would unmap. No file is left by that (dataplane/eal.h).
void ground_close(struct ground *ground);

// Waits for the links, and asks by ARP for each aggregator's address that is not known. Workers must
// not run yet. Returns 0, or -errno after a line.
int ground_resolve(struct ground *ground, struct load_event *event, uint32_t timeout_ms,
	const _Atomic bool *interrupted);
