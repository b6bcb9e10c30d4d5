// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// When clients arrive: the moment at which each wants to begin. If `active` others are under way it
// begins later.
#pragma once

#include <stdint.h>

enum arrival_kind { ARRIVAL_AT_ONCE, ARRIVAL_UNIFORM, ARRIVAL_POISSON, ARRIVAL_BURSTS };

struct arrival_pattern {
	enum arrival_kind kind;
	double period_s;     // UNIFORM: all arrive in it; BURSTS: from one to the next
	double per_second;   // POISSON: clients
	uint32_t burst_size; // BURSTS
};

// "at-once", "uniform:10s", "poisson:500/s", "bursts:64/100ms". Returns 0 or -EINVAL.
int arrival_parse(const char *text, struct arrival_pattern *pattern);

// The next arrivals of one worker, whose clients are every stride-th.
struct arrival {
	struct arrival_pattern pattern;
	uint32_t clients;
	uint64_t random;
	double at_s; // POISSON: the last one
};

void arrival_start(struct arrival *arrival, const struct arrival_pattern *pattern, uint32_t clients,
	uint64_t seed);

// Seconds from the start until the client arrives. Ask for each in turn, once.
double arrival_of(struct arrival *arrival, uint32_t client, uint32_t stride);
