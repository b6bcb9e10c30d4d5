// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A helper's conversation with the leader of one event: it follows the log, judges joins, and posts
// what its participant reports.
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct event;
struct follower;

// NULL if out of memory.
struct follower *follower_new(struct event *event);
// Begins to follow the log (and, once the event is open, the joins). Repeating it changes nothing.
void follower_start(struct event *event);
// The event has ended here, but not by its log: nothing more is asked, what was to be posted still is.
void follower_leave(struct event *event);
// Ends the conversation; what was not posted yet is dropped. Nothing if there is none.
void follower_stop(struct event *event);
// Queues a POST to /v1/events/ID/NAME; takes body over.
void follower_post(struct event *event, const char *name, json_t *body);
// No post is on its way or queued.
bool follower_idle(const struct event *event);
