// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What announce and run have in common: JOB.cfg [--round N] and the appliance's connection.
#pragma once

#include <stdint.h>

#include "connection.h"
#include "job_config.h"

// Reads the arguments and the job, connects, and returns what act returns; else 1 or 2, with the
// message printed. round: of --round, or the job's first.
int job_command(int argc, char **argv,
	int (*act)(struct connection *connection, const struct connection_options *options,
		const struct weir_job_config *job, uint32_t round));
