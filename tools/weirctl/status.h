// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How an appliance is: what weirctl status and watch show.
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "connection.h"

// In *status an object with healthy, reachable, health (the appliance's own word), url, identity,
// version, dataplane (bool), worker_count, arena_bytes, arena_used_bytes, roster_members, events (how
// many in each state that is not an end) and error (null or a sentence). Of an appliance that does
// not answer only the first five and error tell anything. Returns 0; or -errno with the connection's
// message, with *status set all the same (NULL only if out of memory). *stats, unless NULL, is what
// GET /v1/stats said, or NULL.
int status_fetch(struct connection *connection, json_t **status, json_t **stats);

void status_print(FILE *out, const json_t *status);
