// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a client asks the leader, and the checks of what it answers.
#pragma once

#include "client.h"

struct weir_event_view {
	char state[16];
	char reason[256];
	char set_digest[WEIR_CLIENT_ID_SIZE]; // "" before the event is frozen
	uint64_t sealed, under_way, aborted;
	struct weir_announcement announcement; // verified
};

// The digest behind an event's id. -EINVAL with a sentence.
int weir_event_id(struct weir_client *client, const char *text, struct weir_digest *event);

// Fetches and verifies, as weir_client_terms promises. -EAGAIN: there is no announcement yet. On
// error the view is zeroed; else it is to be cleared.
int weir_leader_event(
	struct weir_client *client, const struct weir_digest *event, struct weir_event_view *view);
void weir_event_view_clear(struct weir_event_view *view);

// Posts a join until it is accepted. -ECONNABORTED: this join was aborted; -EACCES refused, -EEXIST
// another join, -ESHUTDOWN closed, -EBUSY full: this join never comes to anything. admit_now: and until
// every aggregator holds a slot for it.
int weir_leader_join(struct weir_client *client, const struct weir_digest *event, const char *join,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], bool admit_now, uint32_t *index);

struct weir_client_view {
	char state[16];
	char reason[256];
	struct weir_digest join;
	uint32_t batch;
	bool has_receipt[WEIR_AGGREGATORS_MAX]; // in the order of the context's aggregators
	uint8_t receipts[WEIR_AGGREGATORS_MAX][WEIR_SIGNATURE_SIZE];
};

// A client's state, with the receipts that the leader has; they are not verified here.
int weir_leader_client(struct weir_client *client, const struct weir_digest *event, uint32_t index,
	unsigned wait_s, struct weir_client_view *view);
