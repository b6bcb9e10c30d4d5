// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A round of a job as the body of POST /v1/events (control/README.md).
#pragma once

#include <jansson.h>

#include "job_config.h"

// NULL if out of memory.
json_t *job_request(const struct weir_job_config *job, uint32_t round);
