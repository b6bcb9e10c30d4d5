// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What goes wrong, FAULTS times in a run, and where runs end.

// Control's process is killed: its store and its log stay. What it had posted may still arrive.
inline control_dies(i)
{
	printf("control %d: dies\n", i);
	control_forgets(i);
	if
	:: true
	:: i != 0 -> posts_are_lost(i)
	fi
}

proctype fault(byte i)
{
end:	do
	// What the leader hears of a loss or a refusal is in the log at the end of the same turn.
	:: atomic { faults && !ended(i) && !(i == 0 && (lost || failure)) -> faults--; control_dies(i) }
	:: atomic { faults && !ended(i) -> faults--; dataplane_dies(i, false) }
	:: atomic { memory_loss && faults && !ended(i) -> faults--; dataplane_dies(i, true) }
	od
}

#if AGGREGATORS == 2
#define all_ended (ended(0) && ended(1))
#else
#define all_ended (ended(0) && ended(1) && ended(2))
#endif

// Nothing can happen any more: then the event has ended, the same everywhere.
proctype end_of_run()
{
end:	timeout ->
	assert(all_ended);
	for (j : 0 .. AGGREGATORS - 1) {
		assert(a[j].state == a[0].state);
		assert(a[0].state != PUBLISHED || a[j].share_durable);
		assert(!a[j].slots && !held(j).batch && !spare(j).batch && a[j].job == NONE);
		assert(!a[j].snapshot.batch && !a[j].sealed_snapshot.batch)
	}
}

#ifdef LOOPS
// So that the only loops without progress are those of a run that never ends.
proctype after_the_end()
{
end:	do
	:: all_ended -> progress: skip
	od
}
#endif

init {
	byte i, c;
	atomic {
		for (i : 0 .. AGGREGATORS - 1) {
			a[i].state = OPEN;
			a[i].job = NONE;
			a[i].said = SILENT;
			a[i].linked = true;
			run participant(i);
			run dataplane(i);
			run fault(i);
			for (c : 0 .. CLIENTS - 1) {
				run lane(c, i)
			}
			if
			:: i != 0 -> run post(i)
			:: else
			fi
		}
		i = 0;
		c = 0;
		run leader_step();
#ifdef LOOPS
		run after_the_end();
#endif
		run end_of_run()
	}
}
