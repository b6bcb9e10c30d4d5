// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Frames through parse, stage and answer. An input is a sequence of records: one byte of flags, a
// length (u16), and that many bytes. They are a frame, or a datagram to be wrapped in one (WRAP). SEAL
// encrypts a datagram's body under the key of the client that it names, and FIX repairs checksums, so
// that mutations reach what lies behind them. Every four records are a burst.

#include <endian.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "answer.h"
#include "dataplane_rig.h"
#include "fuzz.h"
#include "kernels.h"
#include "port.h"
#include "recovery.h"

enum { SEAL = 1, FIX = 2, WRAP = 4, IPV6 = 8, TAILROOM = 16 };

#define BURST      4
#define CLIENTS    8 // client c is brought to state c, as far as there is a way
#define SLOTS      3
#define CHUNK      16
#define FRAME_MOST 2048

static struct port port = {
	.name = "fuzz",
	.vlan = 0,
	.has_ipv4 = true,
	.has_ipv6 = true,
	.ipv6 = {0x20, 0x01, 0x0d, 0xb8, [13] = 0x12, 0x34, 0x56},
	.solicited_node = {0xff, 0x02, [11] = 0x01, 0xff, 0x12, 0x34, 0x56},
	.mac = {{0x02, 0x77, 0x65, 0x69, 0x72, 0x01}},
};
static const struct worker_queue queue = {&port, 0};

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	rig_make(UINT64_C(4) << 20, 1000);
	rig.worker.udp_port = htons(9347);
	inet_pton(AF_INET, "192.0.2.1", &port.ipv4);
	return 0;
}

static void open_event(uint32_t number, enum weir_modulus modulus, uint64_t dimension, uint32_t fec)
{
	const struct weir_link_event_open open = {.number = number,
		.modulus = modulus,
		.dimension = dimension,
		.chunk_elements = CHUNK,
		.max_clients = CLIENTS,
		.slot_count = SLOTS,
		.max_weight = 3,
		.window = 16,
		.fec = fec};
	const uint32_t admitted[] = {3, 4}, aborted = 7;
	struct weir_link_client clients[CLIENTS - 1];
	uint32_t refused;

	for (uint32_t i = 1; i < CLIENTS; i++) {
		clients[i - 1] = (struct weir_link_client){.index = i, .weight = 1};
		memset(clients[i - 1].key_to_aggregator, (int)(0x10 + i), WEIR_PACKET_KEY_SIZE);
		memset(clients[i - 1].key_to_client, (int)(0x80 + i), WEIR_PACKET_KEY_SIZE);
	}
	FUZZ_CHECK(event_open(&rig.table, &open) == 0);
	FUZZ_CHECK(event_add_clients(&rig.table, number, clients, CLIENTS - 1, &refused) == 0);
	FUZZ_CHECK(event_admit(&rig.table, number, admitted, 2, &refused) == 0);
	FUZZ_CHECK(event_abort(&rig.table, number, &aborted, 1, &refused) == 0);
}

static void seal(uint8_t *datagram, size_t length)
{
	struct weir_packet_header header;
	struct weir_aead_key key;
	uint8_t secret[WEIR_PACKET_KEY_SIZE];

	if (length < WEIR_PACKET_OVERHEAD)
		return;
	memcpy(&header, datagram, sizeof(header));
	memset(secret, (int)(0x10 + le32toh(header.client) % CLIENTS), sizeof(secret));
	weir_aead_expand(rig.table.aead, secret, &key);
	weir_aead_seal(rig.table.aead, &key, datagram + WEIR_PACKET_NONCE_OFFSET, datagram,
		sizeof(header), datagram + sizeof(header), length - WEIR_PACKET_OVERHEAD,
		datagram + sizeof(header), datagram + length - WEIR_AEAD_TAG_SIZE);
}

// Ethernet, IP and UDP around a datagram. Returns the frame's length.
static size_t wrap(uint8_t *frame, const uint8_t *datagram, size_t length, bool ipv6)
{
	size_t l3 = ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	struct rte_udp_hdr udp = {.src_port = htons(40000),
		.dst_port = rig.worker.udp_port,
		.dgram_len = htons((uint16_t)(sizeof(udp) + length))};
	struct rte_ipv4_hdr ip4 = {.version_ihl = 0x45,
		.total_length = htons((uint16_t)(l3 + sizeof(udp) + length)),
		.time_to_live = 17,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = htonl(0xc0000263),
		.dst_addr = port.ipv4};
	struct rte_ipv6_hdr ip6 = {.vtc_flow = htonl(0x60000000),
		.payload_len = htons((uint16_t)(sizeof(udp) + length)),
		.proto = IPPROTO_UDP,
		.hop_limits = 17,
		.src_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x99}};

	memcpy(frame, &port.mac, 6);
	memcpy(frame + 6, "\x02peer1", 6);
	frame[12] = ipv6 ? 0x86 : 0x08;
	frame[13] = ipv6 ? 0xdd : 0x00;
	ip4.hdr_checksum = rte_ipv4_cksum(&ip4);
	memcpy(ip6.dst_addr, port.ipv6, sizeof(ip6.dst_addr));
	memcpy(frame + 14, ipv6 ? (void *)&ip6 : (void *)&ip4, l3);
	memcpy(frame + 14 + l3, &udp, sizeof(udp));
	memcpy(frame + 14 + l3 + sizeof(udp), datagram, length);
	return 14 + l3 + sizeof(udp) + length;
}

static void fix(uint8_t *frame, size_t length)
{
	uint16_t type = length < 14 ? 0 : (uint16_t)(frame[12] << 8 | frame[13]);

	if (type == RTE_ETHER_TYPE_IPV4 && length >= 14 + sizeof(struct rte_ipv4_hdr)) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);
		size_t size = (ip->version_ihl & 15u) * 4u;

		ip->hdr_checksum = 0;
		if (size <= length - 14)
			ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, size);
	} else if (type == RTE_ETHER_TYPE_IPV6 &&
		   length >= 14 + sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_icmp_hdr)) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame + 14);
		struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);

		if (ip->proto == IPPROTO_ICMPV6 &&
			ntohs(ip->payload_len) <= length - 14 - sizeof(*ip)) {
			icmp->icmp_cksum = 0;
			icmp->icmp_cksum = rte_ipv6_udptcp_cksum(ip, icmp);
		}
	}
}

// An mbuf whose buffer ends where the frame does, so that a read behind it is seen.
static struct rte_mbuf *make_mbuf(const uint8_t *frame, size_t length, bool tailroom)
{
	struct rte_mbuf *mbuf = aligned_alloc(
		64, RTE_ALIGN_CEIL(sizeof(struct rte_mbuf) + sizeof(struct packet), 64));
	size_t size = length + (tailroom ? 64 : 0);

	FUZZ_CHECK(mbuf);
	memset(mbuf, 0, sizeof(*mbuf) + sizeof(struct packet));
	mbuf->buf_addr = malloc(size ? size : 1);
	FUZZ_CHECK(mbuf->buf_addr);
	memcpy(mbuf->buf_addr, frame, length);
	mbuf->buf_len = (uint16_t)size;
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	mbuf->nb_segs = 1;
	mbuf->priv_size = sizeof(struct packet);
	rte_mbuf_refcnt_set(mbuf, 1);
	return mbuf;
}

static struct rte_mbuf *next_frame(struct fuzz_input *input)
{
	uint8_t frame[FRAME_MOST + 64], bytes[FRAME_MOST - 128];
	uint8_t flags = fuzz_byte(input);
	uint16_t length;

	fuzz_take(input, &length, sizeof(length));
	if (length > input->size)
		length = (uint16_t)input->size;
	if (length > sizeof(bytes))
		length = sizeof(bytes);
	fuzz_take(input, bytes, length);
	if (flags & WRAP) {
		if (flags & SEAL)
			seal(bytes, length);
		return make_mbuf(frame, wrap(frame, bytes, length, flags & IPV6), flags & TAILROOM);
	}
	if (flags & FIX)
		fix(bytes, length);
	return make_mbuf(bytes, length, flags & TAILROOM);
}

// A reply is no longer than what it answers, save a neighbour advertisement.
static void answer(struct rte_mbuf *mbuf)
{
	bool is_neighbour = packet_of(mbuf)->kind == PACKET_NEIGHBOUR;
	uint32_t before = rte_pktmbuf_pkt_len(mbuf);

	if (answer_packet(&rig.worker, &port, mbuf))
		FUZZ_CHECK(rte_pktmbuf_pkt_len(mbuf) <= before + (is_neighbour ? 8 : 0));
}

static void check_event(uint32_t number)
{
	const struct event *event = event_lookup(&rig.table, number);

	for (uint32_t c = 0; c < CLIENTS; c++) {
		const struct weir_shm_client *client = &event->clients[c];
		uint64_t bits = 0, claims = 0;

		FUZZ_CHECK((client->state == WEIR_CLIENT_NONE) == (c == 0));
		FUZZ_CHECK((client->slot == WEIR_NO_SLOT) == (c != 3 && c != 4));
		FUZZ_CHECK(client->received <= event->chunk_count);
		if (client->slot == WEIR_NO_SLOT)
			continue;
		for (uint64_t i = 0; i < event->bitmap_words; i++) {
			uint64_t at = client->slot * event->bitmap_words + i;

			bits += (uint64_t)__builtin_popcountll(event->received[at]);
			claims += (uint64_t)__builtin_popcountll(event->claimed[at]);
		}
		FUZZ_CHECK(bits == client->received && claims == bits);
		FUZZ_CHECK((client->state == WEIR_CLIENT_COMPLETE) == (bits == event->chunk_count));
		FUZZ_CHECK(rig.table.kernels->ops[event->modulus].is_canonical(
			event->slots + client->slot * event->slot_stride, event->dimension));
	}
}

// As the control thread does between its other duties.
static void recover(void)
{
	void *doorbell;

	recovery_turn(&rig.table, rig.doorbells, rig.worker.doorbell_descriptor);
	while (!rte_ring_dequeue(rig.doorbells, &doorbell))
		FUZZ_CHECK((uintptr_t)doorbell >> 32 == 3); // the only event with parity
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};

	open_event(1, WEIR_MODULUS_M31, 2 * CHUNK + 4, 0);
	open_event(2, WEIR_MODULUS_M61, CHUNK, 0);
	open_event(3, WEIR_MODULUS_M31, 5 * CHUNK + 4, 3 << 16 | 2); // two groups of three chunks
	for (unsigned bursts = 0; input.size && bursts < 16; bursts++) {
		struct rte_mbuf *burst[BURST];
		uint16_t n = 0;

		while (n < BURST && input.size)
			burst[n++] = next_frame(&input);
		parse_burst(&rig.worker, &queue, burst, n);
		stage_burst(&rig.worker, burst, n);
		for (uint16_t i = 0; i < n; i++) {
			answer(burst[i]);
			free(burst[i]->buf_addr);
			free(burst[i]);
		}
		recover();
	}
	check_event(1);
	check_event(2);
	check_event(3);
	rig_close_events();
	return 0;
}
