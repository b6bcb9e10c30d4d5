// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One end of the link: a raw packet socket on a network interface.
#pragma once

#include "frame.h"

// Frames read or sent with one system call.
#define LINK_BURST 32

struct link_port_buffers; // port.c

struct link_port {
	int fd;
	struct link_port_buffers *buffers;
};

// Opens the interface: promiscuous, without the frames that this host sends on it, in non-blocking
// mode. Returns 0 or -errno; close the port in either case.
int link_port_open(struct link_port *port, const char *interface);

void link_port_close(struct link_port *port);

// Reads up to LINK_BURST frames, as a cable would carry them: VLAN tag in place, checksum complete.
// Each is the caller's to free. Returns how many, 0 when none waits.
int link_port_receive(struct link_port *port, struct link_frame *frames[LINK_BURST]);

// Sends the frames, in order, and frees them all. Returns how many the interface took.
int link_port_send(struct link_port *port, struct link_frame *frames[], int count);

// How many frames the kernel dropped since the last call because nobody read them in time.
uint64_t link_port_overruns(struct link_port *port);
