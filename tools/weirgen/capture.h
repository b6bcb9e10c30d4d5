// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A pcap file of frames (libpcap): written instead of sending, or read to be sent.
#pragma once

#include <stdint.h>
#include <rte_mbuf.h>

struct capture;

// NULL after a line.
struct capture *capture_create(const char *path);

// The frames, with the time now. For one thread. What goes wrong is told by capture_close.
void capture_write(struct capture *capture, struct rte_mbuf *const *frames, uint16_t count);

// The time of all later frames is so much later.
void capture_pause(struct capture *capture, uint32_t ms);

// Returns 0, or -errno after a line: the file is not whole. NULL is allowed.
int capture_close(struct capture *capture);
