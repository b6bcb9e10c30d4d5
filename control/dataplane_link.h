// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The control process's end of the control link: connects with retry, takes the shared memory over,
// sends commands in order and hands their results back.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "control_link.h"
#include "dataplane_memory.h"
#include "timers.h"

struct dataplane_link;

struct dataplane_link_handlers {
	void *context;
	void (*up)(void *context); // connected, memory mapped
	void (*down)(void *context, const char *reason);
	// Clients whose state changed; count 0: look everywhere.
	void (*doorbell)(
		void *context, uint32_t number, const uint32_t *clients, uint32_t client_count);
	void (*committed)(void *context, uint32_t number, uint32_t batch, int status);
};

// What a command came to: 0 or a negative errno, -ENOTCONN if the link broke before the answer.
typedef void dataplane_link_done(void *context, int status, uint32_t detail);

struct dataplane_link *dataplane_link_open(const char *socket_path, struct timers *timers,
	const struct dataplane_link_handlers *handlers);
// Calls no handler any more.
void dataplane_link_close(struct dataplane_link *link);

// For the event loop: descriptor (-1: none now) and poll events wanted.
int dataplane_link_descriptor(const struct dataplane_link *link, short *events);
// Reads and writes what it can without waiting.
void dataplane_link_run(struct dataplane_link *link);

// The memory; its header is NULL while the link is down.
const struct dataplane_memory *dataplane_link_memory(const struct dataplane_link *link);

// Whether a command with that context has not come to anything yet: the context must stay.
bool dataplane_link_awaits(const struct dataplane_link *link, const void *context);

// Commands. Each copies what it is given; done (NULL: a failure is only logged) is called from
// dataplane_link_run, or at once with -ENOTCONN or -ENOMEM.
void dataplane_link_event_open(struct dataplane_link *link, struct weir_link_event_open *open,
	dataplane_link_done *done, void *context);
void dataplane_link_client_add(struct dataplane_link *link, uint32_t number,
	const struct weir_link_client *clients, uint32_t count, dataplane_link_done *done,
	void *context);
// type: CLIENT_ADMIT or CLIENT_ABORT. Lists longer than a message are sent as several.
void dataplane_link_clients(struct dataplane_link *link, enum weir_link_type type, uint32_t number,
	const uint32_t *clients, size_t count, dataplane_link_done *done, void *context);
void dataplane_link_commit(struct dataplane_link *link, struct weir_link_commit *commit,
	const uint32_t *clients, dataplane_link_done *done, void *context);
// descriptor is of the file, and taken over.
void dataplane_link_restore(struct dataplane_link *link, struct weir_link_restore *restore,
	int descriptor, dataplane_link_done *done, void *context);
// type: ROLLBACK, SEAL, FREEZE or EVENT_CLOSE.
void dataplane_link_batch(struct dataplane_link *link, enum weir_link_type type, uint32_t number,
	uint32_t batch, dataplane_link_done *done, void *context);
