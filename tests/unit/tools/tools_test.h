// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Helpers of the tests of tools/: folders, a whole announcement, a context without a network.
#pragma once

#include <criterion/criterion.h>

#include "client.h"
#include "state_dir.h"

// A new folder of mode 0700, removed with all that is in it by folder_remove.
struct folder {
	char path[64];
};
struct folder folder_make(void);
void folder_remove(const struct folder *folder);

// Writes a file of mode 0600 in it, and reads one: malloc'd.
void folder_write(const struct folder *folder, const char *name, const void *bytes, size_t length);
char *folder_read(const struct folder *folder, const char *name, size_t *length);

// Aggregators with keys and an announcement of them all.
#define FIXTURE_AGGREGATORS 3
struct fixture {
	struct weir_signing_key *aggregators[FIXTURE_AGGREGATORS];
	struct weir_agreement_pair *agreements; // one an aggregator
	struct weir_announcement announcement;
	struct weir_client client; // its aggregators are those; its key is client_key
};
struct fixture *fixture_make(const struct weir_event_terms *terms);
void fixture_free(struct fixture *fixture);

// Terms that fixture_make completes with aggregators: dimension integers up to 1000 in 2^61-1.
struct weir_event_terms fixture_terms(uint64_t dimension);

uint64_t next_random(uint64_t *state);
