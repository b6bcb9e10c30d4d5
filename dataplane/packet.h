// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the stages know of one packet: filled by parse, read by stage and answer. It lives in the
// mbuf's private area, so that the stages meet here and nowhere else.
#pragma once

#include <stdint.h>
#include <rte_mbuf.h>

#include "share_packet.h"

struct event;

// What parse found the frame to be.
enum packet_kind {
	PACKET_DROPPED,   // counted under its reason; to be freed
	PACKET_SHARE,     // for stage
	PACKET_PARITY,    // for stage
	PACKET_REQUEST,   // for answer
	PACKET_QUERY,     // for answer
	PACKET_ARP,       // for answer
	PACKET_NEIGHBOUR, // IPv6 neighbour solicitation, for answer
	PACKET_ECHO,      // ICMP or ICMPv6 echo request, for answer
};

struct packet {
	struct event *
		event; // SHARE, PARITY, REQUEST, QUERY; valid until the worker's next quiescent point
	uint8_t *datagram; // UDP payload, contiguous: header, ciphertext, tag. ECHO, NEIGHBOUR:
			   // the ICMP message
	uint32_t client;   // host order, below the event's max_clients
	uint32_t chunk;    // SHARE, PARITY: below how many there are
	uint16_t datagram_length;
	uint16_t body_length; // ciphertext, without header and tag
	uint16_t l2_length;   // Ethernet, with its VLAN tag if there is one
	uint16_t l3_length;
	uint8_t kind; // enum packet_kind
	uint8_t is_ipv6;
	uint8_t port; // index in the config
};

static inline struct packet *packet_of(struct rte_mbuf *mbuf)
{
	return rte_mbuf_to_priv(mbuf);
}
