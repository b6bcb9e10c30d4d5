// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Figures for /metrics (Prometheus text) and /v1/stats (JSON for weirctl).
#pragma once

#include <jansson.h>

struct control;

// malloc'd; NULL if out of memory.
char *metrics_text(const struct control *control);
json_t *metrics_json(const struct control *control);
