// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A new join with its split, and a sender for one that is on disk.
#pragma once

#include "client.h"
#include "sender.h"
#include "split_store.h"

// Draws a key, a nonce and a split of the elements, and puts them on disk. Returns 0 with the split
// open, or -errno with a sentence.
int weir_join_make(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_announcement *announcement, uint32_t weight, const void *elements,
	const struct weir_ledger_tags *tags, uint64_t clipped, struct weir_split *split);

// True if the split is a join of this client to exactly this announcement, whole and signed: what
// weir_split_open does not know. join is filled.
bool weir_join_fits(const struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_split *split, struct weir_join *join);

// setup's patience, progress and opaque are the caller's; the rest is filled in. NULL with errno and
// a sentence in the context.
struct weir_sender *weir_join_sender(struct weir_client *client,
	const struct weir_announcement *announcement, const struct weir_split *split,
	uint32_t index, struct weir_sender_setup *setup);

// The same, sent once at that rate (one_shot.h). Returns 0 or -errno with a sentence in the context.
int weir_join_send_once(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_split *split, uint32_t index, uint64_t rate,
	struct weir_sender_setup *setup);
