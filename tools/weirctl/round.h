// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One round of a job: its announcement.
#pragma once

#include "connection.h"
#include "job_config.h"

// Announces it. Returns EXIT_DONE with the event's id, or another exit code after a report.
int round_announce(struct connection *connection, const struct weir_job_config *job, uint32_t round,
	char id[WEIR_HEX_ID]);
