// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// An event with its aggregators and clients, for tests: everything is signed by keys that come from
// names, and nothing is checked (that is for the tests).
#pragma once

#include "event_machine.h"
#include "log_entry.h"

#define TEST_AGGREGATORS 3

struct test_event {
	size_t aggregator_count;
	struct weir_signing_key *aggregators[TEST_AGGREGATORS]; // [0] leads
	struct weir_event_terms terms;
	struct weir_offer offers[TEST_AGGREGATORS];
	struct weir_announcement announcement;
};

// The key that a name stands for, always the same; to be freed.
struct weir_signing_key *test_key(const char *name);

// Terms of an event with these aggregators; a test may change them before test_event_announce.
void test_event_init(struct test_event *event, size_t aggregator_count);
void test_event_announce(struct test_event *event);
void test_event_clear(struct test_event *event);

// Signs a document with a context into a malloc'd text.
struct weir_signed_text test_sign(
	const struct weir_signing_key *key, const char *context, char *text);

// A join of the client with that name; `attempt` makes another per-join key.
struct weir_join test_join(const struct test_event *event, const char *name, unsigned attempt);

// The next entry of the machine's log, empty but for index, previous hash and type.
struct weir_log_entry test_entry(
	const struct weir_event_machine *machine, enum weir_entry_type type);
// The same as ANNOUNCE, or as JOIN with all signatures.
struct weir_log_entry test_announce_entry(
	const struct weir_event_machine *machine, const struct test_event *event);
struct weir_log_entry test_join_entry(const struct weir_event_machine *machine,
	const struct test_event *event, const char *name, unsigned attempt);
// Its list of clients, ended by -1.
void test_entry_clients(struct weir_log_entry *entry, const int *clients);

// Formats the entry, parses that, applies it, clears it; what apply returned.
int test_apply(struct weir_event_machine *machine, struct weir_log_entry *entry,
	struct weir_document_error *error);
