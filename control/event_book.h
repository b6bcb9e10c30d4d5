// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The events this appliance leads or takes part in, and how entries of their logs get in: verified,
// applied to the event machine, written to the store; acted on only once that is durable.
#pragma once

#include "event_machine.h"
#include "event_timing.h"
#include "key_table.h"
#include "leader.h"
#include "log_store.h"
#include "participant.h"
#include "wait_list.h"

struct control;
struct follower;

// What the accumulator holds once the open batch is in it.
struct event_totals {
	uint64_t count, weight;
	struct weir_digest set_digest;
};

// What waits to be acted on after the turn's commit: an entry that has been applied, or if its type
// is 0, what resume says. ROLLBACK and SEALED carry the clients of their batch.
struct action {
	struct action *next;
	struct weir_log_entry entry;
	bool resume; // the dataplane has the event open; false: our aggregate share has been written
	struct event_totals after; // COMMIT
};

struct event {
	struct control *control;
	struct event *next; // in the book, newest first
	struct event *next_stirred, *next_acting, *next_working, *next_loading;
	bool stirred, working;
	struct weir_digest digest;
	char id[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	char *text;
	struct weir_event_terms terms;
	size_t self;       // our place among the aggregators; 0: we lead
	uint32_t number;   // in packet headers, at this aggregator
	uint64_t sequence; // of the last change of state
	uint64_t used;     // when somebody last asked for it, in the book's count
	size_t requests;   // that are of it and not answered: it stays in memory
	enum weir_event_state state;
	char reason[WEIR_REASON_SIZE]; // of FAILED
	bool loaded;                   // the machine is whole: always so but for recalled events
	bool loading, unreadable;      // its log is being read; cannot be
	struct weir_event_machine machine;
	struct action *actions, **last_action;
	char announced_by[WEIR_HEX_SIZE(
		WEIR_SIGNATURE_SIZE)];  // signature of the request, for repeats
	struct wait_list log_waiters;   // for more of the log
	struct wait_list share_waiters; // for our aggregate share, or the end
	struct wait_list load_waiters;  // for the machine of a recalled event
	struct event_timing timing;     // of this process's run
	struct participant participant;
	struct leader *leader;     // if we lead it
	struct follower *follower; // if another leads it and it has not ended
};

// Memory has every event that has not ended, and of those that have the few that were used last; the
// store has all.
struct event_book {
	struct event *first;         // in memory
	struct event *stirred;       // to be looked at before the commit
	struct event *acting;        // have actions for after it
	struct event *working;       // have work that can wait
	struct event *loading;       // their logs are read, one after the other
	struct key_table by_digest;  // those in memory
	struct key_table collectors; // of any event that was announced
	uint64_t sequence;           // of the newest change of any event
	uint64_t durable;            // changes until then are
	uint64_t uses;
	size_t forgotten[WEIR_EVENT_FAILED + 1]; // by state: how many only the store has
	uint64_t forgotten_until;                // the newest change of any that was ever forgotten
	struct wait_list change_waiters;
};

int event_book_init(struct control *control);
void event_book_clear(struct control *control);
// Reads what the store knows. Events that had not ended go on from there.
int event_book_restore(struct control *control);

// Any event, from the store if need be. Returns 0; or -ENOENT, -EIO or -ENOMEM, with *event NULL. Events
// that have ended and nobody holds may leave memory.
int event_find(struct control *control, const struct weir_digest *digest, struct event **event);
// Only if it has not ended.
struct event *event_running(const struct control *control, const struct weir_digest *digest);
// The terms of one that the store has: 0, or -EIO with a line logged.
int event_terms_stored(const struct weir_stored_event *stored, struct weir_event_terms *terms);
// Once announced, the event's collectors may list events. Returns 0 or -ENOMEM.
int event_book_note_collectors(struct control *control, const struct weir_event_terms *terms);
// Whether the identity may fetch the result of any event that was announced.
bool event_book_has_collector(const struct control *control, const struct weir_identity *identity);
// How many are in that state.
size_t event_book_count(const struct control *control, enum weir_event_state state);
// An event that is new here, with its number; terms and digest as parsed from the text. NULL with errno
// EEXIST if it or its (leader, job, round) was ever used here, else ENOMEM or EIO.
struct event *event_new(struct control *control, const char *text,
	const struct weir_event_terms *terms, const struct weir_digest *digest, uint32_t number);

static inline bool event_leads(const struct event *event)
{
	return event->self == 0;
}
static inline bool event_ended(const struct event *event)
{
	return event->state == WEIR_EVENT_PUBLISHED || event->state == WEIR_EVENT_FAILED;
}
// Has the recalled event's log read, a little in each turn, whatever its size; then the load waiters are
// woken, and it is loaded or unreadable.
void event_load(struct event *event);
// The place of that identity among the event's aggregators, or -1.
int event_aggregator(const struct event *event, const struct weir_identity *identity);
bool event_has_collector(const struct event *event, const struct weir_identity *identity);

// Leader: completes (index, chain), signs, applies and stores an entry of its own making, which is
// consumed. Returns 0 or -errno, with a line logged.
int event_append(struct event *event, struct weir_log_entry *entry);
// Helper: verifies, applies and stores an entry from the leader. 0 also if it is one that we have.
// -ESTALE: it differs from the one we have, a fork. Anything but 0 comes with a sentence.
int event_follow(struct event *event, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_document_error *error);

// Helper: the leader's log cannot be followed any further. Says so, and ends its part here.
void event_abandon(struct event *event, const char *reason);

// Our aggregate share is in the store: acts on it once that is durable. Returns 0 or -ENOMEM.
int event_share_written(struct event *event);
// The dataplane has opened the event: tells it what has happened, once all of that is durable. Returns
// 0 or -ENOMEM.
int event_reopened(struct event *event);
void event_open_totals(const struct weir_event_machine *machine, struct event_totals *totals);

// Something has changed that its leader or participant must look at before the turn's commit.
void event_stir(struct event *event);
// It has something to do that nobody waits for: a little of that in each turn.
void event_work(struct event *event);
// Now and then: forgets ended events that were not used for longest; the store has them.
void event_book_trim(struct control *control);
// Once what the turn before decided is on its way: lets those with work do a little of it.
void event_book_work(struct control *control);
// Before the commit: lets the stirred look.
void event_book_step(struct control *control);
// After the commit: acts on the entries that are durable now.
void event_book_act(struct control *control);
