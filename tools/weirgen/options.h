// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The command line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arrival.h"
#include "fault.h"

enum { EXIT_USAGE = 2 };

struct options {
	const char *config;
	const char *control_socket;  // of the dataplane, to compare its sum
	const char *aggregate_share; // .npy that it writes
	const char *rate;
	const char *pcap, *replay;
	const char *write_roster;
	const char *event;    // id of an announced event, or "latest"
	uint64_t duration_ms; // 0: until the end
	bool check, blind, prebuilt, json;
	struct arrival_pattern arrival;
	struct fault_mix faults;
	uint64_t seed;
};

// Returns -1 to go on, or an exit code after what had to be said.
int options_parse(int argc, char **argv, struct options *options);
