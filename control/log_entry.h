// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One entry of an event's log, control/README.md "The log": parse, format, hash.
#pragma once

#include "documents.h"

#define WEIR_ENTRY_TEXT_MAX (64 << 20) // bytes
#define WEIR_REASON_SIZE    256        // with a NUL
#define WEIR_BATCH_LIST_MAX 8192       // clients of one COMMIT: one message of the control link

enum weir_entry_type {
	WEIR_ENTRY_ANNOUNCE = 1,
	WEIR_ENTRY_JOIN,
	WEIR_ENTRY_ADMIT,
	WEIR_ENTRY_COMMIT,
	WEIR_ENTRY_ROLLBACK,
	WEIR_ENTRY_SEALED,
	WEIR_ENTRY_ABORT,
	WEIR_ENTRY_FREEZE,
	WEIR_ENTRY_PUBLISHED,
	WEIR_ENTRY_FAILED,
};

struct weir_log_entry {
	uint64_t index;
	struct weir_digest previous;
	struct weir_digest hash; // filled by parse and format
	enum weir_entry_type type;
	struct weir_announcement announcement; // ANNOUNCE
	uint32_t client;                       // JOIN
	struct weir_signed_text join_text;     // JOIN
	struct weir_join join;                 // JOIN
	uint8_t acceptances[WEIR_AGGREGATORS_MAX][WEIR_SIGNATURE_SIZE];
	size_t acceptance_count;
	uint32_t *
		clients; // ADMIT, COMMIT, ABORT; malloc'd, ascending order not required, no duplicates
	size_t client_count;
	uint32_t batch;                // COMMIT, ROLLBACK, SEALED
	uint64_t count, weight;        // FREEZE
	struct weir_digest set_digest; // FREEZE, PUBLISHED
	char reason[WEIR_REASON_SIZE]; // ABORT, FAILED; UTF-8
};

const char *weir_entry_type_name(enum weir_entry_type type);

// Parses the entry alone (of an ANNOUNCE also the signatures within); chain and legality are the
// event machine's. Returns 0, -EBADMSG or -ENOMEM; entry is zeroed on error.
int weir_log_entry_parse(
	const char *text, struct weir_log_entry *entry, struct weir_document_error *error);
// A malloc'd text, and the hash (of a JOIN also `join`) in the entry. NULL with errno EINVAL (parse
// would refuse it) or ENOMEM.
char *weir_log_entry_format(struct weir_log_entry *entry);
void weir_log_entry_clear(struct weir_log_entry *entry);
