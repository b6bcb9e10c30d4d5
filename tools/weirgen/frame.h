// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What is around a datagram: Ethernet, a VLAN tag if the port has one, IPv4, UDP. A head is prepared
// once for each share and copied in front of each of its datagrams.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "port.h"

#define FRAME_HEAD_MAX 48 // bytes; 46 with a VLAN tag, and copied whole

struct frame_head {
	uint8_t bytes[FRAME_HEAD_MAX];
	uint16_t size;
	uint16_t whole; // bytes of the datagram whose lengths are in the head
};

struct frame_route {
	const uint8_t *mac; // of the receiver
	struct in_addr address;
	uint16_t port;
	uint16_t source_port;
};

void frame_head_make(struct frame_head *head, const struct port *port,
	const struct frame_route *route, uint16_t datagram_bytes);

// Rewrites lengths and checksum of a head that stands in a frame, for a datagram of another length.
void frame_set_length(uint8_t *frame, uint16_t head_size, uint16_t datagram_bytes);

// Puts a head in front of the datagram of that length, which is written already or will be, behind
// it. Returns the datagram's place.
static inline uint8_t *frame_put_head(
	struct rte_mbuf *mbuf, const struct frame_head *head, uint16_t datagram_bytes)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

	memcpy(frame, head->bytes, FRAME_HEAD_MAX);
	if (datagram_bytes != head->whole)
		frame_set_length(frame, head->size, datagram_bytes);
	mbuf->data_len = (uint16_t)(head->size + datagram_bytes);
	mbuf->pkt_len = mbuf->data_len;
	return frame + head->size;
}

// The datagram in a received frame: IPv4 and UDP to the port's address, whole and in one piece.
// Returns false if it is none.
struct frame_datagram {
	const uint8_t *bytes;
	uint16_t length;
	struct in_addr source;
};
bool frame_read(const struct rte_mbuf *mbuf, const struct port *port, struct frame_datagram *out);

// ARP (RFC 826). A request for the address in an empty mbuf.
void frame_write_arp_request(
	struct rte_mbuf *mbuf, const struct port *port, struct in_addr address);
// Whether the frame is ARP for this port; if it is the reply of the address, its MAC is written; if
// it asks for the port's address, the frame becomes the answer (*reply).
bool frame_take_arp(struct rte_mbuf *mbuf, const struct port *port, struct in_addr address,
	uint8_t mac[6], bool *learnt, bool *reply);
