// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The event loop's own resources.
#pragma once

struct control;

// Blocks SIGTERM and SIGINT and takes them through a descriptor. Returns 0 or -errno.
int loop_open(struct control *control);
void loop_close(struct control *control);
