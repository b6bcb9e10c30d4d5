// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Heads of frames, as the other side reads them; ARP both ways.
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <rte_arp.h>
#include <rte_ip.h>

#include "frame.h"

#define ROOM 2048

static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9};

// An mbuf without a pool.
struct buffer {
	struct rte_mbuf mbuf;
	uint8_t bytes[ROOM];
};

static void empty(struct buffer *buffer)
{
	memset(buffer, 0, sizeof(*buffer));
	buffer->mbuf.buf_addr = buffer->bytes;
	buffer->mbuf.buf_len = ROOM;
	buffer->mbuf.nb_segs = 1;
}

static struct port port_with(const char *address, uint16_t vlan, uint8_t mac)
{
	struct port port = {.vlan = vlan, .has_ipv4 = true, .mac = {{2, 0, 0, 0, 0, mac}}};

	port.ipv4 = inet_addr(address);
	return port;
}

Test(frame, is_read_as_it_was_written)
{
	for (uint16_t vlan = 0; vlan <= 42; vlan += 42) {
		struct port here = port_with("192.0.2.2", vlan, 1);
		struct port there = port_with("192.0.2.1", vlan, 9);
		struct port elsewhere = port_with("192.0.2.3", vlan, 8);
		struct port other_vlan = port_with("192.0.2.1", vlan + 1, 9);
		struct frame_route route = {peer_mac, {inet_addr("192.0.2.1")}, 9347, 20000};
		struct frame_head head;
		struct frame_datagram datagram;
		struct buffer buffer;

		frame_head_make(&head, &here, &route, 1448);
		cr_expect_eq(head.size, vlan ? 46 : 42);
		for (uint16_t length = 40; length <= 1448; length += 44) {
			empty(&buffer);
			uint8_t *place = frame_put_head(&buffer.mbuf, &head, length);
			memset(place, 0xab, length);
			cr_assert_eq(buffer.mbuf.data_len, head.size + length);
			cr_assert(frame_read(&buffer.mbuf, &there, &datagram));
			cr_expect_eq(datagram.length, length);
			cr_expect_eq(datagram.source.s_addr, here.ipv4);
			cr_expect_eq(datagram.bytes, place);
			const struct rte_ipv4_hdr *ip = (const void *)(place - 28);
			cr_expect_eq(rte_raw_cksum(ip, sizeof(*ip)), 0xffff);
			cr_expect_not(frame_read(&buffer.mbuf, &elsewhere, &datagram));
			cr_expect_not(frame_read(&buffer.mbuf, &other_vlan, &datagram));
		}
	}
}

Test(frame, is_not_read_if_cut_off)
{
	struct port here = port_with("192.0.2.2", 0, 1), there = port_with("192.0.2.1", 0, 9);
	struct frame_route route = {peer_mac, {inet_addr("192.0.2.1")}, 9347, 20000};
	struct frame_datagram datagram;
	struct frame_head head;
	struct buffer buffer;

	frame_head_make(&head, &here, &route, 200);
	empty(&buffer);
	frame_put_head(&buffer.mbuf, &head, 200);
	for (uint16_t length = 0; length < head.size + 200; length++) {
		buffer.mbuf.data_len = length;
		cr_expect_not(frame_read(&buffer.mbuf, &there, &datagram), "%u bytes", length);
	}
}

Test(frame, arp_both_ways)
{
	for (uint16_t vlan = 0; vlan <= 7; vlan += 7) {
		struct port here = port_with("192.0.2.2", vlan, 1);
		struct port there = port_with("192.0.2.1", vlan, 9);
		struct in_addr wanted = {there.ipv4}, other = {inet_addr("192.0.2.77")};
		uint8_t mac[6] = {0};
		bool learnt, reply;
		struct buffer buffer;

		empty(&buffer);
		frame_write_arp_request(&buffer.mbuf, &here, other);
		cr_expect_not(frame_take_arp(&buffer.mbuf, &there, wanted, mac, &learnt, &reply));

		empty(&buffer);
		frame_write_arp_request(&buffer.mbuf, &here, wanted);
		cr_assert(frame_take_arp(&buffer.mbuf, &there, other, mac, &learnt, &reply));
		cr_expect(reply);
		cr_expect_not(learnt);
		cr_assert(frame_take_arp(&buffer.mbuf, &here, wanted, mac, &learnt, &reply));
		cr_expect(learnt);
		cr_expect_not(reply);
		cr_expect_eq(memcmp(mac, peer_mac, sizeof(mac)), 0);
	}
}
