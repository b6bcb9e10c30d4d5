// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// control/leader.c: what the aggregators report.

inline leader_completions(i, set)
{
	printf("leader: hears of %d that %d are complete\n", i, set);
	ready[i] = ready[i] | (set & a[0].admitted)
}

inline leader_batch(i, number, is_lost)
{
	printf("leader: hears of %d that batch %d is lost %d\n", i, number, is_lost);
	if
	:: is_lost && (number == a[0].open_batch || ROLLBACK_AFTER_SEALED) -> lost = true
	:: !is_lost && number == a[0].open_batch -> acknowledged = acknowledged | 1 << i
	:: else
	fi
}

// A report arrives; its answer may be lost, and then it arrives again.
inline arrived(post)
{
	if
	:: true -> post = 0
	:: faults -> printf("and will arrive again\n"); faults--
	fi
}

// What a helper has posted arrives.
proctype post(byte i)
{
end:	do
	:: atomic { a[i].completions -> leader_completions(i, a[i].completions); arrived(a[i].completions) }
	:: atomic { a[i].committed_post -> leader_batch(i, a[i].committed_post, false);
		arrived(a[i].committed_post) }
	:: atomic { a[i].lost_post -> leader_batch(i, a[i].lost_post, true); arrived(a[i].lost_post) }
	:: d_step { a[i].published_post -> a[i].published_post = false;
		if
		:: a[0].state == FROZEN -> published = published | 1 << i
		:: else
		fi }
	:: d_step { a[i].refused_post -> a[i].refused_post = false; failure = true }
	od
}
