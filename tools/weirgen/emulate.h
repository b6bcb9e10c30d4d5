// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Clients of an announced event, who join it as real ones do: identities that a seed gives, signed
// joins posted to the leader, packet keys agreed with every aggregator. And its collector.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "client.h"
#include "identity.h"
#include "leader_calls.h"
#include "load_event.h"

struct emulation {
	const struct weir_generator_config *config;
	const _Atomic bool *interrupted;
	struct weir_client *collector; // the collecting thread's, while there is one
	_Atomic bool cancelled;        // ends its call
	char id[WEIR_CLIENT_ID_SIZE];
	struct weir_event_view view; // the verified announcement
	double join_seconds;

	pthread_t collecting;
	bool is_collecting;
	_Atomic bool has_collected; // the thread: set, when all below is written
	int collect_error;
	uint64_t collected_ns; // of the monotonic clock
	struct weir_client_aggregate aggregate;
};

// The key of client number `number`: SHA-256 of the seed and the number is its secret. NULL with errno.
struct weir_signing_key *emulate_key(const struct weir_emulated_config *config, uint32_t number);

// Writes `roster = ( ... );` with all clients, to be included by the aggregators' configs. Returns 0
// or -errno after a line.
int emulate_write_roster(const struct weir_emulated_config *config, const char *path);

// Finds the event ("latest": waits for an open one) and fills all of the event but what joining gives.
// Returns 0 or -errno after a line; emulation_close and load_event_free are due in either case.
int emulation_open(struct emulation *emulation, const struct weir_generator_config *config,
	const char *event_id, const _Atomic bool *interrupted, struct load_event *event);
void emulation_close(struct emulation *emulation);

// Joins all clients, several at a time. Returns 0 or -errno after a line.
int emulation_join(struct emulation *emulation, struct load_event *event);

// ---- emulate_collect.c

struct verdict;

// Begins to wait for the aggregate, until some time after the event's end at the latest. Returns 0 or
// -errno after a line.
int emulation_collect(struct emulation *emulation);

// A dataplane no longer answers once the event has been published: asks the leader about clients whose
// shares are all there (UPLOAD_SEALING), and notes those that are in the sum as sealed. Returns how
// many shares, or -errno after a line.
int emulation_settle(struct emulation *emulation, struct load_event *event);

// Waits for the aggregate and compares it with the true sum of those that are sealed. Returns 0 if it
// could be compared, or -errno after a line.
int emulation_verify(
	struct emulation *emulation, const struct load_event *event, struct verdict *verdict);

// ---- emulate_context.c

// A context for libweir with that key, which it owns; *cancelled ends its calls. NULL after a line.
struct weir_client *emulate_context(const struct weir_emulated_config *config,
	struct weir_signing_key *key, const _Atomic bool *cancelled);
