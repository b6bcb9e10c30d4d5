// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What every aggregator does for an event, its leader included: offer, accept joins, tell the
// dataplane what the log says, report what the dataplane did, publish its share.
#pragma once

#include <stdbool.h>

#include "accepted_joins.h"
#include "control_link.h"
#include "documents.h"
#include "index_list.h"
#include "receipts.h"

struct action;
struct control;
struct event;
struct event_totals;

struct participant {
	uint8_t key[32]; // X25519, of this event; wiped when it ends
	bool has_key;
	bool key_wiped; // in the store as well
	char *offer;    // text; NULL until the dataplane has opened the event
	uint8_t offer_signature[WEIR_SIGNATURE_SIZE];
	bool opened;  // at the dataplane
	bool resumed; // and it has been told everything up to entry told_until
	uint64_t told_until;
	uint32_t slots;          // reserved there, or being asked for
	char broken[256];        // why we cannot go on; "" while we can
	bool share_stored;       // written; perhaps not committed yet
	bool share_durable;      // may be served
	bool reported_published; // to the leader
	uint8_t *reported;       // [reported_capacity] by client: what the leader has been told
	size_t reported_capacity;
	struct index_list requested, complete, admitted; // to be told
	struct weir_link_client *adding; // [WEIR_LINK_ADD_MAX], gathered for one command
	uint32_t adding_count;
	struct accepted_joins accepted; // on their way into the log
	struct receipts receipts;       // owed to clients
	uint32_t committed_batch;       // the last of which the dataplane said that it holds it
	uint32_t batch_on_disk;         // the open one, if it is in its snapshot only
};

// Whether this appliance would take part in such an event: 0, or -EPERM with the reason.
int participant_policy(const struct control *control, const struct weir_event_terms *terms,
	struct weir_document_error *reason);
// A number for an event that the dataplane could open now, or 0 with the reason.
uint32_t participant_number(struct control *control, struct weir_document_error *reason);
// Opens the event at the dataplane, this start of it or the next. Then offers to the leader, or tells
// the dataplane what has happened in the event.
void participant_open(struct event *event);
// participant_resume.c. An event that had not ended when the process before this one did: takes up
// what the store has. Returns 0 or -errno.
int participant_restore(struct event *event);
// The dataplane has it open, and all that the machine says is durable: brings it to that.
void participant_resume(struct event *event);
// participant_snapshot.c, where the config says so. The dataplane holds the open batch: makes that
// durable. Returns 0, or -errno when it cannot be acknowledged.
int participant_snapshot(struct event *event);
// Whether an earlier dataplane's open batch is there.
bool participant_batch_is_on_disk(struct event *event);
// The dataplane lost the last sealed batch: gives it back, or breaks the event and returns -errno.
int participant_restore_sealed(struct event *event);
// Removes the event's snapshots that nobody needs any more; at the start, those of all that has ended.
void participant_tidy_snapshots(struct event *event);
void participant_sweep_snapshots(struct control *control);
// The leader was restarted: tells it anew all that it forgot.
void participant_repeat(struct event *event);
// Judges a client's join: 0 and the acceptance, or -EPERM with the reason.
int participant_consider(struct event *event, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_join *join,
	uint8_t acceptance[WEIR_SIGNATURE_SIZE], struct weir_document_error *reason);

// Acts on an entry that is durable. flush ends a series of them.
void participant_act(struct event *event, const struct action *action);
void participant_flush(struct event *event);
// Gathers a client for CLIENT_ADD; flush sends it.
void participant_add_client(struct event *event, uint32_t index, const struct weir_join *join);
// Sends the commands of an open batch and of the freeze.
void participant_commit(struct event *event, uint32_t batch, const uint32_t *clients, size_t count,
	const struct event_totals *after);
void participant_freeze(struct event *event);
// What a command came to, as they have it in common: what is refused breaks the event.
void participant_command_done(
	struct event *event, const char *command, int status, uint32_t detail);

// What the dataplane says.
void participant_doorbell(struct event *event, const uint32_t *clients, uint32_t count);
void participant_scan(struct event *event);
void participant_committed(struct event *event, uint32_t batch, int status);
// Tells the leader what the dataplane said.
void participant_step(struct event *event);

// We cannot go on with this event: says so to the leader, which fails it. The first reason counts.
void participant_break(struct event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// The event has ended: wipes its key and closes it at the dataplane.
void participant_end(struct event *event);
// The key that the store has: when the event ends, or soon after the share has become durable.
void participant_wipe_stored_key(struct event *event);
// Frees what only a running event needs; clear frees and wipes everything.
void participant_forget(struct participant *participant);
void participant_clear(struct participant *participant);

// publish.c: once the dataplane is frozen, writes the share; once that is durable, lets it go.
void publish_share(struct event *event);
void publish_durable(struct event *event);
// Tells the leader, once the receipts that are owed have gone before it.
void publish_report(struct event *event);
