// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The workers' counters, for people.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// workers: an array of objects, one a worker, as in GET /v1/stats. A line a counter: its name, the
// sum, each worker's value if there are several, and what it counts; without `all` only those that
// are not zero.
void stats_table_print(FILE *out, const json_t *workers, bool all);

// A counter, and all counters whose names begin with prefix, over all workers.
uint64_t stats_total(const json_t *workers, const char *name);
uint64_t stats_total_of(const json_t *workers, const char *prefix);
