// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The events of an appliance, as weirctl shows them: what its list says of each, merged with what each
// says of itself.
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "connection.h"

// Brings a list up to date: an array of objects with id, state, job, round and sequence, in the order in
// which their states changed last. At first it is empty and *next 0. Returns 0, or -errno as
// connection_call.
int event_list_update(struct connection *connection, json_t *events, json_int_t *next);

// Leaves only the last so many of those that have ended. Returns how many went.
size_t event_list_trim(json_t *events, size_t ended);

// Asks for the rest of each: counts (joined, admitted, committed, sealed, aborted), reason, set_digest,
// timings (control/README.md), announced_ms and deadline_ms (null where not known yet), of a draft
// missing_offers if told. An event that the appliance refuses to show gets null counts and the refusal as
// its reason. Returns 0 or -errno as connection_call.
int event_list_complete(struct connection *connection, json_t *events);

// One of them. item has the event's id at least, and is extended and brought up to date.
int event_fetch(struct connection *connection, json_t *item);

// The full id of the one event whose id begins with text. Returns EXIT_DONE, or another exit code
// after a report.
int event_find_id(struct connection *connection, const char *text, char id[WEIR_HEX_ID]);

// How many events in the array have ids that begin with text; the last of them in *found.
size_t event_match(json_t *events, const char *text, json_t **found);

bool event_has_ended(const json_t *event);

// Takes into item what GET /v1/events/ID said of the event (NULL: nothing).
void event_merge(json_t *item, const json_t *event);

// A table for people. now_ms is for the ages.
void event_list_print(FILE *out, json_t *events, int64_t now_ms);

int64_t wall_clock_ms(void);
