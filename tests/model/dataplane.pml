// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// dataplane/commit.c and what it has in shared memory.

inline end_batch(i)
{
	a[i].job = NONE;
	a[i].job_batch = 0;
	a[i].job_clients = 0
}

// A client's shares are where they belong, once, or the sum is worth nothing.
inline compute(i)
{
	if
	:: (a[i].job_clients & (~a[i].slots | wiped(i))) || (a[i].job_clients & held(i).sum) -> spare(i).sum = TORN
	:: else -> spare(i).sum = held(i).sum | a[i].job_clients
	fi
}

inline commit_open(i, number, set)
{
	if
	:: a[i].job != NONE && a[i].job_batch == number
	:: a[i].job == NONE && held(i).batch == number -> unable = held(i).set_digest != (a[i].sealed | set)
	:: a[i].job != NONE && a[i].job_batch != number -> unable = 1
	:: a[i].job == NONE && held(i).batch != number ->
		if
		:: number <= a[i].highest_batch -> unable = 1
		:: number > a[i].highest_batch && (set & ~a[i].complete) ->
			printf("dataplane %d: batch %d is not complete here\n", i, number);
			a[i].said = LOST
		:: number > a[i].highest_batch && !(set & ~a[i].complete) ->
			unable = count(a[i].sealed) != count(held(i).set_digest);
			a[i].job = RUNNING;
			a[i].job_batch = number;
			a[i].job_clients = set;
			a[i].highest_batch = number;
			spare(i).sum = TORN
		fi
	fi
}

// Everything about the new accumulator is in place before the one store that makes it the held one.
inline flip(i)
{
	printf("dataplane %d: batch %d is in the accumulator\n", i, a[i].job_batch);
	if
	:: FLIP_BEFORE_COMPUTE
	:: else -> compute(i)
	fi;
	spare(i).batch = a[i].job_batch;
	spare(i).set_digest = held(i).set_digest | a[i].job_clients;
	a[i].complete = a[i].complete & ~a[i].job_clients;
	a[i].committed = a[i].committed | a[i].job_clients;
	a[i].selector = 1 - a[i].selector
}

inline finish(i)
{
	if
	:: FLIP_BEFORE_COMPUTE ->
		a[i].selector = 1 - a[i].selector;
		compute(i);
		a[i].selector = 1 - a[i].selector
	:: else
	fi;
#if MUTATION == 4
	a[i].slots = a[i].slots & ~a[i].job_clients;
	a[i].wiped_slots = a[i].wiped_slots | a[i].job_clients;
#endif
	a[i].job = FINISHED
}

inline commit_rollback(i, number)
{
	assert(number > a[i].dataplane_sealed);
	if
	:: a[i].job != NONE && a[i].job_batch == number ->
		if
		:: a[i].job == FINISHED ->
			a[i].selector = 1 - a[i].selector;
			a[i].complete = a[i].complete | a[i].job_clients;
			a[i].committed = a[i].committed & ~a[i].job_clients
		:: else
		fi;
		clear(spare(i));
		end_batch(i)
	:: else
	fi;
	if
	:: number > a[i].highest_batch -> a[i].highest_batch = number
	:: else
	fi
}

inline commit_seal(i, number)
{
	if
	:: number <= a[i].dataplane_sealed
	:: number > a[i].dataplane_sealed && a[i].job == FINISHED && a[i].job_batch == number ->
		a[i].slots = a[i].slots & ~a[i].job_clients;
		a[i].complete = a[i].complete & ~a[i].job_clients;
		a[i].committed = a[i].committed & ~a[i].job_clients;
		a[i].dataplane_sealed = number;
		end_batch(i);
		clear(spare(i))
	:: else -> unable = 1
	fi
}

// From the snapshot of a sealed batch that this memory does not hold.
inline commit_restore(i)
{
	if
	:: a[i].job != NONE || a[i].sealed_snapshot.batch <= a[i].highest_batch -> unable = 1
	:: else ->
		copy(spare(i), a[i].sealed_snapshot);
		a[i].selector = 1 - a[i].selector;
		clear(spare(i));
		a[i].highest_batch = held(i).batch;
		a[i].dataplane_sealed = held(i).batch
	fi
}

inline event_freeze(i)
{
	a[i].frozen = true;
	a[i].slots = 0;
	a[i].complete = 0
}

// EVENT_CLOSE, and what follows from it: nothing of the event is left.
inline event_close(i)
{
	clear(a[i].accumulators[0]);
	clear(a[i].accumulators[1]);
	a[i].selector = 0;
	a[i].slots = 0;
	a[i].complete = 0;
	a[i].committed = 0;
	a[i].frozen = false;
	a[i].dataplane_sealed = 0;
	a[i].highest_batch = 0;
	end_batch(i)
}

// kill -9. What is in shared memory stays, unless it goes with the machine: then commit_resume finds a
// batch that was flipped, with its clients, and gives one up that was not. Where in finish, commit_rollback
// or commit_seal the end came makes no difference that lasts.
inline dataplane_dies(i, with_memory)
{
	printf("dataplane %d: dies, memory lost: %d\n", i, with_memory);
	a[i].linked = false;
	a[i].said = SILENT;
	if
	:: with_memory -> event_close(i)
	:: !with_memory && a[i].job == RUNNING ->
		a[i].highest_batch = a[i].job_batch - 1;
		end_batch(i);
		spare(i).sum = 0
	:: else
	fi
}

proctype dataplane(byte i)
{
end:	do
	:: atomic { a[i].job == RUNNING ->
		flip(i);
		if
		:: true -> finish(i)
		:: FLIP_BEFORE_COMPUTE && faults -> faults--; a[i].job = FINISHED; dataplane_dies(i, false)
		fi
	}
	od
}

// A client's shares for one aggregator are the same however often they arrive. A client that is gone is
// one that sends no more; the leader does not wait for it.
proctype lane(byte c; byte i)
{
end:	do
	:: d_step { a[i].linked && !a[i].frozen && (a[i].slots & ~(a[i].complete | a[i].committed) & 1 << c) ->
		printf("lane: client %d complete at %d\n", c, i);
		a[i].complete = a[i].complete | 1 << c
	}
	od
}
