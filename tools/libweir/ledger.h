// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Which vectors were sent to which event. The same vector in two events can be revealed by the
// difference of their sums, so a second event is refused. The ledger holds keyed hashes: without the
// key, which is drawn once and kept beside it, nobody can test it for a guessed vector.
//
// File `ledger`: one line of 195 bytes a submission, "<input tag> <element tag> <event>\n", each 64
// hexadecimal digits. File `ledger.key`: 32 random bytes. The caller holds the ledger's lock.
#pragma once

#include <stdbool.h>

#include "digest.h"
#include "modulus.h"
#include "state_dir.h"
#include "weir.h"

struct weir_ledger_tags {
	struct weir_digest input;    // of the values as numbers, whatever their type in the file
	struct weir_digest elements; // of the encoded vector
};

// Hashes both. Makes the key if there is none. Returns 0 or -errno (-EBADMSG: the key's file is
// damaged).
int weir_ledger_tag(const struct weir_state_dir *dir, const struct weir_client_vector *vector,
	enum weir_modulus modulus, const void *elements, struct weir_ledger_tags *tags);

// 0; -EEXIST and the event if either tag is there with another event than this one; -EBADMSG if the
// ledger is damaged; another -errno.
int weir_ledger_check(const struct weir_state_dir *dir, const struct weir_ledger_tags *tags,
	const struct weir_digest *event, struct weir_digest *other);

// Adds a line, durably. A line of a process that died while writing is cut off first.
int weir_ledger_record(const struct weir_state_dir *dir, const struct weir_ledger_tags *tags,
	const struct weir_digest *event);
