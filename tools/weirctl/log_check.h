// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Whether a log is one that an honest leader could have written: the hash chain, the signatures of the
// leader, of the aggregators (offers, acceptances) and of the clients (joins), and the legality of every
// entry. What it cannot know is whether entries are missing at the end.
#pragma once

#include <jansson.h>

#include "event_machine.h"

#define LOG_LINE_MAX (2 * WEIR_ENTRY_TEXT_MAX) // escaped in JSON

// After the first fault nothing more is taken: machine.next_index is that entry's index.
struct log_check {
	struct weir_event_machine machine;
};

void log_check_init(struct log_check *check);
void log_check_clear(struct log_check *check);

// The next entry, {"entry": text, "signature": hex}. Returns 0, -EBADMSG, -EPROTO or -ENOMEM with a
// sentence in error.
int log_check_take(struct log_check *check, json_t *item, struct weir_document_error *error);
// The same from a line of an exported log.
int log_check_line(struct log_check *check, const char *line, struct weir_document_error *error);
