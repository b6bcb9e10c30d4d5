// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Joins that this aggregator has accepted and that are on their way into the log: what was computed
// to judge them is not computed again when they arrive there. Forgetting one costs time, nothing else.
#pragma once

#include "agreement.h"
#include "event_machine.h"
#include "key_table.h"

struct accepted_joins {
	struct key_table table; // join digest -> struct accepted_join
};

// Returns 0 or -EIO.
int accepted_joins_init(struct accepted_joins *joins);
// Wipes the keys.
void accepted_joins_clear(struct accepted_joins *joins);
// Remembers a join; when there is no memory for it, it does not.
void accepted_joins_add(struct accepted_joins *joins, const struct weir_digest *join,
	const struct weir_verified_join *verified, const struct weir_packet_keys *keys);
// For the event machine; context is a struct accepted_joins.
const struct weir_verified_join *accepted_joins_find(void *context, const struct weir_digest *join);
// Hands the keys out and forgets the join: 0 or -ENOENT.
int accepted_joins_take(struct accepted_joins *joins, const struct weir_digest *join,
	struct weir_packet_keys *keys);
