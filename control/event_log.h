// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How event_book.h's entries get in, and changes of an event's state get out.
#pragma once

#include "event_book.h"

// The event's state has changed: a new sequence, those who wait are woken.
void event_changed(struct event *event);
enum weir_event_state event_state_parse(const char *name);
// Applies what the store holds of the log behind what the machine has, at most so many entries, without
// acting on it. 0: that was all; 1: there may be more; or -errno, with a line logged.
int event_log_replay(struct event *event, size_t most);
// Helper: leaves the event, by its own will. It fails here with that reason, and the leader is told once
// it listens. -EALREADY, and nothing changes, if our aggregate share is written: it is out of our hands.
int event_quit(struct event *event, const char *reason);
// Drops the actions that were not taken.
void event_log_clear(struct event *event);
