// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Parse and the datagram validator: what is let through, and under which name each other frame drops.

#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "frames.h"
#include "parse.h"

#define FRAME_MAX 2048

TestSuite(parse, .init = desk_start, .fini = desk_stop, .timeout = 120);

static const struct wrapping ipv4 = {0};
static const struct wrapping ipv6 = {.ipv6 = true};
static const struct weir_packet_request request;
static const struct weir_packet_query query = {.first = 64};

#define EXPECT(frame, length, reason)                                                              \
	cr_expect_eq(desk_parse(frame, length, NULL), WEIR_COUNTER_##reason,                       \
		"expected " #reason ", got %s", weir_counter_name(desk_reason()))

// One byte changed in an otherwise good frame.
struct edit {
	size_t offset;
	uint8_t value;
	enum weir_counter reason;
};

static void expect_edits(const uint8_t *good, size_t length, const struct edit *edits, size_t n,
	void (*fix)(uint8_t *frame, size_t l2_length))
{
	uint8_t frame[FRAME_MAX];

	cr_assert_eq(desk_parse(good, length, NULL), GOOD);
	for (size_t i = 0; i < n; i++) {
		memcpy(frame, good, length);
		cr_assert_lt(edits[i].offset, length);
		cr_assert_neq(frame[edits[i].offset], edits[i].value, "edit %zu is none", i);
		frame[edits[i].offset] = edits[i].value;
		if (fix)
			fix(frame, 14);
		enum weir_counter reason = desk_parse(frame, length, NULL);
		cr_expect_eq(reason, edits[i].reason, "edit %zu (byte %zu): expected %s, got %s", i,
			edits[i].offset, weir_counter_name(edits[i].reason),
			weir_counter_name(reason));
	}
}

Test(parse, good_shares_are_described)
{
	const struct wrapping wrappings[] = {
		ipv4, ipv6, {.pad_to = 200}, {.ipv6 = true, .pad_to = 200}};
	uint8_t frame[FRAME_MAX];
	struct packet packet;

	for (size_t i = 0; i < RTE_DIM(wrappings); i++) {
		size_t length = frame_share(frame, &wrappings[i], 3, DESK_CHUNKS - 1);

		cr_assert_eq(desk_parse(frame, length, &packet), GOOD);
		cr_expect_eq(packet.kind, PACKET_SHARE);
		cr_expect_eq(packet.event, &desk.event);
		cr_expect_eq(packet.client, 3);
		cr_expect_eq(packet.chunk, DESK_CHUNKS - 1);
		cr_expect_eq(packet.body_length, 16);
		cr_expect_eq(packet.datagram_length, 16 + WEIR_PACKET_OVERHEAD);
		cr_expect_eq(packet.is_ipv6, wrappings[i].ipv6);
		cr_expect_eq(packet.l2_length, 14);
		cr_expect_eq(packet.l3_length, wrappings[i].ipv6 ? 40 : 20);
	}
	size_t length = frame_share(frame, &ipv4, 3, 0);
	cr_assert_eq(desk_parse(frame, length, &packet), GOOD);
	cr_expect_eq(packet.body_length, 64);
}

Test(parse, good_questions_are_described)
{
	uint8_t frame[FRAME_MAX];
	struct packet packet;
	size_t length = frame_message(frame, &ipv4, WEIR_PACKET_REQUEST, 1, 0x0abcdef0, &request);

	cr_assert_eq(desk_parse(frame, length, &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_REQUEST);
	cr_expect_eq(packet.chunk, 0x0abcdef0);
	cr_expect_eq(packet.body_length, 32);
	length = frame_message(frame, &ipv6, WEIR_PACKET_QUERY, 7, 9, &query);
	cr_assert_eq(desk_parse(frame, length, &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_QUERY);
	cr_expect_eq(packet.client, 7);
	cr_expect_eq(packet.body_length, 160);
}

Test(parse, link_messages_are_recognised)
{
	const struct wrapping on_wire = {.pad_to = 60};
	const struct wrapping on_wire6 = {.ipv6 = true, .pad_to = 80};
	uint8_t frame[FRAME_MAX];
	struct packet packet;

	cr_assert_eq(desk_parse(frame, frame_arp(frame, &on_wire), &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_ARP);
	cr_assert_eq(desk_parse(frame, frame_neighbour(frame, &ipv6, false, true), &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_NEIGHBOUR);
	cr_assert_eq(desk_parse(frame, frame_neighbour(frame, &ipv6, true, false), &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_NEIGHBOUR);
	cr_assert_eq(desk_parse(frame, frame_echo(frame, &on_wire, "", 0), &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_ECHO);
	cr_expect_eq(packet.datagram_length, 8);
	cr_assert_eq(desk_parse(frame, frame_echo(frame, &on_wire6, "abc", 3), &packet), GOOD);
	cr_expect_eq(packet.kind, PACKET_ECHO);
	cr_expect_eq(packet.datagram_length, 11);
}

Test(parse, bad_ethernet_and_ipv4_drop)
{
	static const struct edit anyhow[] = {
		{0, 0x00, WEIR_COUNTER_drop_not_ours},      // another host's
		{12, 0x88, WEIR_COUNTER_drop_not_ip},       // another protocol's
		{12, 0x81, WEIR_COUNTER_drop_vlan},         // a tag on an untagged port
		{14, 0x65, WEIR_COUNTER_drop_ip_malformed}, // version
		{14, 0x44, WEIR_COUNTER_drop_ip_malformed}, // header too short
		{14, 0x46, WEIR_COUNTER_drop_ip_options}, {16, 0xff, WEIR_COUNTER_drop_frame_short},
		{17, 19, WEIR_COUNTER_drop_ip_malformed},
		{18, 0, WEIR_COUNTER_drop_ip_malformed}, // checksum
		{24, 0, WEIR_COUNTER_drop_ip_malformed}, // checksum
	};
	static const struct edit repaired[] = {
		{17, 147, WEIR_COUNTER_drop_frame_short},
		{17, 131, WEIR_COUNTER_drop_udp_malformed},
		{17, 27, WEIR_COUNTER_drop_udp_malformed}, // no room for a UDP header
		{20, 0x20, WEIR_COUNTER_drop_ip_fragment}, {21, 1, WEIR_COUNTER_drop_ip_fragment},
		{23, 6, WEIR_COUNTER_drop_not_udp}, {26, 0, WEIR_COUNTER_drop_ip_malformed},
		{26, 224, WEIR_COUNTER_drop_ip_malformed},
		{26, 255, WEIR_COUNTER_drop_ip_malformed}, {33, 2, WEIR_COUNTER_drop_not_ours},
		{36, 0, WEIR_COUNTER_drop_udp_port}, {39, 111, WEIR_COUNTER_drop_udp_malformed},
		{39, 113, WEIR_COUNTER_drop_udp_malformed}, {20, 0x40, GOOD}, // do not fragment
		{15, 0xff, GOOD},                                             // type of service
		{22, 1, GOOD},                                                // time to live
		{40, 0, GOOD},                                                // UDP checksum
	};
	uint8_t frame[FRAME_MAX];
	size_t length = frame_share(frame, &ipv4, 3, 0);

	cr_assert_eq(length, 14 + 132);
	expect_edits(frame, length, anyhow, RTE_DIM(anyhow), NULL);
	expect_edits(frame, length, repaired, RTE_DIM(repaired), frame_fix_ipv4);
	frame[0] |= 1; // to a group
	EXPECT(frame, length, drop_not_ours);
}

Test(parse, bad_ipv6_drops)
{
	static const struct edit edits[] = {
		{14, 0x40, WEIR_COUNTER_drop_ip_malformed},
		{18, 0xff, WEIR_COUNTER_drop_frame_short}, {19, 113, WEIR_COUNTER_drop_frame_short},
		{19, 111, WEIR_COUNTER_drop_udp_malformed},
		{19, 7, WEIR_COUNTER_drop_udp_malformed}, {20, 44, WEIR_COUNTER_drop_ip_fragment},
		{20, 0, WEIR_COUNTER_drop_ip_options}, {20, 43, WEIR_COUNTER_drop_ip_options},
		{20, 60, WEIR_COUNTER_drop_ip_options}, {20, 6, WEIR_COUNTER_drop_not_udp},
		{20, 1, WEIR_COUNTER_drop_not_udp}, // ICMP for IPv4
		{22, 0xff, WEIR_COUNTER_drop_ip_malformed}, {53, 0x57, WEIR_COUNTER_drop_not_ours},
		{56, 0, WEIR_COUNTER_drop_udp_port}, {59, 111, WEIR_COUNTER_drop_udp_malformed},
		{21, 0, GOOD}, // hop limit
		{60, 0, GOOD}, // UDP checksum
	};
	uint8_t frame[FRAME_MAX];
	size_t length = frame_share(frame, &ipv6, 3, 0);

	cr_assert_eq(length, 54 + 112);
	expect_edits(frame, length, edits, RTE_DIM(edits), NULL);
	memcpy(frame + 38, desk.port.solicited_node, 16);
	EXPECT(frame, length, drop_not_ours);
	length = frame_share(frame, &ipv6, 3, 0);
	memset(frame + 22, 0, 16);
	EXPECT(frame, length, drop_ip_malformed);
}

Test(parse, addresses_that_the_port_lacks_drop)
{
	uint8_t frame[FRAME_MAX];

	desk.port.has_ipv4 = false;
	EXPECT(frame, frame_share(frame, &ipv4, 3, 0), drop_not_ours);
	EXPECT(frame, frame_arp(frame, &ipv4), drop_not_ours);
	desk.port.has_ipv6 = false;
	EXPECT(frame, frame_share(frame, &ipv6, 3, 0), drop_not_ours);
	EXPECT(frame, frame_neighbour(frame, &ipv6, false, true), drop_not_ours);
}

Test(parse, bad_arp_drops)
{
	static const struct edit edits[] = {
		{15, 6, WEIR_COUNTER_drop_not_ip},    // hardware type
		{16, 0x86, WEIR_COUNTER_drop_not_ip}, // protocol type
		{18, 8, WEIR_COUNTER_drop_not_ip}, {19, 16, WEIR_COUNTER_drop_not_ip},
		{21, 2, WEIR_COUNTER_drop_not_ours}, // a reply
		{41, 2, WEIR_COUNTER_drop_not_ours}, // for somebody else
	};
	uint8_t frame[FRAME_MAX];

	expect_edits(frame, frame_arp(frame, &ipv4), edits, RTE_DIM(edits), NULL);
}

Test(parse, bad_icmp_drops)
{
	static const struct edit edits[] = {
		{34, 0, WEIR_COUNTER_drop_not_udp},   // a reply
		{35, 1, WEIR_COUNTER_drop_not_udp},   // code
		{42, 'X', WEIR_COUNTER_drop_not_udp}, // its checksum
	};
	static const struct edit edits6[] = {
		{54, 129, WEIR_COUNTER_drop_not_udp},
		{55, 1, WEIR_COUNTER_drop_not_udp},
	};
	uint8_t frame[FRAME_MAX];
	size_t length = frame_echo(frame, &ipv4, "abc", 3);

	expect_edits(frame, length, edits, RTE_DIM(edits), NULL);
	frame[0] |= 1;
	EXPECT(frame, length, drop_not_ours);
	length = frame_echo(frame, &ipv6, "abc", 3);
	expect_edits(frame, length, edits6, RTE_DIM(edits6), frame_fix_icmpv6);
	frame[64] ^= 1;
	EXPECT(frame, length, drop_not_udp);
	length = frame_echo(frame, &ipv6, "abc", 3);
	frame[0] |= 1;
	EXPECT(frame, length, drop_not_ours);
	length = frame_udp(frame, &(struct wrapping){0}, "", 0);
	frame[23] = 1; // 8 zero-ish bytes are no echo request
	frame_fix_ipv4(frame, 14);
	EXPECT(frame, length, drop_not_udp);
}

Test(parse, bad_neighbour_solicitations_drop)
{
	static const struct edit edits[] = {
		{21, 254, WEIR_COUNTER_drop_not_udp}, // it came through a router
		{55, 1, WEIR_COUNTER_drop_not_udp},   // code
		{77, 0, WEIR_COUNTER_drop_not_ours},  // target
		{79, 0, WEIR_COUNTER_drop_not_udp},   // an option of no length
		{79, 2, WEIR_COUNTER_drop_not_udp},   // or of too great a one
		{78, 14, GOOD},                       // another option (a nonce)
	};
	uint8_t frame[FRAME_MAX];

	expect_edits(frame, frame_neighbour(frame, &ipv6, false, true), edits, RTE_DIM(edits),
		frame_fix_icmpv6);
	// From nobody: with a source address after all, and not to the group.
	EXPECT(frame, frame_neighbour(frame, &ipv6, true, true), drop_not_udp);
	size_t length = frame_neighbour(frame, &ipv6, true, false);
	memcpy(frame + 38, desk.port.ipv6, 16);
	frame_fix_icmpv6(frame, 14);
	EXPECT(frame, length, drop_not_udp);
	length = frame_neighbour(frame, &ipv6, false, true);
	frame[56] ^= 1; // checksum
	EXPECT(frame, length, drop_not_udp);
}

Test(parse, bad_datagrams_drop)
{
	static const struct edit edits[] = {
		{42, 2, WEIR_COUNTER_drop_packet_version},
		{44, 1, WEIR_COUNTER_drop_packet_version},
		{45, 0x80, WEIR_COUNTER_drop_packet_version},
		{43, WEIR_PACKET_REQUEST, WEIR_COUNTER_drop_packet_type}, // not what chunk says
		{57, 0x50, WEIR_COUNTER_drop_packet_type},
		{46, DESK_EVENT + 1, WEIR_COUNTER_drop_event_unknown},
		{46, DESK_EVENT + 4, WEIR_COUNTER_drop_event_unknown}, // the same table entry
		{46, 0, WEIR_COUNTER_drop_event_unknown},
		{50, 0, WEIR_COUNTER_drop_client_unknown},
		{50, DESK_CLIENTS, WEIR_COUNTER_drop_client_unknown},
		{53, 0xff, WEIR_COUNTER_drop_client_unknown},
		{54, DESK_CHUNKS & 0xff, WEIR_COUNTER_drop_chunk_range},
		{57, 0x3f, WEIR_COUNTER_drop_chunk_range},
		{54, (DESK_CHUNKS - 1) & 0xff, WEIR_COUNTER_drop_packet_length},
	};
	uint8_t frame[FRAME_MAX];
	size_t length = frame_share(frame, &ipv4, 3, DESK_CHUNKS / 256 * 256);

	expect_edits(frame, length, edits, RTE_DIM(edits), NULL);
}

Test(parse, vlan_must_be_the_ports)
{
	const struct wrapping own = {.vlan = 42}, other = {.vlan = 43};
	uint8_t frame[FRAME_MAX];
	struct packet packet;

	EXPECT(frame, frame_share(frame, &own, 3, 0), drop_vlan);
	desk.port.vlan = 42;
	size_t length = frame_share(frame, &own, 3, 0);
	cr_assert_eq(desk_parse(frame, length, &packet), GOOD);
	cr_expect_eq(packet.l2_length, 18);
	frame[14] |= 0xe0; // priority is not the VLAN's number
	cr_expect_eq(desk_parse(frame, length, NULL), GOOD);
	cr_expect_eq(desk_parse(frame, frame_arp(frame, &own), NULL), GOOD);
	EXPECT(frame, frame_share(frame, &other, 3, 0), drop_vlan);
	EXPECT(frame, frame_share(frame, &ipv4, 3, 0), drop_vlan);
	EXPECT(frame, frame_arp(frame, &ipv4), drop_vlan);
	length = frame_share(frame, &own, 3, 0);
	memcpy(frame + 16, (const uint8_t[]){0x81, 0x00}, 2); // a second tag
	EXPECT(frame, length, drop_not_ip);
}

// All frames that are good in some way, one after the other.
static size_t good_frame(uint8_t *frame, unsigned which)
{
	const struct wrapping how = {.ipv6 = which & 1, .vlan = desk.port.vlan};

	switch (which / 2) {
	case 0: return frame_share(frame, &how, 3, 5);
	case 1: return frame_share(frame, &how, 4, DESK_CHUNKS - 1);
	case 2: return frame_message(frame, &how, WEIR_PACKET_REQUEST, 1, 77, &request);
	case 3: return frame_message(frame, &how, WEIR_PACKET_QUERY, 3, 78, &query);
	case 4: return frame_echo(frame, &how, "0123456789", 10);
	case 5:
		return which & 1 ? frame_neighbour(frame, &how, false, true)
				 : frame_arp(frame, &how);
	case 6: return frame_neighbour(frame, &how, which & 1, !(which & 1));
	default: return 0;
	}
}

Test(parse, every_truncation_drops)
{
	uint8_t frame[FRAME_MAX];
	size_t length;

	for (unsigned vlan = 0; vlan <= 42; vlan += 42) {
		desk.port.vlan = (uint16_t)vlan;
		for (unsigned which = 0; (length = good_frame(frame, which)) > 0; which++) {
			cr_assert_eq(desk_parse(frame, length, NULL), GOOD, "frame %u", which);
			for (size_t cut = 0; cut < length; cut++)
				EXPECT(frame, cut, drop_frame_short);
		}
	}
}

static uint64_t next_random(uint64_t *state) // xorshift64*
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

// Whatever bytes arrive: parse stays within the frame, and what it lets through is what it says.
Test(parse, random_mutations_are_survived)
{
	uint64_t seed = 0x5765697250617273;
	uint8_t frame[FRAME_MAX];
	struct packet packet;
	unsigned good = 0;

	for (unsigned round = 0; round < 60000; round++) {
		size_t length = good_frame(frame, next_random(&seed) % 14);
		unsigned changes = 1 + next_random(&seed) % 3;

		for (unsigned i = 0; i < changes; i++)
			frame[next_random(&seed) % length] = (uint8_t)next_random(&seed);
		if (next_random(&seed) % 4 == 0)
			length = next_random(&seed) % (length + 1);
		if (length >= 34 && frame[12] == 8 && frame[13] == 0)
			frame_fix_ipv4(frame, 14);
		if (desk_parse(frame, length, &packet) != GOOD)
			continue;
		good++;
		if (packet.kind == PACKET_SHARE) {
			cr_assert_eq(packet.event, &desk.event);
			cr_assert_lt(packet.client, DESK_CLIENTS);
			cr_assert_lt(packet.chunk, DESK_CHUNKS);
			cr_assert_eq(
				packet.datagram_length, packet.body_length + WEIR_PACKET_OVERHEAD);
		}
	}
	cr_assert_gt(good, 1000, "the mutations should leave many frames good: %u", good);
}

// In `pieces` of equal size, in mbufs of their own.
static struct rte_mbuf *in_pieces(const uint8_t *frame, size_t length, unsigned pieces)
{
	struct rte_mbuf *head = NULL;
	size_t at = 0;

	for (unsigned i = 0; i < pieces; i++) {
		size_t end = length * (i + 1) / pieces;
		struct rte_mbuf *piece = desk_mbuf(frame + at, end - at);

		if (head)
			cr_assert_eq(rte_pktmbuf_chain(head, piece), 0);
		else
			head = piece;
		at = end;
	}
	return head;
}

Test(parse, segments_are_joined)
{
	uint8_t frame[FRAME_MAX], back[FRAME_MAX];
	size_t length = frame_message(frame, &ipv6, WEIR_PACKET_QUERY, 3, 1, &query);

	for (unsigned pieces = 2; pieces <= 40; pieces += 19) {
		struct rte_mbuf *mbuf = in_pieces(frame, length, pieces);

		desk_mark();
		parse_burst(&desk.worker, &desk.queue, &mbuf, 1);
		cr_assert_eq(desk_reason(), GOOD);
		struct packet *packet = packet_of(mbuf);
		cr_expect_eq(packet->kind, PACKET_QUERY);
		memcpy(back, packet->datagram, packet->datagram_length);
		cr_expect_arr_eq(back, frame + 62, 200);
		rte_pktmbuf_free(mbuf);
	}
}

Test(parse, segments_without_room_drop)
{
	uint8_t frame[FRAME_MAX];
	size_t length = frame_share(frame, &ipv4, 3, 0);
	struct rte_mbuf *mbuf = in_pieces(frame, length, 2);

	mbuf->data_off = mbuf->buf_len - mbuf->data_len; // at the end of its buffer
	desk_mark();
	parse_burst(&desk.worker, &desk.queue, &mbuf, 1);
	cr_expect_eq(desk_reason(), WEIR_COUNTER_drop_segments);
	rte_pktmbuf_free(mbuf);
}

Test(parse, a_burst_is_parsed_frame_by_frame)
{
	uint8_t frame[FRAME_MAX];
	struct rte_mbuf *burst[BURST_MAX];

	for (unsigned i = 0; i < BURST_MAX; i++)
		burst[i] = desk_mbuf(frame, frame_share(frame, &ipv4, i % 2 ? 3 : 0, i));
	desk_mark();
	parse_burst(&desk.worker, &desk.queue, burst, BURST_MAX);
	cr_expect_eq(desk_counted(WEIR_COUNTER_drop_client_unknown), BURST_MAX / 2);
	for (unsigned i = 0; i < BURST_MAX; i++) {
		cr_expect_eq(packet_of(burst[i])->kind, i % 2 ? PACKET_SHARE : PACKET_DROPPED);
		cr_expect(i % 2 == 0 || packet_of(burst[i])->chunk == i);
	}
	rte_pktmbuf_free_bulk(burst, BURST_MAX);
}

// A device that checks IPv4 headers saves the work; one that says nothing does not.
Test(parse, device_checksums_are_used_when_asked_for)
{
	uint8_t frame[FRAME_MAX];
	size_t length = frame_share(frame, &ipv4, 3, 0);

	frame[24] ^= 1;
	for (unsigned i = 0; i < 4; i++) {
		struct rte_mbuf *mbuf = desk_mbuf(frame, length);
		desk.port.checks_ipv4 = i & 1;
		mbuf->ol_flags |= i & 2 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;
		desk_mark();
		parse_burst(&desk.worker, &desk.queue, &mbuf, 1);
		cr_expect_eq(desk_reason(), i == 3 ? GOOD : WEIR_COUNTER_drop_ip_malformed);
		rte_pktmbuf_free(mbuf);
	}
}
