// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Announcements as a part of other JSON: log entries and the API's answers embed them as objects.
#pragma once

#include <jansson.h>

#include "documents.h"

// As weir_announcement_parse, from a JSON value.
int weir_announcement_from_json(
	json_t *value, struct weir_announcement *announcement, struct weir_document_error *error);

// A new value, or NULL (out of memory, or a text that is not UTF-8).
json_t *weir_announcement_to_json(const struct weir_announcement *announcement);
