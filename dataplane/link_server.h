// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The dataplane's end of the control link (control_link.h): takes commands from the control process,
// carries them out on the event table and answers. Never blocks; control thread only.
//
// Answers that the socket would not take wait here, and as long as there are any no further command
// is read: a control process that does not listen delays only itself.
#pragma once

#include <poll.h>
#include <stdint.h>

#include "event.h"

struct link_server;

// Listens at socket_path (mode 0600), after making its folder if that is missing (/run is empty after
// a reboot) and removing the socket of a dataplane that is gone. NULL with errno after one line to
// people: EADDRINUSE if another dataplane listens there.
struct link_server *link_server_open(struct event_table *events, const char *socket_path);

// Hangs up and removes the socket. NULL is allowed.
void link_server_close(struct link_server *server);

#define LINK_SERVER_DESCRIPTORS 2

// Fills what poll() shall wait for; a descriptor may be -1.
void link_server_prepare(
	const struct link_server *server, struct pollfd descriptors[LINK_SERVER_DESCRIPTORS]);

// Does what poll() has found: accepts, sends, and carries out a limited number of commands.
void link_server_turn(
	struct link_server *server, const struct pollfd descriptors[LINK_SERVER_DESCRIPTORS]);

// Queues COMMITTED. Lost if there is no peer: the next one repeats its COMMIT.
void link_server_committed(
	struct link_server *server, uint32_t event, uint32_t batch, int32_t status);

// True if COMMITTED can be queued now.
bool link_server_has_room(const struct link_server *server);

// Sends one DOORBELL if the socket takes it at once; count 0 means "look everywhere".
void link_server_doorbell(
	struct link_server *server, uint32_t event, const uint32_t *clients, uint32_t count);
