// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The process: everything that weir-dataplane is made of, started and stopped in order.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <rte_ring.h>

#include "appliance_config.h"
#include "event.h"
#include "link_server.h"
#include "port.h"
#include "static_leader.h"
#include "worker.h"

struct dataplane {
	const struct weir_dataplane_config *config;
	const char *user; // whom the process becomes; ""
	bool sandbox;
	_Atomic bool *stop; // set by a signal or by dataplane_stop

	bool hugepages;            // EAL's memory
	struct event_table events; // the control thread's; workers look events up
	struct rte_ring *doorbells;
	int doorbell_descriptor;
	struct port ports[WEIR_PORTS_MAX];
	struct worker workers[WEIR_WORKERS_MAX];
	unsigned workers_launched;
	struct static_leader *static_leader; // the control thread's
	struct link_server *server;          // the control thread's
};

// Runs the table of init steps. Returns 0, or -errno after a line on the console, with every step
// that was taken undone. Call it on the main thread.
int dataplane_start(struct dataplane *dataplane);

// Serves the control link until *stop.
void dataplane_run(struct dataplane *dataplane);

// Undoes the steps, last one first.
void dataplane_stop(struct dataplane *dataplane);
