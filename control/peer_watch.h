// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Watches the other appliances for drafts of events that name this one.
#pragma once

struct control;

// One long-poll a configured peer. Returns 0 or -ENOMEM.
int peer_watch_open(struct control *control);
void peer_watch_close(struct control *control);
// Looks at all drafts anew: the dataplane is there, so that offers are possible.
void peer_watch_restart(struct control *control);
