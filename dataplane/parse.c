// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Parse: from the frame down to the datagram. Every length comes from a header and is checked against
// what is really there; what follows the IP packet (Ethernet padding) is ignored.
//
// The UDP checksum is not verified. Authentication (GCM) covers all that matters in the datagram far
// better than 16 bits could, and a sender on the same machine (veth, tap, virtio) hands over frames
// whose checksum a device was expected to finish, so that an honest packet's may be wrong.

#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "parse.h"
#include "worker.h"

static enum weir_counter parse_ethernet(
	const struct port *port, struct frame *frame, struct packet *packet)
{
	const struct rte_ether_hdr *ethernet = (const struct rte_ether_hdr *)frame->bytes;
	uint16_t vlan = 0;

	if (frame->length < sizeof(*ethernet))
		return WEIR_COUNTER_drop_frame_short;
	frame->to_group = rte_is_multicast_ether_addr(&ethernet->dst_addr);
	if (!frame->to_group && !rte_is_same_ether_addr(&ethernet->dst_addr, &port->mac))
		return WEIR_COUNTER_drop_not_ours;

	frame->ether_type = rte_be_to_cpu_16(ethernet->ether_type);
	packet->l2_length = sizeof(*ethernet);
	if (frame->ether_type == RTE_ETHER_TYPE_VLAN) {
		const struct rte_vlan_hdr *tag =
			(const struct rte_vlan_hdr *)(frame->bytes + sizeof(*ethernet));

		if (frame->length < sizeof(*ethernet) + sizeof(*tag))
			return WEIR_COUNTER_drop_frame_short;
		if (port->vlan == 0) // even a priority tag: this port is untagged
			return WEIR_COUNTER_drop_vlan;
		vlan = rte_be_to_cpu_16(tag->vlan_tci) & 0xfff;
		frame->ether_type = rte_be_to_cpu_16(tag->eth_proto);
		packet->l2_length += sizeof(*tag);
	}
	return vlan == port->vlan ? GOOD : WEIR_COUNTER_drop_vlan;
}

static enum weir_counter parse_arp(
	const struct port *port, const struct frame *frame, struct packet *packet)
{
	const struct rte_arp_hdr *arp =
		(const struct rte_arp_hdr *)(frame->bytes + packet->l2_length);

	if (frame->length < packet->l2_length + sizeof(*arp))
		return WEIR_COUNTER_drop_frame_short;
	if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
		arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
		arp->arp_hlen != RTE_ETHER_ADDR_LEN || arp->arp_plen != sizeof(rte_be32_t))
		return WEIR_COUNTER_drop_not_ip;
	if (arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) || !port->has_ipv4 ||
		arp->arp_data.arp_tip != port->ipv4)
		return WEIR_COUNTER_drop_not_ours;
	packet->kind = PACKET_ARP;
	return GOOD;
}

static enum weir_counter parse_udp(const struct worker *worker, struct packet *packet)
{
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)packet->datagram;
	struct datagram datagram;

	if (packet->datagram_length < sizeof(*udp))
		return WEIR_COUNTER_drop_udp_malformed;
	if (udp->dst_port != worker->udp_port)
		return WEIR_COUNTER_drop_udp_port;
	if (rte_be_to_cpu_16(udp->dgram_len) != packet->datagram_length)
		return WEIR_COUNTER_drop_udp_malformed;
	packet->datagram += sizeof(*udp);
	packet->datagram_length -= sizeof(*udp);

	enum weir_counter reason = validate_datagram(
		worker->events, packet->datagram, packet->datagram_length, &datagram);
	if (reason != DATAGRAM_VALID)
		return reason;
	packet->event = datagram.event;
	packet->client = datagram.client;
	packet->chunk = datagram.chunk;
	packet->body_length = datagram.body_length;
	packet->kind = datagram.type == WEIR_PACKET_SHARE     ? PACKET_SHARE
		       : datagram.type == WEIR_PACKET_PARITY  ? PACKET_PARITY
		       : datagram.type == WEIR_PACKET_REQUEST ? PACKET_REQUEST
							      : PACKET_QUERY;
	return GOOD;
}

static enum weir_counter parse_frame(const struct worker *worker, const struct port *port,
	struct frame *frame, struct packet *packet)
{
	uint8_t protocol;
	enum weir_counter reason = parse_ethernet(port, frame, packet);

	if (reason != GOOD)
		return reason;
	switch (frame->ether_type) {
	case RTE_ETHER_TYPE_ARP: return parse_arp(port, frame, packet);
	case RTE_ETHER_TYPE_IPV4: reason = parse_ipv4(port, frame, packet, &protocol); break;
	case RTE_ETHER_TYPE_IPV6: reason = parse_ipv6(port, frame, packet, &protocol); break;
	default: return WEIR_COUNTER_drop_not_ip;
	}
	if (reason != GOOD)
		return reason;
	if (packet->is_ipv6 && protocol == IPPROTO_ICMPV6)
		return parse_icmpv6(port, frame, packet);

	reason = parse_unicast(port, frame, packet);
	if (reason != GOOD)
		return reason;
	if (protocol == IPPROTO_UDP)
		return parse_udp(worker, packet);
	if (!packet->is_ipv6 && protocol == IPPROTO_ICMP)
		return parse_icmp(packet);
	return WEIR_COUNTER_drop_not_udp;
}

static enum weir_counter parse_mbuf(
	const struct worker *worker, const struct port *port, struct rte_mbuf *mbuf)
{
	struct packet *packet = packet_of(mbuf);

	*packet = (struct packet){.kind = PACKET_DROPPED, .port = port->index};
	// A driver that strips VLAN tags unasked: back it goes, answers need it too.
	if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) && rte_vlan_insert(&mbuf) != 0)
		return WEIR_COUNTER_drop_vlan;
	if (mbuf->nb_segs > 1 && rte_pktmbuf_linearize(mbuf) != 0)
		return WEIR_COUNTER_drop_segments;

	uint64_t ipv4_checksum = mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
	struct frame frame = {
		.bytes = rte_pktmbuf_mtod(mbuf, uint8_t *),
		.length = rte_pktmbuf_data_len(mbuf),
		.checked_ipv4 = port->checks_ipv4 && ipv4_checksum == RTE_MBUF_F_RX_IP_CKSUM_GOOD,
	};
	return parse_frame(worker, port, &frame, packet);
}

void parse_burst(struct worker *worker, const struct worker_queue *queue, struct rte_mbuf **burst,
	uint16_t n)
{
	// The headers, which another core or a device has just written, begin in one line and may end
	// in the next.
	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(burst[i], uint8_t *);

		rte_prefetch0(frame);
		rte_prefetch0(frame + RTE_CACHE_LINE_SIZE);
	}
	for (uint16_t i = 0; i < n; i++) {
		enum weir_counter reason = parse_mbuf(worker, queue->port, burst[i]);
		if (reason != GOOD) {
			packet_of(burst[i])->kind = PACKET_DROPPED;
			count(worker, reason, 1);
		}
	}
}
