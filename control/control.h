// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The one context of the process, and what everybody asks of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance_config.h"
#include "dataplane_link.h"
#include "event_book.h"
#include "event_timing.h"
#include "http_client.h"
#include "http_server.h"
#include "log_store.h"
#include "roster.h"
#include "timers.h"

struct peer_watch;

struct control {
	const struct weir_appliance_config *config;
	struct weir_signing_key *key;
	struct weir_identity identity;
	struct weir_identity *operators; // [operator_count], besides ourselves
	size_t operator_count;
	struct peer *peers; // [peer_count]
	size_t peer_count;
	struct weir_store *store;
	struct timers timers;
	struct roster roster;
	struct event_book book;
	struct dataplane_link *link;
	struct http_client *client;
	struct http_server *server;
	struct peer_watch *watches; // [peer_count]
	struct timer scan;          // once a second: doorbells may be lost
	int signals;                // signalfd
	bool dirty;                 // the store has writes that are not committed
	bool restless;              // something is to be done before anything is waited for
	bool stopping;
	int failure;                       // why it stops, if by an error
	char instance[WEIR_INSTANCE_SIZE]; // random, of this start
	uint64_t turns, commits;           // figures for /metrics
	uint64_t commits_us;               // spent in them
	struct store_sync sync;            // the last of them
};

// Brings everything up, in order, and down again in reverse. NULL with a line logged.
struct control *control_open(
	const struct weir_appliance_config *config, struct weir_signing_key *key);
void control_close(struct control *control);

// The event loop: until SIGTERM or SIGINT (0), or until the store fails (-EIO).
int control_run(struct control *control);

// Says that the store was written to: the turn ends with a commit.
static inline void control_dirty(struct control *control)
{
	control->dirty = control->restless = true;
}

// The configured peer of that identity, or NULL.
struct peer *control_peer(const struct control *control, const struct weir_identity *identity);
bool control_is_operator(const struct control *control, const struct weir_identity *identity);
// What to call an aggregator in a message: its name in the config, "this appliance", or its identity's
// first digits, written into buffer.
const char *control_name(const struct control *control, const struct weir_identity *identity,
	char *buffer, size_t size);
