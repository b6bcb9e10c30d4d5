// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The identities this appliance accepts as clients: those of the config and those that operators
// added by the API, which are in the store.
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "appliance_config.h"
#include "key_table.h"
#include "log_store.h"

// What a change did.
struct roster_counts {
	size_t added, removed; // who was no member before, who was one
};

struct roster {
	struct key_table members; // identity -> struct roster_member
	struct weir_store *store;
	struct roster_change *changes; // made lately
	size_t change_count;
};

// Returns 0 or -errno, with a line logged.
int roster_init(
	struct roster *roster, const struct weir_control_config *config, struct weir_store *store);
void roster_clear(struct roster *roster);
bool roster_has(const struct roster *roster, const struct weir_identity *identity);
size_t roster_size(const struct roster *roster);
// Both write to the store, whose commit is the caller's. Adding a member again renames it; removing
// one that is not there does nothing; members of the config come back at the next start.
int roster_add(struct roster *roster, const struct weir_identity *identity, const char *name);
int roster_remove(struct roster *roster, const struct weir_identity *identity);
// Notes the change that the request with this signature asks for. -EEXIST: it was made already, and
// making it again could undo a later one; -ENOMEM. A request is forgotten once its time has passed.
// *counts, unless -ENOMEM, is valid until the next call: of the change made already, or zeroed and for
// the caller to fill.
int roster_note_change(struct roster *roster, const uint8_t signature[WEIR_SIGNATURE_SIZE],
	struct roster_counts **counts);
// The change noted last could not be made after all.
void roster_forget_change(struct roster *roster);
// [{"identity", "name"}], or NULL.
json_t *roster_list(const struct roster *roster);
