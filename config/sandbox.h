// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a process gives up so that whoever takes it over gets little: new privileges, capabilities, the
// user it was started as, and every system call that it has no use for. Each step is for good:
//
//     sandbox_keep         the capabilities that opening needs; before there are threads
//     (open)
//     sandbox_become       another user, all threads
//     sandbox_keep(0)      in every thread; those to come inherit
//     sandbox_filter       system calls, all threads
//
// Functions return 0, or -errno with one sentence for a person in message.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SANDBOX_MESSAGE 256

// A system call that stays allowed, perhaps only where one argument, masked, has a value. A name that
// this machine does not have is passed over.
struct sandbox_call {
	const char *name;
	int argument; // counted from 1; 0: whatever its arguments are
	uint64_t mask, value;
};

// Of the capabilities only those whose bits are in keep (1 << CAP_...), and no privileges by exec; for
// the calling thread and all that it starts from now on.
int sandbox_keep(uint64_t keep, char *message);

// Whom sandbox_become would make of this process: both -1 if it would change nothing, because user is ""
// or runs it already.
int sandbox_user(const char *user, uint32_t *uid, uint32_t *gid, char *message);

// All threads become the user, with its groups. The process must not be one that may dump core.
int sandbox_become(const char *user, char *message);

// From here on, in all threads: calls of the list and those that every process needs (memory, time,
// signals, threads, files that are open) go through; those that only an intruder makes (another
// program, another process's memory, mounts, modules) end the process; the others fail with EPERM.
// No memory can be made executable and writable.
int sandbox_filter(const struct sandbox_call *calls, size_t count, char *message);
