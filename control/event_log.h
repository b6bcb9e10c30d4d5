// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How event_book.h's entries get in, and changes of an event's state get out.
#pragma once

#include "event_book.h"

// The event's state has changed: a new sequence, those who wait are woken.
void event_changed(struct event *event);
enum weir_event_state event_state_parse(const char *name);
// Applies what the store holds of the log, without acting on it. 0 or -errno, with a line logged.
int event_log_replay(struct event *event);
// Drops the actions that were not taken.
void event_log_clear(struct event *event);
