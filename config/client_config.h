// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A client or a collector: own key, and the aggregators that it requires. Explained in
// config/client.cfg.
#pragma once

#include <stdint.h>

#include "appliance_config.h"

struct weir_client_config {
	char path[WEIR_PATH_MAX];
	char identity_file[WEIR_PATH_MAX]; // `key`: private key, PEM; need not exist yet
	char state
		[WEIR_PATH_MAX]; // directory of joins, splits and receipts (default: state beside it)
	struct weir_peer_config aggregators[WEIR_PEERS_MAX]; // the leader first; exactly these, no
							     // more and no fewer, or the event is
							     // refused
	size_t aggregator_count;                             // >= 2
	uint64_t timeout_ms; // give up when nothing has moved for so long (default 60 s)
};

struct weir_client_config *weir_client_config_load(
	const char *path, struct weir_config_error *error);
void weir_client_config_free(struct weir_client_config *config);
