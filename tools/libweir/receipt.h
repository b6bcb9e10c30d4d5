// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Receipts: every aggregator's signature over (event, join, batch), kept as receipt-<id>.json in the
// state folder. control/README.md "Receipt" says how anybody verifies one:
//
//   {"version":1, "event":"<id>", "client":3, "batch":2, "join":"<text>", "join_signature":"<hex>",
//    "input":"<tag of the ledger>", "clipped":0,
//    "receipts":[{"aggregator":"<identity>","signature":"<hex>"}, ...]}
#pragma once

#include "ledger.h"
#include "leader_calls.h"
#include "state_dir.h"

struct weir_stored_receipt {
	uint32_t client, batch;
	uint64_t clipped;
	struct weir_digest input;
};

// True if every aggregator's receipt is there and verifies for this join. Names in message the first
// that does not.
bool weir_receipts_verify(const struct weir_client *client, const struct weir_digest *event,
	const struct weir_digest *join, const struct weir_client_view *view, char *message);

int weir_receipt_store(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_digest *event, const struct weir_stored_receipt *receipt,
	const char *join, const uint8_t join_signature[WEIR_SIGNATURE_SIZE],
	const struct weir_client_view *view);

// Reads and verifies again. -ENOENT: there is none; -EBADMSG with a sentence.
int weir_receipt_load(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_digest *event, struct weir_stored_receipt *receipt);

void weir_receipt_path(
	const struct weir_client *client, const struct weir_digest *event, char *path, size_t size);
