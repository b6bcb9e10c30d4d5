// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The public form of a verified event.
#pragma once

#include "leader_calls.h"

void weir_terms_fill(const struct weir_event_view *view, struct weir_client_terms *terms);
