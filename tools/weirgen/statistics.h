// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a run says: a line a second, a table at the end, and both as JSON.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "latency.h"
#include "tally.h"
#include "verify.h"

struct statistics {
	bool json;
	uint64_t started_ns, said_ns; // of the monotonic clock
	struct tally said;            // as of the last line
};

struct outcome {
	struct tally tally;
	double elapsed_s; // from the first SHARE to the last seal
	double run_s;
	double aggregate_s; // from the last SHARE until an announced event's aggregate was here
	double join_s;      // that all joins took, of an announced event
	struct latency grant, seal; // nanoseconds
	struct verdict verdict;
	bool failed;
	const char *reason; // why it failed or ended early; NULL
};

uint64_t statistics_now_ns(void);
void statistics_start(struct statistics *statistics, bool json);

// Says what has happened since the last time if that was a second ago.
void statistics_tick(struct statistics *statistics, const struct tally *tally);

void statistics_end(const struct statistics *statistics, const struct outcome *outcome);
