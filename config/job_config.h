// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A job: the libconfig file from which `weirctl announce` (one round) and `weirctl run` (many) draft
// events. Explained in config/job.cfg. The limits are checked here as far as one file can tell:
// max_clients x max_weight x bound must fit the modulus.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance_config.h"
#include "fec.h"
#include "fixed_point.h"
#include "modulus.h"

struct weir_job_config {
	char path[WEIR_PATH_MAX];
	char job[64];    // name, [A-Za-z0-9._-]+
	uint32_t round;  // first round (default 1)
	uint32_t rounds; // for `weirctl run` (default 1)
	enum weir_modulus modulus;
	uint64_t dimension;
	uint32_t chunk_elements; // default: what fits a 1500-byte MTU, 352 (u32) or 176 (u64)
	struct weir_fec_parameters fec; // forward error correction; zeros: none
	struct weir_encoding encoding;
	uint32_t max_clients;
	uint32_t max_weight;       // default 1
	uint32_t min_clients;      // default 2
	uint32_t target_clients;   // freeze as soon as so many are sealed; 0 = only at the deadline
	uint64_t duration_ms;      // from announcement to freeze
	uint64_t admit_timeout_ms; // default 30 s
	char (*aggregators)[WEIR_HEX_ID]; // the leader first
	size_t aggregator_count;          // 2 .. WEIR_PEERS_MAX
	char (*collectors)[WEIR_HEX_ID];
	size_t collector_count; // >= 1
};

struct weir_job_config *weir_job_config_load(const char *path, struct weir_config_error *error);
void weir_job_config_free(struct weir_job_config *config);
