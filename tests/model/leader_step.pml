// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// control/leader_step.c: what the leader appends next.

#if AGGREGATORS == 2
#define ready_everywhere (ready[0] & ready[1] & a[0].admitted)
#else
#define ready_everywhere (ready[0] & ready[1] & ready[2] & a[0].admitted)
#endif
#define open_and_well	 (a[0].state == OPEN && !failure)
#define acknowledged_by_all \
	(acknowledged == EVERYBODY || (SEALED_UNACKNOWLEDGED && acknowledged))
#define overdue (a[0].admitted & ~ready_everywhere)
// Clients are alike, and so are the orders in which they are admitted: the lowest first.
#define asking (ALL & ~(a[0].admitted | a[0].open_clients | a[0].sealed | a[0].aborted))

// Durable, and then acted upon by the leader's own participant.
inline append()
{
	printf("leader: %e, batch %d, clients %d\n", entry, number, set);
	assert(pending_count < PENDING);
	pending[pending_count].type = entry;
	pending[pending_count].batch = number;
	pending[pending_count].clients = set;
	pending_count++;
	weir_event_machine_apply(0, entry, number, set);
	participant_act(0, entry, number, set)
}

inline roll_back()
{
	for (j : 0 .. AGGREGATORS - 1) {
		ready[j] = ready[j] & ~a[0].open_clients
	}
	j = 0;
	lost = false;
	entry = ROLLBACK;
	number = a[0].last_batch;
	set = (a[0].open_batch -> a[0].open_clients : a[0].sealed);
	assert(!(sealed_ever >> number & 1))
}

inline settle_batch()
{
	entry = SEALED;
	number = a[0].open_batch;
	set = a[0].open_clients;
	sealed_ever = sealed_ever | 1 << number
}

inline commit()
{
	acknowledged = 0;
	lost = false;
	entry = COMMIT;
	number = (BATCH_NUMBER_REUSED -> a[0].sealed_batch : a[0].last_batch) + 1;
	set = ready_everywhere;
	assert(number > highest_ever);
	assert(number <= BATCHES);
	highest_ever = number
}

// Time passes as it likes: the admit timeout may come at any moment, and so may the deadline.
proctype leader_step()
{
	mtype entry;
	byte number, set;
end:	do
	:: atomic {
		if
		:: open_and_well && a[0].open_batch && lost -> roll_back()
		:: open_and_well && !a[0].open_batch && lost && ROLLBACK_AFTER_SEALED -> roll_back()
		:: open_and_well && a[0].open_batch && !lost && acknowledged_by_all -> settle_batch()
		:: open_and_well && !a[0].open_batch && ready_everywhere -> commit()
		:: open_and_well && (overdue & 1) -> entry = ABORT; set = 1
		:: open_and_well && (overdue & 2) -> entry = ABORT; set = 2
		:: open_and_well && (overdue & 4) -> entry = ABORT; set = 4
		:: open_and_well && asking && count(a[0].admitted | a[0].open_clients) < SLOTS ->
			entry = ADMIT;
			set = asking & -asking
		:: open_and_well && !ready_everywhere && (!a[0].open_batch || FREEZE_WITH_OPEN_BATCH) ->
			entry = (count(a[0].sealed) >= LEAST -> FREEZE : FAILED)
		:: a[0].state == FROZEN && !failure && published == EVERYBODY -> entry = PUBLISHED
		:: failure && !ended(0) -> entry = FAILED
		:: may_cancel && !ended(0) -> printf("operator: cancels\n"); entry = FAILED
		fi;
		never_frozen = never_frozen || (entry == FAILED && a[0].state == OPEN);
		append();
		entry = 0;
		number = 0;
		set = 0
	}
	od
}
