// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Adding aggregate shares up: the part of collecting that needs no network.
#pragma once

#include "aggregate_share.h"
#include "client.h"

// The shares as they came, in the order of the event's aggregators.
struct weir_collected {
	void *bytes[WEIR_AGGREGATORS_MAX];
	size_t size[WEIR_AGGREGATORS_MAX];
};

// Verifies every share (signature, aggregator, event, and that all agree about who is in the sum) and
// reconstructs. elements: malloc'd, terms' dimension of them. header is the first share's. Returns 0,
// -EBADMSG with a sentence that names the aggregator, or -ENOMEM.
int weir_collect_sum(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_collected *collected, void **elements,
	struct weir_aggregate_share *header);
