// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "frame.h"

#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#define TIME_TO_LIVE 64

// Ethernet and the port's VLAN tag. Returns what follows.
static uint8_t *put_ethernet(
	uint8_t *frame, const struct port *port, const uint8_t mac[6], uint16_t type)
{
	struct rte_ether_hdr *ethernet = (struct rte_ether_hdr *)frame;

	memcpy(ethernet->dst_addr.addr_bytes, mac, RTE_ETHER_ADDR_LEN);
	ethernet->src_addr = port->mac;
	if (port->vlan == 0) {
		ethernet->ether_type = rte_cpu_to_be_16(type);
		return frame + RTE_ETHER_HDR_LEN;
	}
	struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(ethernet + 1);

	ethernet->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	tag->vlan_tci = rte_cpu_to_be_16(port->vlan);
	tag->eth_proto = rte_cpu_to_be_16(type);
	return (uint8_t *)(tag + 1);
}

void frame_head_make(struct frame_head *head, const struct port *port,
	const struct frame_route *route, uint16_t datagram_bytes)
{
	*head = (struct frame_head){.whole = datagram_bytes};
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)put_ethernet(
		head->bytes, port, route->mac, RTE_ETHER_TYPE_IPV4);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = TIME_TO_LIVE,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = port->ipv4,
		.dst_addr = route->address.s_addr,
	};
	*udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(route->source_port),
		.dst_port = rte_cpu_to_be_16(route->port),
	}; // a checksum of 0: none (RFC 768); the tag covers more
	head->size = (uint16_t)((uint8_t *)(udp + 1) - head->bytes);
	frame_set_length(head->bytes, head->size, datagram_bytes);
}

void frame_set_length(uint8_t *frame, uint16_t head_size, uint16_t datagram_bytes)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + head_size) - 1;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)udp - 1;

	udp->dgram_len = rte_cpu_to_be_16((uint16_t)(sizeof(*udp) + datagram_bytes));
	ip->total_length =
		rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + sizeof(*udp) + datagram_bytes));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

// What follows Ethernet and the tag, and the type; NULL if it is not of the port's VLAN.
static const uint8_t *skip_ethernet(
	const struct rte_mbuf *mbuf, const struct port *port, uint16_t *type)
{
	const struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(ethernet + 1);

	if (mbuf->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
		return NULL;
	*type = rte_be_to_cpu_16(ethernet->ether_type);
	if (*type != RTE_ETHER_TYPE_VLAN)
		return port->vlan == 0 ? (const uint8_t *)tag : NULL;
	*type = rte_be_to_cpu_16(tag->eth_proto);
	return (rte_be_to_cpu_16(tag->vlan_tci) & 0xfff) == port->vlan ? (const uint8_t *)(tag + 1)
								       : NULL;
}

bool frame_read(const struct rte_mbuf *mbuf, const struct port *port, struct frame_datagram *out)
{
	uint16_t type;
	const uint8_t *start = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const uint8_t *at = skip_ethernet(mbuf, port, &type);

	if (!at || type != RTE_ETHER_TYPE_IPV4 || mbuf->nb_segs != 1)
		return false;
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	size_t room = mbuf->data_len - (size_t)(at - start);
	if (room < sizeof(*ip) + sizeof(*udp) || ip->version_ihl != RTE_IPV4_VHL_DEF ||
		ip->next_proto_id != IPPROTO_UDP || ip->dst_addr != port->ipv4 ||
		(ip->fragment_offset & RTE_BE16(~RTE_IPV4_HDR_DF_FLAG & 0xffff)) != 0)
		return false;
	uint16_t length = rte_be_to_cpu_16(udp->dgram_len);
	if (length < sizeof(*udp) || length > room - sizeof(*ip))
		return false;
	*out = (struct frame_datagram){
		.bytes = (const uint8_t *)(udp + 1),
		.length = (uint16_t)(length - sizeof(*udp)),
		.source = {ip->src_addr},
	};
	return true;
}

void frame_write_arp_request(struct rte_mbuf *mbuf, const struct port *port, struct in_addr address)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

	memset(frame, 0, RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN);
	struct rte_arp_hdr *arp =
		(struct rte_arp_hdr *)put_ethernet(frame, port, everybody, RTE_ETHER_TYPE_ARP);

	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(address),
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = port->mac,
			.arp_sip = port->ipv4,
			.arp_tip = address.s_addr},
	};
	mbuf->data_len = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;
	mbuf->pkt_len = mbuf->data_len;
}

bool frame_take_arp(struct rte_mbuf *mbuf, const struct port *port, struct in_addr address,
	uint8_t mac[6], bool *learnt, bool *reply)
{
	uint16_t type;
	uint8_t *start = rte_pktmbuf_mtod(mbuf, uint8_t *);
	const uint8_t *at = skip_ethernet(mbuf, port, &type);
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(start + (at ? at - start : 0));

	*learnt = *reply = false;
	if (!at || type != RTE_ETHER_TYPE_ARP ||
		mbuf->data_len - (size_t)(at - start) < sizeof(*arp) ||
		arp->arp_data.arp_tip != port->ipv4)
		return false;
	if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY) &&
		arp->arp_data.arp_sip == address.s_addr) {
		memcpy(mac, arp->arp_data.arp_sha.addr_bytes, RTE_ETHER_ADDR_LEN);
		*learnt = true;
	} else if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST)) {
		uint8_t asker[6];

		memcpy(asker, arp->arp_data.arp_sha.addr_bytes, sizeof(asker));
		put_ethernet(start, port, asker, RTE_ETHER_TYPE_ARP);
		arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
		arp->arp_data.arp_tha = arp->arp_data.arp_sha;
		arp->arp_data.arp_tip = arp->arp_data.arp_sip;
		arp->arp_data.arp_sha = port->mac;
		arp->arp_data.arp_sip = port->ipv4;
		*reply = true;
	}
	return true;
}
