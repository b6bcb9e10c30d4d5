// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A store in a directory of its own, and how tests of it look.
#pragma once

#include "log_store.h"

extern char directory[64];
extern char message[512]; // of the last weir_store_open

void make_directory(void);
void remove_directory(void); // with what is in it
struct weir_store *open_store(void);
const char *path_of(const char *name); // in the directory; valid until the next call

struct weir_digest digest_of(unsigned char first);
struct weir_identity identity_of(unsigned char first);

// Appends to the log of digest_of(event), with a signature that assert_log knows.
int append(struct weir_store *store, unsigned char event, uint64_t index, const char *text);
// What log_read gives is "0:text 1:text ".
void assert_log(
	struct weir_store *store, unsigned char event, uint64_t from, size_t limit, const char *is);

struct log_seen {
	char text[4096];
	int stop_after; // rows; 0: all
	int rows;
};
// A weir_log_visit: adds to a struct log_seen.
int see_entry(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);

int add_event(struct weir_store *store, unsigned char event, unsigned char leader, const char *job,
	uint32_t round);
// A weir_event_visit: adds "event/leader/text/state/number " to a text, with ": reason" behind the state if
// there is one.
int see_event(void *context, const struct weir_stored_event *event);
// What weir_store_events gives, of all.
void assert_events(struct weir_store *store, const char *is);
