// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inside libweir: what a context holds, and how its parts report errors and progress.
#pragma once

#include <stdatomic.h>

#include "documents.h"
#include "http.h"
#include "kernels.h"
#include "weir.h"

struct weir_client {
	struct weir_signing_key *key;
	char identity[WEIR_CLIENT_ID_SIZE];
	struct weir_http *http;
	struct weir_http_peer aggregators[WEIR_AGGREGATORS_MAX]; // [0] leads
	size_t aggregator_count;
	char state[4096]; // folder
	uint64_t timeout_ms;
	const struct weir_kernels *kernels;
	atomic_bool cancelled; // anybody: set; this thread: read
	weir_client_progress_fn *progress;
	void *progress_opaque;
	char message[WEIR_CLIENT_TEXT_SIZE];
};

// Writes the sentence and returns error (a -errno), so that a failure is one statement. Control
// characters, which may come from a peer, become '?'.
int weir_client_fail(struct weir_client *client, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// The same for code that has no context: message has WEIR_CLIENT_TEXT_SIZE bytes.
int weir_text_fail(char *message, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void weir_client_report(
	struct weir_client *client, enum weir_client_phase phase, uint64_t done, uint64_t total);

// Milliseconds of the monotonic clock, and a pause that ends early when the context is cancelled
// (-ECANCELED, with the sentence).
uint64_t weir_monotonic_ms(void);
int weir_client_pause(struct weir_client *client, uint64_t ms);

// Half of it or up to all of it, at random: clients that lost the same appliance must not come back to
// it all at once.
uint64_t weir_jitter(uint64_t time);

// Says that nothing moves, through RETRYING.
void weir_client_tell(struct weir_client *client, const char *sentence);
