// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The control thread: owns the event table, talks to weir-control and finishes commits. It runs on
// the main lcore and sleeps in poll.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <rte_ring.h>

#include "event.h"
#include "link_server.h"
#include "static_leader.h"

// Puts the calling thread before all that are not in real time. It is little that the control thread
// does, but clients wait for it, while workers that never sleep may be on every CPU. Best effort: it
// takes a privilege.
void control_thread_take_precedence(void);

// Before anything that spins until a worker has done something, such as EAL's waiting for an lcore: the
// worker may be on this very CPU.
void control_thread_give_precedence_back(void);

// Runs until *stop, which it looks at several times a second. doorbells holds what workers have rung
// (event number << 32 | client index); doorbell_descriptor is the eventfd that announces them and
// computed commits.
void control_thread_run(struct event_table *events, struct link_server *server,
	struct static_leader *static_leader, struct rte_ring *doorbells, int doorbell_descriptor,
	const _Atomic bool *stop);
