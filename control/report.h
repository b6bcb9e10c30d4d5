// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a participant tells the leader: a local call where this appliance leads, else a POST, one after
// the other and repeated until it arrives.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "documents.h"

struct event;

void report_offer(struct event *event);
void report_offer_refused(struct event *event, const char *reason);
// True if completions would leave at once; else gathering goes on.
bool report_idle(const struct event *event);
void report_completions(struct event *event, const uint32_t *requested, size_t requested_count,
	const uint32_t *complete, size_t complete_count);
// In events with forward error correction: the dataplane holds slots for these.
void report_admitted(struct event *event, const uint32_t *clients, size_t count);
void report_batch(struct event *event, uint32_t batch, bool lost);
// signatures: of the receipts, [count].
void report_receipts(struct event *event, uint32_t batch, const uint32_t *clients, size_t count,
	const uint8_t (*signatures)[WEIR_SIGNATURE_SIZE]);
void report_published(struct event *event, const struct weir_digest *set);
// It will not publish, or cannot go on.
void report_refused(struct event *event, const char *reason);
