// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "frame.h"

#include <stdlib.h>
#include <string.h>

struct link_frame *link_frame_new(
	const struct virtio_net_hdr *offload, const uint8_t *bytes, size_t length)
{
	struct link_frame *frame = malloc(sizeof(*frame) + length);

	if (!frame)
		return NULL;
	frame->offload = *offload;
	frame->length = length;
	memcpy(frame->bytes, bytes, length);
	return frame;
}

// RFC 1071 over bytes in network order, folded and complemented.
static uint16_t internet_checksum(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (length & 1)
		sum += (uint32_t)bytes[length - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void link_frame_complete_checksum(struct link_frame *frame)
{
	struct virtio_net_hdr *offload = &frame->offload;
	size_t start = offload->csum_start, place = start + offload->csum_offset;

	if (!(offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
		offload->gso_type != VIRTIO_NET_HDR_GSO_NONE || place + 2 > frame->length)
		return;

	// The field holds the pseudo-header's sum already. A sum of 0 is sent as its equal
	// 0xffff, for 0 means "no checksum" in UDP.
	uint16_t sum = internet_checksum(frame->bytes + start, frame->length - start);
	if (sum == 0)
		sum = 0xffff;
	frame->bytes[place] = (uint8_t)(sum >> 8);
	frame->bytes[place + 1] = (uint8_t)sum;
	memset(offload, 0, sizeof(*offload));
}

void link_frame_flip_bit(struct link_frame *frame, uint64_t draw)
{
	if (frame->length == 0)
		return;
	uint64_t bit = draw % (frame->length * 8);
	frame->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}
