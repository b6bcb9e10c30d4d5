// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Parse, ICMP (RFC 792) and ICMPv6 (RFC 4443, 4861): echo requests and neighbour solicitations.

#include "icmp.h"
#include "parse.h"

enum weir_counter parse_icmp(struct packet *packet)
{
	const struct icmp_header *icmp = (const struct icmp_header *)packet->datagram;

	if (packet->datagram_length < sizeof(*icmp) || icmp->type != ICMP_ECHO_REQUEST ||
		icmp->code != 0 ||
		rte_raw_cksum(packet->datagram, packet->datagram_length) != 0xffff)
		return WEIR_COUNTER_drop_not_udp;
	packet->kind = PACKET_ECHO;
	return GOOD;
}

// RFC 4861, 7.1.1: every option must say a length that is not zero and fits.
static bool neighbour_options_are_good(const struct packet *packet, bool from_nobody)
{
	const uint8_t *option = packet->datagram + sizeof(struct neighbour_message);
	size_t rest = packet->datagram_length - sizeof(struct neighbour_message);

	while (rest > 0) {
		size_t length = rest < 2 ? 0 : (size_t)option[1] * NEIGHBOUR_OPTION_UNIT;

		if (length == 0 || length > rest)
			return false;
		if (from_nobody && option[0] == NEIGHBOUR_OPTION_SOURCE)
			return false;
		option += length;
		rest -= length;
	}
	return true;
}

static enum weir_counter parse_neighbour(const struct port *port, struct packet *packet)
{
	const struct rte_ipv6_hdr *ip = ipv6_header(packet);
	const struct neighbour_message *message =
		(const struct neighbour_message *)packet->datagram;
	bool from_nobody = ipv6_is_unspecified(ip->src_addr); // duplicate address detection

	if (packet->datagram_length < sizeof(*message) || message->code != 0 ||
		ip->hop_limits != NEIGHBOUR_HOP_LIMIT ||
		!neighbour_options_are_good(packet, from_nobody))
		return WEIR_COUNTER_drop_not_udp;
	if (memcmp(message->target, port->ipv6, 16) != 0)
		return WEIR_COUNTER_drop_not_ours;
	if (from_nobody && memcmp(ip->dst_addr, port->solicited_node, 16) != 0)
		return WEIR_COUNTER_drop_not_udp;
	packet->kind = PACKET_NEIGHBOUR;
	return GOOD;
}

enum weir_counter parse_icmpv6(
	const struct port *port, const struct frame *frame, struct packet *packet)
{
	const struct icmp_header *icmp = (const struct icmp_header *)packet->datagram;

	if (packet->datagram_length < sizeof(*icmp) ||
		rte_ipv6_udptcp_cksum(ipv6_header(packet), icmp) != 0)
		return WEIR_COUNTER_drop_not_udp;
	if (icmp->type == ICMPV6_NEIGHBOUR_SOLICITATION)
		return parse_neighbour(port, packet);
	if (icmp->type != ICMPV6_ECHO_REQUEST || icmp->code != 0)
		return WEIR_COUNTER_drop_not_udp;
	packet->kind = PACKET_ECHO;
	return parse_unicast(port, frame, packet);
}
