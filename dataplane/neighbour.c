// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Answer, the link: who has this address? ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861).

#include <rte_arp.h>
#include <rte_ip.h>

#include "answer.h"
#include "icmp.h"
#include "parse.h"

static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
static const struct rte_ether_addr all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}};

bool answer_arp(struct worker *worker, const struct port *port, struct rte_mbuf *mbuf)
{
	struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	struct rte_arp_hdr *arp =
		rte_pktmbuf_mtod_offset(mbuf, struct rte_arp_hdr *, packet_of(mbuf)->l2_length);

	rte_ether_addr_copy(&ethernet->src_addr, &ethernet->dst_addr);
	rte_ether_addr_copy(&port->mac, &ethernet->src_addr);
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_tha = arp->arp_data.arp_sha;
	arp->arp_data.arp_tip = arp->arp_data.arp_sip;
	arp->arp_data.arp_sha = port->mac;
	arp->arp_data.arp_sip = port->ipv4;
	count(worker, WEIR_COUNTER_arp_replies, 1);
	return true;
}

// Cuts or lengthens the frame.
static bool set_length(struct rte_mbuf *mbuf, uint16_t length)
{
	uint16_t now = rte_pktmbuf_data_len(mbuf);

	if (length > now)
		return rte_pktmbuf_append(mbuf, length - now) != NULL;
	return rte_pktmbuf_trim(mbuf, now - length) == 0;
}

bool answer_neighbour(struct worker *worker, const struct port *port, struct rte_mbuf *mbuf)
{
	const struct packet *packet = packet_of(mbuf);
	struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv6_hdr *, packet->l2_length);
	struct neighbour_message *message = (struct neighbour_message *)packet->datagram;
	struct neighbour_option *option = (struct neighbour_option *)(message + 1);
	uint16_t length = sizeof(*message) + sizeof(*option);
	// Somebody without an address yet checks whether this one is free: all are told.
	bool to_all = ipv6_is_unspecified(ip->src_addr);

	// A solicitation need not have an option, so the advertisement may be the longer one.
	if (!set_length(mbuf, packet->l2_length + packet->l3_length + length)) {
		count(worker, WEIR_COUNTER_drop_reply_memory, 1);
		return false;
	}
	rte_ether_addr_copy(to_all ? &all_nodes_mac : &ethernet->src_addr, &ethernet->dst_addr);
	rte_ether_addr_copy(&port->mac, &ethernet->src_addr);
	memcpy(ip->dst_addr, to_all ? all_nodes : ip->src_addr, sizeof(ip->dst_addr));
	memcpy(ip->src_addr, port->ipv6, sizeof(ip->src_addr));
	ip->vtc_flow = RTE_BE32(0x60000000);
	ip->payload_len = rte_cpu_to_be_16(length);
	ip->hop_limits = NEIGHBOUR_HOP_LIMIT;

	*message = (struct neighbour_message){
		.type = ICMPV6_NEIGHBOUR_ADVERTISEMENT,
		.flags = NEIGHBOUR_FLAG_OVERRIDE | (to_all ? 0 : NEIGHBOUR_FLAG_SOLICITED),
	};
	memcpy(message->target, port->ipv6, sizeof(message->target));
	*option = (struct neighbour_option){.type = NEIGHBOUR_OPTION_TARGET, .length = 1};
	memcpy(option->mac, port->mac.addr_bytes, sizeof(option->mac));
	message->checksum = rte_ipv6_udptcp_cksum(ip, message);
	count(worker, WEIR_COUNTER_nd_replies, 1);
	return true;
}
