// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The receipts that this aggregator owes. They are signed a few at a time from the COMMIT on, while the
// dataplane sums and the log goes round, and given once the batch is sealed: so neither the batch nor
// anybody else waits for signatures. What is rolled back is never given.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct receipt_batch;

struct receipts {
	struct receipt_batch *first; // oldest first; NULL: none owed
};

// COMMIT, ROLLBACK and SEALED of a batch of an event. When there is no memory, a line is logged and
// the batch's clients get no receipts.
void receipts_commit(
	struct event *event, uint32_t batch, const uint32_t *clients, size_t client_count);
void receipts_rollback(struct event *event, uint32_t batch);
void receipts_sealed(struct event *event, uint32_t batch);
// Owes the receipts of all batches anew: after a restart of this process or of the leader.
void receipts_repeat(struct event *event);
// Signs some, gives what may be given, and asks for another turn if there is more to sign. Once the
// log is frozen, the aggregate share goes before the receipts.
void receipts_work(struct event *event);
void receipts_clear(struct receipts *receipts);
