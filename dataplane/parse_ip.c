// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Parse, IPv4 (RFC 791) and IPv6 (RFC 8200): lengths, header checksum, addresses. Fragments, options
// and extension headers are not for this appliance.

#include <netinet/in.h>

#include "parse.h"

enum weir_counter parse_ipv4(const struct port *port, const struct frame *frame,
	struct packet *packet, uint8_t *protocol)
{
	const struct rte_ipv4_hdr *ip =
		(const struct rte_ipv4_hdr *)(frame->bytes + packet->l2_length);
	uint32_t rest = frame->length - packet->l2_length;

	if (rest < sizeof(*ip))
		return WEIR_COUNTER_drop_frame_short;
	if (ip->version_ihl >> 4 != 4 || rte_ipv4_hdr_len(ip) < sizeof(*ip))
		return WEIR_COUNTER_drop_ip_malformed;
	if (rte_ipv4_hdr_len(ip) > sizeof(*ip))
		return WEIR_COUNTER_drop_ip_options;

	uint16_t total_length = rte_be_to_cpu_16(ip->total_length);
	if (total_length < sizeof(*ip))
		return WEIR_COUNTER_drop_ip_malformed;
	if (total_length > rest)
		return WEIR_COUNTER_drop_frame_short;
	if (!frame->checked_ipv4 && rte_raw_cksum(ip, sizeof(*ip)) != 0xffff)
		return WEIR_COUNTER_drop_ip_malformed;
	if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return WEIR_COUNTER_drop_ip_fragment;
	if (!port->has_ipv4 || ip->dst_addr != port->ipv4)
		return WEIR_COUNTER_drop_not_ours;
	// An answer must not go to a group or to nobody.
	if ((ip->src_addr & RTE_BE32(0xff000000)) == 0 ||
		(ip->src_addr & RTE_BE32(0xe0000000)) == RTE_BE32(0xe0000000))
		return WEIR_COUNTER_drop_ip_malformed;

	*protocol = ip->next_proto_id;
	packet->l3_length = sizeof(*ip);
	packet->datagram = frame->bytes + packet->l2_length + sizeof(*ip);
	packet->datagram_length = total_length - sizeof(*ip);
	return GOOD;
}

// Next headers that only lead to another header (RFC 8200, section 4; RFC 4302, 6275, 7401, 5533).
static bool is_extension(uint8_t next_header)
{
	switch (next_header) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case IPPROTO_MH:
	case 139: // host identity
	case 140: // shim6
		return true;
	default: return false;
	}
}

enum weir_counter parse_ipv6(const struct port *port, const struct frame *frame,
	struct packet *packet, uint8_t *protocol)
{
	const struct rte_ipv6_hdr *ip =
		(const struct rte_ipv6_hdr *)(frame->bytes + packet->l2_length);
	uint32_t rest = frame->length - packet->l2_length;

	if (rest < sizeof(*ip))
		return WEIR_COUNTER_drop_frame_short;
	if (rte_be_to_cpu_32(ip->vtc_flow) >> 28 != 6)
		return WEIR_COUNTER_drop_ip_malformed;

	uint16_t payload_length = rte_be_to_cpu_16(ip->payload_len);
	if (payload_length > rest - sizeof(*ip))
		return WEIR_COUNTER_drop_frame_short;
	if (ip->proto == IPPROTO_FRAGMENT)
		return WEIR_COUNTER_drop_ip_fragment;
	if (is_extension(ip->proto))
		return WEIR_COUNTER_drop_ip_options;
	if (!port->has_ipv6 || (memcmp(ip->dst_addr, port->ipv6, 16) != 0 &&
				       memcmp(ip->dst_addr, port->solicited_node, 16) != 0))
		return WEIR_COUNTER_drop_not_ours;
	if (ip->src_addr[0] == 0xff)
		return WEIR_COUNTER_drop_ip_malformed;

	*protocol = ip->proto;
	packet->is_ipv6 = 1;
	packet->l3_length = sizeof(*ip);
	packet->datagram = frame->bytes + packet->l2_length + sizeof(*ip);
	packet->datagram_length = payload_length;
	return GOOD;
}

enum weir_counter parse_unicast(
	const struct port *port, const struct frame *frame, const struct packet *packet)
{
	if (frame->to_group)
		return WEIR_COUNTER_drop_not_ours;
	if (!packet->is_ipv6)
		return GOOD;
	if (memcmp(ipv6_header(packet)->dst_addr, port->ipv6, 16) != 0)
		return WEIR_COUNTER_drop_not_ours;
	if (ipv6_is_unspecified(ipv6_header(packet)->src_addr))
		return WEIR_COUNTER_drop_ip_malformed;
	return GOOD;
}
