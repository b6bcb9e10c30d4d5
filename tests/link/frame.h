// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One Ethernet frame on its way across the link, with the kernel's offload header.
#pragma once

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

// The largest super-frame the kernel hands over (64 KiB of IP), with its Ethernet header and tag.
#define LINK_FRAME_MAX (65536 + 64)

// Allocated with malloc, with its bytes behind it.
struct link_frame {
	struct virtio_net_hdr offload;
	size_t length;
	uint8_t bytes[];
};

// A copy of length bytes, or NULL when memory is short.
struct link_frame *link_frame_new(
	const struct virtio_net_hdr *offload, const uint8_t *bytes, size_t length);

// Completes the checksum that the sender's kernel left to the hardware, so that what crosses the
// link is what a cable would carry, and a flipped bit can be noticed. Leaves super-frames (which
// the receiver's kernel still has to cut) and frames without such a checksum alone.
void link_frame_complete_checksum(struct link_frame *frame);

// Flips one bit; which one is a function of draw and the length. An empty frame stays as it is.
void link_frame_flip_bit(struct link_frame *frame, uint64_t draw);
