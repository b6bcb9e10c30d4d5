// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What only the leader of an event does: it gathers what the aggregators report, its own participant
// like any other, and appends to the log what follows from it. What it appends is decided in one
// place, leader_step, once a turn of the event loop.
#pragma once

#include <stdbool.h>

#include "documents.h"
#include "index_list.h"
#include "key_table.h"
#include "timers.h"
#include "wait_list.h"

struct event;
struct event_book;
struct weir_event_machine;

// A client as only the leader knows it.
struct leader_client {
	uint16_t complete; // bit i: aggregator i has every chunk
	uint16_t received; // bit i: its receipt is here
	uint16_t admitted; // bit i: aggregator i said that the slot is there (events with fec)
	bool asked;        // for a slot, somewhere
	uint64_t admitted_ms;
	struct wait_list waiters;
	uint8_t receipts[][WEIR_SIGNATURE_SIZE]; // [aggregators]
};

// A join that waits for the aggregators' acceptances.
struct pending_join {
	struct pending_join *next, *previous; // by sequence
	uint64_t sequence;
	struct weir_join join;
	char *text;
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	struct wait_list waiters;
	uint16_t accepted;                          // bit i: by aggregator i
	uint8_t acceptances[][WEIR_SIGNATURE_SIZE]; // [aggregators]
};

struct refused_join {
	struct weir_digest digest;
	char reason[256];
};

struct reported_receipt {
	uint32_t client;
	bool verified;
	uint8_t signature[WEIR_SIGNATURE_SIZE];
};

struct admission {
	uint32_t client;
	uint64_t admitted_ms;
};

struct leader {
	char *offers[WEIR_AGGREGATORS_MAX];
	uint8_t offer_signatures[WEIR_AGGREGATORS_MAX][WEIR_SIGNATURE_SIZE];
	uint16_t offered;           // bit i
	struct key_table pending;   // identity -> struct pending_join
	struct key_table by_digest; // join digest -> the same
	struct key_table refused;   // identity -> struct refused_join, the latest
	struct pending_join *pending_first, *pending_last;
	uint64_t join_sequence;
	struct wait_list join_waiters;  // aggregators that wait for joins to judge
	struct leader_client **clients; // [client_capacity], by index, NULL beyond the log
	size_t client_capacity;
	struct index_list asking;     // in the order they asked
	struct admission *admissions; // in order; [admission_first .. admission_count)
	size_t admission_first, admission_count, admission_capacity;
	struct index_list ready; // complete everywhere, in no batch
	uint64_t ready_since_ms;
	uint64_t patience_ms; // until then, others are given time to tell again what a restart lost
	uint16_t acknowledged;                // of the open batch
	bool lost;                            // the open batch, somewhere
	struct receipt_check *receipt_checks; // in the order in which they came
	uint16_t published;
	char failure[256]; // why the event must fail; "" if it need not
	struct timer timer;
};

// Returns NULL if out of memory.
struct leader *leader_new(struct event *event);
void leader_free(struct event *event);
// Takes up what the log and the store know, in a new process. What the aggregators had reported beyond
// that they report again. Returns 0 or -errno.
int leader_restore(struct event *event);

// Drafts an event of those terms. Returns 0 and the event; -EPERM our own policy refuses; -EEXIST the
// (job, round) was used; -EAGAIN no dataplane; -EIO. Anything but 0 comes with the reason.
struct control;
int leader_draft(struct control *control, const struct weir_event_terms *terms,
	struct event **event, struct weir_document_error *reason);

// Reports of aggregator number a. Repeating one changes nothing; what makes no sense (any more) is
// ignored unless it says otherwise.
int leader_offer(struct event *event, size_t a, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_document_error *reason);
void leader_refusal(struct event *event, size_t a, const char *reason);
void leader_completions(struct event *event, size_t a, const uint32_t *requested,
	size_t requested_count, const uint32_t *complete, size_t complete_count);
void leader_admitted(struct event *event, size_t a, const uint32_t *clients, size_t count);
void leader_batch(struct event *event, size_t a, uint32_t batch, bool lost);
void leader_receipt(struct event *event, size_t a, uint32_t batch, uint32_t client,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);
// leader_receipts.c: what another aggregator reports is verified first, in turns to come; the leader's
// own need not be. Returns 0; -EBUSY if too many of that aggregator's wait; or -ENOMEM.
int leader_receipts(struct event *event, size_t a, uint32_t batch,
	const struct reported_receipt *receipts, size_t count);
void leader_receipts_work(struct event *event);
void leader_receipts_clear(struct leader *leader);
void leader_published(struct event *event, size_t a, const struct weir_digest *set);

// leader_joins.c. A new join whose own acceptance is there already; NULL if out of memory.
struct pending_join *leader_join(struct event *event, const struct weir_join *join,
	const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE],
	const uint8_t acceptance[WEIR_SIGNATURE_SIZE]);
struct pending_join *leader_pending(
	const struct event *event, const struct weir_identity *identity);
// Why that very join was refused, or NULL.
const char *leader_refused(const struct event *event, const struct weir_join *join);
void leader_acceptance(struct event *event, size_t a, const struct weir_digest *join,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);
void leader_join_refusal(
	struct event *event, size_t a, const struct weir_digest *join, const char *reason);
// Appends JOIN for every join that all have accepted.
void leader_log_joins(struct event *event);
void leader_joins_clear(struct event *event);

// Why the event fails, in the next step. The first reason counts.
void leader_fail(struct event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// Puts a joined client among those that wait for a slot, if it is not there yet.
void leader_ask(struct event *event, uint32_t client);
// Whether every aggregator holds a slot for it, or it is further than that.
bool leader_is_admitted(struct event *event, uint32_t client);
// The leader's record of a client of the log, made when first asked for; NULL if out of memory.
struct leader_client *leader_client(struct event *event, uint32_t client);
// leader_step.c: the clients have been admitted now. Returns 0 or -ENOMEM.
int leader_note_admissions(struct event *event, const uint32_t *clients, size_t count);
void leader_step(struct event *event);
// After the commit: wakes those whom the entry concerns.
struct action;
void leader_act(struct event *event, const struct action *action);
