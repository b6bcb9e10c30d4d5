// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// control/event_machine.c, participant_act.c, publish.c and follower.c: what every aggregator does.

// What control's process has only in memory.
inline control_forgets(i)
{
	a[i].linked = false;
	a[i].broken = false;
	a[i].reported = 0;
	a[i].reported_published = false;
	a[i].said = SILENT;
	a[i].again = false;
	if
	:: i == 0 ->
		for (j : 0 .. AGGREGATORS - 1) {
			ready[j] = 0;
			a[j].again = j != 0 && !ended(j)
		}
		j = 0;
		acknowledged = 0;
		published = 0;
		lost = false;
		failure = false
	:: else
	fi
}

inline posts_are_lost(i)
{
	a[i].completions = 0;
	a[i].committed_post = 0;
	a[i].lost_post = 0;
	a[i].published_post = false;
	a[i].refused_post = false
}

// participant_break: only memory that is lost, and that no snapshot replaces, may be the reason.
inline participant_break(i)
{
	printf("participant %d: cannot go on\n", i);
	assert(memory_loss && !disk);
	a[i].broken = true;
	a[i].said = SILENT;
	if
	:: i == 0 -> failure = true
	:: else -> a[i].refused_post = true
	fi
}

inline break_if_unable(i)
{
	if
	:: unable -> unable = 0; participant_break(i)
	:: else
	fi
}

inline check_slots(i)
{
	if
	:: count(a[i].slots) > SLOTS -> unable = 1
	:: else
	fi
}

inline report_batch(i)
{
	if
	:: a[i].said == LOST && LOST_IS_NOT_SAID
	:: a[i].said == LOST && !LOST_IS_NOT_SAID && i == 0 -> leader_batch(0, a[0].open_batch, true)
	:: a[i].said == LOST && !LOST_IS_NOT_SAID && i != 0 -> a[i].lost_post = a[i].open_batch
	:: a[i].said == HELD && i == 0 -> leader_batch(0, a[0].open_batch, false)
	:: a[i].said == HELD && i != 0 -> a[i].committed_post = a[i].open_batch
	:: else
	fi
}

// weir_event_machine_apply: an entry that is illegal here is an error of the protocol.
inline weir_event_machine_apply(i, type, number, set)
{
	assert(a[i].state == OPEN || (a[i].state == FROZEN && (type == PUBLISHED || type == FAILED)));
	if
	:: type == ADMIT ->
		assert(!(set & (a[i].admitted | a[i].open_clients | a[i].sealed | a[i].aborted)));
		a[i].admitted = a[i].admitted | set;
		assert(count(a[i].admitted | a[i].open_clients) <= SLOTS)
	:: type == COMMIT ->
		assert(!a[i].open_batch && (BATCH_NUMBER_REUSED || number == a[i].last_batch + 1));
		assert(set && !(set & ~a[i].admitted));
		a[i].admitted = a[i].admitted & ~set;
		a[i].open_clients = set;
		a[i].open_batch = number;
		a[i].last_batch = number
	:: type == ROLLBACK ->
		assert(ROLLBACK_AFTER_SEALED || a[i].open_batch == number);
		a[i].admitted = a[i].admitted | set;
		a[i].sealed = a[i].sealed & ~set;
		a[i].open_clients = 0;
		a[i].open_batch = 0
	:: type == SEALED ->
		assert(a[i].open_batch == number);
		a[i].sealed = a[i].sealed | set;
		a[i].sealed_batch = number;
		a[i].open_clients = 0;
		a[i].open_batch = 0
	:: type == ABORT ->
		assert(!(set & (a[i].open_clients | a[i].sealed | a[i].aborted)));
		a[i].admitted = a[i].admitted & ~set;
		a[i].aborted = a[i].aborted | set
	:: type == FREEZE ->
		assert(FREEZE_WITH_OPEN_BATCH || !a[i].open_batch);
		assert(count(a[i].sealed) >= LEAST);
		a[i].admitted = 0;
		a[i].open_clients = 0;
		a[i].open_batch = 0;
		a[i].aborted = ALL & ~a[i].sealed;
		a[i].state = FROZEN
	:: type == PUBLISHED -> a[i].state = PUBLISHED
	:: type == FAILED -> a[i].state = FAILED
	fi
}

// participant_restore_sealed: or it is lost for good.
inline restore_sealed(i)
{
	if
	:: disk && a[i].sealed_snapshot.batch == a[i].sealed_batch -> commit_restore(i)
	:: else -> unable = 1
	fi
}

// look_at and settle: which batches the dataplane has, and which the log says.
#define has_begun(i) (a[i].open_batch && \
	((a[i].job != NONE && a[i].job_batch == a[i].open_batch) || held(i).batch == a[i].open_batch))
#define is_stray(i) (a[i].job != NONE && a[i].job_batch != a[i].open_batch && \
	(a[i].job_batch > a[i].sealed_batch || SEALED_IS_STRAY) && !REPLAY_WITHOUT_ROLLBACK)
#define below_open(i) \
	(a[i].open_batch && held(i).batch == a[i].open_batch -> spare(i).batch : held(i).batch)

inline settle(i)
{
	if
	:: is_stray(i) -> commit_rollback(i, a[i].job_batch)
	:: else
	fi;
	if
	:: below_open(i) != a[i].sealed_batch -> restore_sealed(i)
	:: else
	fi;
	if
	:: a[i].sealed_batch && !has_begun(i) && !unable -> commit_seal(i, a[i].sealed_batch)
	:: else
	fi
}

inline resume_clients(i)
{
	a[i].slots = (a[i].slots & ~a[i].aborted) | a[i].admitted;
	a[i].complete = a[i].complete & ~a[i].aborted
}

// An open batch that is in its snapshot only stays there until it is sealed or rolled back.
inline resume_open_batch(i)
{
	if
	:: disk && !has_begun(i) && a[i].snapshot.batch == a[i].open_batch -> a[i].said = HELD; report_batch(i)
	:: else ->
		a[i].slots = a[i].slots | a[i].open_clients;
		commit_open(i, a[i].open_batch, a[i].open_clients);
		if
		:: !unable -> report_batch(i)
		:: else
		fi
	fi
}

inline resume_end(i)
{
	if
	:: a[i].state == OPEN && a[i].open_batch -> resume_open_batch(i)
	:: a[i].state == FROZEN -> event_freeze(i)
	:: else
	fi;
	check_slots(i);
	a[i].reported = 0;
	break_if_unable(i)
}

// participant_resume: the link is up, and what the log says is said again. The dataplane may die meanwhile.
inline resume(i)
{
	printf("participant %d: resumes\n", i);
	a[i].linked = true;
	if
	:: a[i].share_durable || a[i].broken
	:: else ->
		settle(i);
		if
		:: unable || a[i].state != OPEN
		:: else -> resume_clients(i)
		fi;
		if
		:: unable -> break_if_unable(i)
		:: !unable -> resume_end(i)
		:: !unable && faults -> faults--; dataplane_dies(i, false)
		fi
	fi
}

inline give_receipts(set)
{
	given = given | set;
	agree_on_shares()
}

// Nothing of the event is left but its log and the share.
inline participant_end(i)
{
	event_close(i);
	control_forgets(i);
	clear(a[i].snapshot);
	clear(a[i].sealed_snapshot);
	a[i].linked = true;
	a[i].admitted = 0;
	a[i].open_clients = 0;
	a[i].aborted = 0
}

#define cancel_goes_wrong(i) ((CANCEL_LEAVES_BATCH && a[i].job != NONE) || \
	(CANCELLED_IS_FROZEN && never_frozen && i != 0 && a[i].linked && a[i].sealed))

// An entry is durable here. While the dataplane is away nothing is told; resume does it.
inline participant_act(i, type, number, set)
{
	if
	:: type == FAILED && cancel_goes_wrong(i) ->
		if
		:: CANCELLED_IS_FROZEN -> event_freeze(i); a[i].state = FROZEN
		:: else
		fi
	:: (type == PUBLISHED || type == FAILED) && !cancel_goes_wrong(i) -> participant_end(i)
	:: type != PUBLISHED && type != FAILED && a[i].broken
	:: else ->
		if
		:: type == ADMIT && a[i].linked ->
			a[i].slots = a[i].slots | set;
			check_slots(i)
		:: type == ABORT && a[i].linked ->
			a[i].slots = a[i].slots & ~set;
			a[i].complete = a[i].complete & ~set
		:: type == COMMIT ->
			if
			:: a[i].linked -> commit_open(i, number, set); report_batch(i)
			:: else
			fi;
			if
			:: RECEIPT_AT_COMMIT -> give_receipts(set)
			:: else
			fi
		:: type == ROLLBACK ->
			a[i].reported = a[i].reported & ~set;
			a[i].said = SILENT;
			clear(a[i].snapshot);
			if
			:: a[i].linked -> commit_rollback(i, number); a[i].slots = a[i].slots | set
			:: else
			fi
		:: type == SEALED ->
			if
			:: ACKNOWLEDGE_UNDURABLE && held(i).batch == number -> copy(a[i].sealed_snapshot, held(i))
			:: !ACKNOWLEDGE_UNDURABLE && disk -> copy(a[i].sealed_snapshot, a[i].snapshot)
			:: else
			fi;
			clear(a[i].snapshot);
			a[i].said = SILENT;
			if
			:: a[i].linked && a[i].job == NONE && disk -> restore_sealed(i) // it was on disk only
			:: else
			fi;
			if
			:: a[i].linked && !unable -> commit_seal(i, number)
			:: else
			fi;
			give_receipts(set)
		:: type == FREEZE && a[i].linked -> event_freeze(i)
		:: else
		fi;
		break_if_unable(i)
	fi
}

// The dataplane's COMMITTED: the batch is durable before anybody hears of it.
inline participant_committed(i)
{
	if
	:: disk && !ACKNOWLEDGE_UNDURABLE -> copy(a[i].snapshot, held(i))
	:: else
	fi;
	printf("participant %d: holds batch %d\n", i, a[i].open_batch);
	a[i].said = HELD;
	report_batch(i)
}

inline publish_share(i)
{
	if
	:: held(i).batch != a[i].sealed_batch || held(i).set_digest != a[i].sealed -> participant_break(i)
	:: else ->
		printf("participant %d: publishes %d\n", i, held(i).sum);
		a[i].share = held(i).sum;
		a[i].share_durable = true;
		event_close(i);
		agree_on_shares()
	fi
}

inline participant_scan(i)
{
	fresh = a[i].complete & ~a[i].reported;
	printf("participant %d: complete %d\n", i, fresh);
	a[i].reported = a[i].reported | fresh;
	if
	:: i == 0 -> leader_completions(0, fresh)
	:: else -> a[i].completions = a[i].completions | fresh
	fi;
	fresh = 0
}

inline publish_report(i)
{
	a[i].reported_published = true;
	if
	:: i == 0 -> published = published | 1
	:: else -> a[i].published_post = true
	fi
}

// The leader has restarted: everything that it had only in memory is said again.
inline repeat_reports(i)
{
	printf("participant %d: repeats its reports\n", i);
	a[i].again = false;
	a[i].reported = 0;
	a[i].reported_published = false;
	a[i].refused_post = a[i].broken;
	if
	:: a[i].said == HELD -> report_batch(i)
	:: else	// a loss needs no repeating: the leader rolls back before it answers
	fi
}

#if AGGREGATORS == 2
#define nobody_before(n) (a[1].followed > n)
#else
#define nobody_before(n) (a[1].followed > n && a[2].followed > n)
#endif

// Everybody's next entry is behind us: only what somebody has still to follow is kept.
inline forget_followed()
{
	do
	:: pending_count && nobody_before(0) ->
		for (j : 1 .. AGGREGATORS - 1) {
			a[j].followed--
		}
		for (j : 1 .. pending_count - 1) {
			pending[j - 1].type = pending[j].type;
			pending[j - 1].batch = pending[j].batch;
			pending[j - 1].clients = pending[j].clients
		}
		pending_count--;
		pending[pending_count].type = 0;
		pending[pending_count].batch = 0;
		pending[pending_count].clients = 0
	:: else -> break
	od;
	j = 0
}

inline event_follow(i)
{
	follow_type = pending[a[i].followed].type;
	follow_batch = pending[a[i].followed].batch;
	follow_clients = pending[a[i].followed].clients;
	printf("participant %d: follows %e, batch %d, clients %d\n", i, follow_type, follow_batch, follow_clients);
	a[i].followed++;
	weir_event_machine_apply(i, follow_type, follow_batch, follow_clients);
	participant_act(i, follow_type, follow_batch, follow_clients);
	forget_followed()
}

// An aggregator's control process; what only the leader does stands in leader.pml.
proctype participant(byte i)
{
end:	do
	:: atomic { !a[i].linked && !ended(i) -> resume(i) }
	:: atomic { i != 0 && a[i].followed < pending_count -> event_follow(i) }
	:: d_step { a[i].linked && a[i].job == FINISHED && a[i].said == SILENT && a[i].open_batch &&
		!a[i].broken -> participant_committed(i) }
	:: d_step { a[i].linked && !a[i].broken && a[i].state == OPEN && (a[i].complete & ~a[i].reported) ->
		participant_scan(i) }
	:: d_step { a[i].linked && !a[i].broken && a[i].frozen && a[i].state == FROZEN &&
		!a[i].share_durable -> publish_share(i) }
	:: d_step { a[i].share_durable && !a[i].reported_published && !ended(i) -> publish_report(i) }
	:: d_step { a[i].again && !NEVER_REPEATED -> repeat_reports(i) }
	od
}
