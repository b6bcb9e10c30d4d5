// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The parts of parse, one a layer. Each returns GOOD or the drop reason.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <rte_ip.h>

#include "counters.h"
#include "datagram.h"
#include "packet.h"
#include "port.h"

#define GOOD DATAGRAM_VALID // nothing to object to

// A frame in one piece, and how far it has been understood.
struct frame {
	uint8_t *bytes;
	uint32_t length;
	uint16_t ether_type; // host order, of what follows the VLAN tag
	bool to_group;       // Ethernet destination is a multicast or broadcast address
	bool checked_ipv4;   // by the device
};

// The IP header: sets packet's l3_length, and datagram to the IP payload until the next layer is
// parsed. The source is one to which an answer can go, save an unspecified IPv6 one.
enum weir_counter parse_ipv4(const struct port *port, const struct frame *frame,
	struct packet *packet, uint8_t *protocol);
// The destination may be the solicited-node address.
enum weir_counter parse_ipv6(const struct port *port, const struct frame *frame,
	struct packet *packet, uint8_t *protocol);

// For everything but ARP and neighbour solicitations: from one host, to this one.
enum weir_counter parse_unicast(
	const struct port *port, const struct frame *frame, const struct packet *packet);

// ICMP, ICMPv6: sets the kind; datagram is the message.
enum weir_counter parse_icmp(struct packet *packet);
enum weir_counter parse_icmpv6(
	const struct port *port, const struct frame *frame, struct packet *packet);

static inline const struct rte_ipv6_hdr *ipv6_header(const struct packet *packet)
{
	return (const struct rte_ipv6_hdr *)(packet->datagram - packet->l3_length);
}

static inline bool ipv6_is_unspecified(const uint8_t address[16])
{
	static const uint8_t zero[16];
	return memcmp(address, zero, sizeof(zero)) == 0;
}
