// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Static events, for load tests without a control plane: this plays the part that a leader and a
// control process have in an announced event. It opens the events of the config and joins all their
// clients, admits those that ask, commits and seals what is complete, aborts those that do not
// finish in time, freezes the event once the target is in the sum, and writes the aggregate share.
//
// All of it is for the control thread. There is one aggregator, so nobody else's word is waited for.
// A leader of NULL leads nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance_config.h"
#include "event.h"

struct static_leader;

// Opens the config's static events, of which there may be none. NULL with errno after a line on the
// console.
struct static_leader *static_leader_new(
	struct event_table *events, const struct weir_dataplane_config *config);
void static_leader_free(struct static_leader *leader); // NULL is allowed

// A worker's doorbell. Returns false if the event is not static: then it is for weir-control.
bool static_leader_ring(struct static_leader *leader, uint32_t event, uint32_t client);

// Does what there is to do. Returns the milliseconds after which it wants to be called again even if
// nobody rings.
int static_leader_turn(struct static_leader *leader);
