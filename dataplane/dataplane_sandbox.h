// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What weir-dataplane gives up on its way up. All return 0, or -errno after a line on the console.
#pragma once

// Before EAL: only the capabilities that drivers, hugepages and the control socket may need stay. Limits
// are raised so that locking memory and the lowest real-time priority need none later.
int dataplane_sandbox_begin(void);

// After EAL, before the workers are launched: EAL's threads give up the capabilities; those of a process
// that will become the user do so then.
int dataplane_sandbox_threads(const char *user);

// Becomes the user ("": nobody else), to whom the control socket then belongs. A memory file stays the
// property of whoever starts the process: only that user may attach it again.
int dataplane_sandbox_user(const char *user, const char *socket);

// Once everything is open: the main thread's capabilities, and all threads' system calls.
int dataplane_sandbox_enter(void);
