// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The commit protocol of one event: leader, helpers, their dataplanes and logs, with crashes, lost
// memory and doubled messages. What it leaves out, what is checked and how to read a trail: README.md.
//
// Every step below is one that the code takes as a whole: a turn of control's loop, whose entries are
// durable before anything is said or done about them, or a command that the dataplane has carried out.
// A process that is down is one that takes no step for a while, so a crash is the loss of what it had
// in memory, at any moment. A lost message is one that is delivered later: every party repeats.
// Sets of clients are bit masks.

#ifndef AGGREGATORS
#define AGGREGATORS 2
#endif
#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef SLOTS
#define SLOTS 2		// that every offer reserved
#endif
#ifndef FAULTS
#define FAULTS 1	// in one run
#endif
#define LEAST	 1	// clients without which nothing is published
#define PENDING	 8	// entries of the leader's log that the slowest helper has not followed
#define BATCHES	 (CLIENTS * (2 * FAULTS + 1)) // that a run can need: more would be commits without end

#define EVERYBODY	((1 << AGGREGATORS) - 1)
#define ALL		((1 << CLIENTS) - 1)
#define TORN		128	// in a sum: what is in the accumulator is no sum of shares
#define count(set)	(((set) & 1) + ((set) >> 1 & 1) + ((set) >> 2 & 1))

// Deliberate errors for tests/model/check --mutations.
#ifndef MUTATION
#define MUTATION 0
#endif
#define SEALED_UNACKNOWLEDGED	(MUTATION == 1)
#define RECEIPT_AT_COMMIT	(MUTATION == 2)
#define FLIP_BEFORE_COMPUTE	(MUTATION == 3)
#if MUTATION == 4 // slot freed at COMMIT
#define wiped(i)	a[i].wiped_slots
#else
#define wiped(i)	0
#endif
#define ROLLBACK_AFTER_SEALED	(MUTATION == 5)
#define ACKNOWLEDGE_UNDURABLE	(MUTATION == 6)
#define BATCH_NUMBER_REUSED	(MUTATION == 7)
#define REPLAY_WITHOUT_ROLLBACK (MUTATION == 8)
#define SEALED_IS_STRAY		(MUTATION == 9)
#define NEVER_REPEATED		(MUTATION == 10)
#define FREEZE_WITH_OPEN_BATCH	(MUTATION == 11)
#define LOST_IS_NOT_SAID	(MUTATION == 12)
#define CANCEL_LEAVES_BATCH	(MUTATION == 13)
#define CANCELLED_IS_FROZEN	(MUTATION == 14)

#ifdef DISK
#define disk true
#else
#define disk false
#endif
#ifdef CANCEL // by an operator, at any moment
#define may_cancel true
#else
#define may_cancel false
#endif
#ifdef MEMORY_LOSS
#define memory_loss true
#else
#define memory_loss false
#endif

mtype = { ADMIT, COMMIT, ROLLBACK, SEALED, ABORT, FREEZE, PUBLISHED, FAILED };	// entries
mtype = { OPEN, FROZEN };	// and states of an event, with the two ends above
mtype = { NONE, RUNNING, FINISHED };	// commit_job
mtype = { SILENT, HELD, LOST };		// what the dataplane has said of the open batch

// An entry of the leader's log that some helper has not followed yet.
typedef log_entry {
	mtype type;
	byte batch;
	byte clients;
}

typedef accumulator {
	byte batch;
	byte set_digest;	// what control said that is in it
	byte sum;		// what is
}

typedef aggregator {
	// Durable: its copy of the log, as the event machine sums it up (joined: in none of the sets).
	mtype state;
	byte followed;		// of the pending entries
	byte admitted, open_clients, sealed, aborted;
	byte open_batch, last_batch, sealed_batch;
	accumulator snapshot, sealed_snapshot;	// of the open batch, of the last that was sealed
	bool share_durable;
	byte share;		// what was summed in it

	// struct participant, volatile.
	bool linked;		// resumed: the dataplane has been told what the log says
	bool broken;
	byte reported;		// complete clients that the leader has been told of
	mtype said;
	bool reported_published;

	// Shared memory, which outlives both processes unless it is lost.
	byte slots;		// whose clients have one
	byte complete, committed;	// states of those clients
	bool selector;
	accumulator accumulators[2];
	bool frozen;

#if MUTATION == 4
	byte wiped_slots;	// that another may have written to
#endif
	mtype job;		// FINISHED: in shared memory as well, by open_batch and the clients' states
	byte job_batch, job_clients;
	byte dataplane_sealed;
	byte highest_batch;	// held or rolled back

	// On its way to the leader.
	byte completions;
	byte committed_post, lost_post;	// the batch's number
	bool published_post, refused_post;
	bool again;		// the leader has restarted, and this helper has not noticed yet
}

aggregator a[AGGREGATORS];

// The leader's log, from the first entry that a helper has not followed.
log_entry pending[PENDING];
byte pending_count;

// struct leader, volatile: bit i is aggregator i.
byte ready[AGGREGATORS];	// complete at i
byte acknowledged, published;
bool lost, failure;

byte faults = FAULTS;

// What nobody in the system sees: only the properties speak of it.
bool never_frozen;	// it failed before
byte given;		// clients that somebody has given a receipt
byte highest_ever;	// batch number
int sealed_ever;	// bit b: batch b was sealed, by the leader's log

#define ended(i)	(a[i].state == PUBLISHED || a[i].state == FAILED)
#define held(i)		a[i].accumulators[a[i].selector]
#define spare(i)	a[i].accumulators[1 - a[i].selector]

inline copy(to, from)
{
	to.batch = from.batch;
	to.set_digest = from.set_digest;
	to.sum = from.sum
}

inline clear(to)
{
	to.batch = 0;
	to.set_digest = 0;
	to.sum = 0
}

hidden byte fresh, follow_batch, follow_clients, j;
hidden mtype follow_type;
hidden byte unable;	// a command was refused: the participant cannot go on

// Whoever has published has published the same, the shares of whole clients, and all who have a receipt.
inline agree_on_shares()
{
	for (j : 0 .. AGGREGATORS - 1) {
		if
		:: a[j].share_durable -> assert(a[j].share == a[j].sealed);
			assert(a[j].share == a[0].sealed);
			assert(!(given & ~a[j].share));
			assert(!never_frozen)
		:: else
		fi
	}
	j = 0
}

#include "dataplane.pml"
#include "leader.pml"
#include "participant.pml"
#include "leader_step.pml"
#include "faults.pml"
