// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Where a running link takes commands: a Unix datagram socket, one command a datagram. A sender
// that has bound an address gets one datagram back: "ok", "error: ...", or the counters.
#pragma once

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct link_request {
	char text[512]; // without the line end
	struct sockaddr_un sender;
	socklen_t sender_size;
};

// Returns the socket, bound to a new file at path, or -errno.
int link_control_open(const char *path);

// Returns 1 with a request, 0 when none waits.
int link_control_receive(int fd, struct link_request *request);

// Answers, if the sender can be answered; never blocks.
void link_control_answer(int fd, const struct link_request *request, const char *answer);
