// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Answer: everything that gets a reply gets it in the frame that asked, sent back where it came from,
// on the queue it came in on. Frames that get none are freed here.

#include "answer.h"

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "icmp.h"

#define REPLY_TTL 64

static void return_ethernet(const struct port *port, struct rte_mbuf *mbuf)
{
	struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);

	rte_ether_addr_copy(&ethernet->src_addr, &ethernet->dst_addr);
	rte_ether_addr_copy(&port->mac, &ethernet->src_addr);
}

static void return_ipv4(struct rte_ipv4_hdr *ip)
{
	rte_be32_t own = ip->dst_addr;

	ip->dst_addr = ip->src_addr;
	ip->src_addr = own;
	ip->time_to_live = REPLY_TTL;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void return_ipv6(const struct port *port, struct rte_ipv6_hdr *ip)
{
	memcpy(ip->dst_addr, ip->src_addr, sizeof(ip->dst_addr));
	memcpy(ip->src_addr, port->ipv6, sizeof(ip->src_addr));
	ip->vtc_flow = RTE_BE32(0x60000000);
	ip->hop_limits = REPLY_TTL;
}

static void *ip_header(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_mtod_offset(mbuf, void *, packet_of(mbuf)->l2_length);
}

// The datagram's length has not changed, so neither have those in the headers.
static void return_udp(struct rte_mbuf *mbuf)
{
	const struct packet *packet = packet_of(mbuf);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(packet->datagram - sizeof(*udp));
	rte_be16_t own = udp->dst_port;

	udp->dst_port = udp->src_port;
	udp->src_port = own;
	// IPv4 allows to leave it out, IPv6 does not; the tag says more than it could.
	udp->dgram_cksum = 0;
	if (packet->is_ipv6)
		udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip_header(mbuf), udp);
}

// The type is all that changes, by 8 (ICMP) or by 1 (ICMPv6): RFC 1624, so that whatever happened
// to the payload on the way stays visible to who asked. The addresses only change places.
static void return_echo(const struct packet *packet)
{
	struct icmp_header *icmp = (struct icmp_header *)packet->datagram;
	uint8_t reply = packet->is_ipv6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;
	uint32_t sum = (uint16_t)~rte_be_to_cpu_16(icmp->checksum) + (uint16_t) ~(icmp->type << 8) +
		       (uint32_t)(reply << 8);

	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	icmp->type = reply;
	icmp->checksum = rte_cpu_to_be_16((uint16_t)~sum);
}

bool answer_packet(struct worker *worker, const struct port *port, struct rte_mbuf *mbuf)
{
	const struct packet *packet = packet_of(mbuf);

	switch ((enum packet_kind)packet->kind) {
	case PACKET_DROPPED:
	case PACKET_SHARE:
	case PACKET_PARITY: return false;
	case PACKET_ARP: return answer_arp(worker, port, mbuf);
	case PACKET_NEIGHBOUR: return answer_neighbour(worker, port, mbuf);
	case PACKET_REQUEST:
	case PACKET_QUERY:
		if (!answer_message(worker, packet))
			return false;
		break;
	case PACKET_ECHO:
		return_echo(packet);
		count(worker, WEIR_COUNTER_echo_replies, 1);
		break;
	}
	return_ethernet(port, mbuf);
	if (packet->is_ipv6)
		return_ipv6(port, ip_header(mbuf));
	else
		return_ipv4(ip_header(mbuf));
	if (packet->kind != PACKET_ECHO)
		return_udp(mbuf);
	return true;
}

static void send_burst(struct worker *worker, const struct worker_queue *queue,
	struct rte_mbuf **replies, uint16_t n)
{
	uint64_t bytes = 0, unsent_bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(replies[i]);
	uint16_t sent = rte_eth_tx_burst(queue->port->id, queue->queue, replies, n);
	for (uint16_t i = sent; i < n; i++)
		unsent_bytes += rte_pktmbuf_pkt_len(replies[i]);
	rte_pktmbuf_free_bulk(replies + sent, n - sent);
	count(worker, WEIR_COUNTER_tx_packets, sent);
	count(worker, WEIR_COUNTER_tx_bytes, bytes - unsent_bytes);
	count(worker, WEIR_COUNTER_drop_tx_full, n - sent);
}

void answer_burst(struct worker *worker, const struct worker_queue *queue, struct rte_mbuf **burst,
	uint16_t n)
{
	struct rte_mbuf *replies[BURST_MAX], *done[BURST_MAX];
	uint16_t reply_count = 0, done_count = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (answer_packet(worker, queue->port, burst[i]))
			replies[reply_count++] = burst[i];
		else
			done[done_count++] = burst[i];
	}
	if (done_count > 0)
		rte_pktmbuf_free_bulk(done, done_count);
	if (reply_count > 0)
		send_burst(worker, queue, replies, reply_count);
}
