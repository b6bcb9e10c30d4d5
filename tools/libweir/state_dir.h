// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The folder where a client keeps what must survive it: splits, the ledger, receipts. Files of mode
// 0600 in a folder of mode 0700; a file appears whole or not at all.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "digest.h"

struct weir_state_dir {
	int fd;      // the folder
	int lock_fd; // its file "lock", of which byte ranges are locked
	char path[4096];
};

// Makes the folder if it is missing. Returns 0, or -errno with a sentence in message
// (WEIR_CLIENT_TEXT_SIZE bytes): -EACCES if group or others can enter it.
int weir_state_dir_open(struct weir_state_dir *dir, const char *path, char *message);
void weir_state_dir_close(struct weir_state_dir *dir); // gives up the locks

// One process at a time works on an event, or on the ledger (event NULL). lock_event returns 0,
// -EBUSY (another process) or another -errno; the ledger's lock waits instead.
int weir_state_dir_lock_event(struct weir_state_dir *dir, const struct weir_digest *event);
int weir_state_dir_lock_ledger(struct weir_state_dir *dir);
void weir_state_dir_unlock_ledger(struct weir_state_dir *dir);

// The whole of a small file: malloc'd, with a NUL behind it. NULL with errno (EFBIG above limit;
// EACCES if group or others can read it).
char *weir_state_dir_read(
	const struct weir_state_dir *dir, const char *name, size_t limit, size_t *length);

// Replaces or makes a file, durably: temporary file, fsync, rename, fsync of the folder.
int weir_state_dir_write(
	const struct weir_state_dir *dir, const char *name, const void *bytes, size_t length);

// What to do about an error of these, behind a message that names the folder: "; make room ...", or "".
const char *weir_room_advice(int error);

// For the pieces: write all; rename name.tmp to name, durably.
int weir_write_all(int fd, const void *bytes, size_t length);
int weir_state_dir_publish(
	const struct weir_state_dir *dir, const char *temporary, const char *name);
