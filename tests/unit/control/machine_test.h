// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A machine to be told stories: entries as they are right in its present state, and whether it takes
// them.
#pragma once

#include "control_test.h"

extern struct test_event event; // 2 aggregators, 4 slots, at most 6 clients, weights to 5
extern struct weir_event_machine machine;
extern struct weir_document_error error;

void machine_set_up(void);
void machine_tear_down(void);

// The machine must take the entry, or refuse it and be the same byte by byte. Clears it.
void accepted(struct weir_log_entry entry);
void refused(struct weir_log_entry entry);

struct weir_log_entry announce(void);
struct weir_log_entry join(const char *name, unsigned attempt);
struct weir_log_entry with_clients(enum weir_entry_type type, const int *clients);
struct weir_log_entry commit(uint32_t batch, const int *clients);
struct weir_log_entry batch_entry(enum weir_entry_type type, uint32_t batch);
struct weir_log_entry freeze(void);
struct weir_log_entry published(void);
struct weir_log_entry failed(const char *reason);

// Lists of clients.
#define LIST(...)                                                                                  \
	(const int[])                                                                              \
	{                                                                                          \
		__VA_ARGS__, -1                                                                    \
	}
#define ADMIT(...)      with_clients(WEIR_ENTRY_ADMIT, LIST(__VA_ARGS__))
#define ABORT(...)      with_clients(WEIR_ENTRY_ABORT, LIST(__VA_ARGS__))
#define ROLLBACK(batch) batch_entry(WEIR_ENTRY_ROLLBACK, batch)
#define SEALED(batch)   batch_entry(WEIR_ENTRY_SEALED, batch)

// Accepted, all of them: ANNOUNCE and joins of alice, bob, carol, dave, erin, frank; COMMIT and SEALED.
void announce_and_join(int count);
void seal(uint32_t batch, const int *clients);
