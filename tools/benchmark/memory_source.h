// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Receive, from memory: in a program that links this it takes the place of the dataplane's receive
// stage. A burst is the next frames of the worker's store, in mbufs of the port's pool that point to
// them, as from a driver that copies nothing. A frame whose client holds no slot yet waits, and so
// do all behind it.
#pragma once

#include "event.h"
#include "packet_store.h"
#include "port.h"

struct memory_source {
	struct packet_store store;
	uint32_t *clients; // [store.count]: whose frame it is
	const struct event *event;
	uint64_t next;  // frame to be received
	uint64_t waits; // turns that found none
} __rte_cache_aligned;

// By worker; set before the workers run.
extern struct memory_source *memory_sources;

// Takes over the store and writes Ethernet, IPv4 and UDP headers for the port before its datagrams.
// Returns 0 or -ENOMEM.
int memory_source_init(struct memory_source *source, const struct packet_store *store,
	const struct port *port, uint16_t udp_port);
void memory_source_free(struct memory_source *source);
