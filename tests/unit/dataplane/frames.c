// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "frames.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "eal.h"
#include "kernels.h"

struct desk desk;

const uint8_t desk_peer_mac[6] = {0x02, 0x70, 0x65, 0x65, 0x72, 0x01};
const uint8_t desk_peer_ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x99};
static const uint8_t own_ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [13] = 0x12, 0x34, 0x56};
static const uint8_t solicited_node[16] = {0xff, 0x02, [11] = 0x01, [12] = 0xff, 0x12, 0x34, 0x56};

static void open_port(void)
{
	struct weir_port_config config = {
		.device = "net_ring0",
		.has_ipv4 = true,
		.has_ipv6 = true,
		.mtu = 1500,
		.queues = 1,
		.descriptors = 256,
	};

	inet_pton(AF_INET, "192.0.2.1", &config.ipv4);
	memcpy(&config.ipv6, own_ipv6, sizeof(own_ipv6));
	cr_assert_eq(port_open(&desk.port, &config, 0, 1, 4096), 0);
	// A ring has none.
	desk.port.mac = (struct rte_ether_addr){{0x02, 0x77, 0x65, 0x69, 0x72, 0x01}};
}

static void open_event(void)
{
	uint64_t dimension = (DESK_CHUNKS - 1) * DESK_CHUNK_ELEMENTS + 4;

	desk.event = (struct event){
		.number = DESK_EVENT,
		.modulus = WEIR_MODULUS_M31,
		.element_size = 4,
		.chunk_elements = DESK_CHUNK_ELEMENTS,
		.chunk_count = DESK_CHUNKS,
		.max_clients = DESK_CLIENTS,
		.slot_count = 3,
		.window = DESK_WINDOW,
		.dimension = dimension,
		.rate = DESK_RATE,
		.clients = desk.clients,
		.keys = desk.keys,
		.bitmap_words = (DESK_CHUNKS + 63) / 64,
	};
	desk.event.received = calloc(3 * desk.event.bitmap_words, sizeof(uint64_t));
	for (uint32_t i = 0; i < DESK_CLIENTS; i++) {
		desk.clients[i].state = i;
		desk.clients[i].slot = WEIR_NO_SLOT;
		memset(desk.keys[i].to_aggregator, 0x10 + (int)i, WEIR_PACKET_KEY_SIZE);
		memset(desk.keys[i].to_client, 0x80 + (int)i, WEIR_PACKET_KEY_SIZE);
	}
	desk.clients[WEIR_CLIENT_ADMITTED].slot = 1;
	desk.clients[WEIR_CLIENT_COMPLETE].slot = 0;
	desk.table[DESK_EVENT % 4] = &desk.event;
	desk.events = (struct event_table){
		.capacity = 4,
		.events = desk.table,
		.aead = weir_aead_new(),
		.kernels = weir_kernels_select(NULL),
	};
}

void desk_start(void)
{
	struct weir_dataplane_config config = {
		.ports = {{.device = "net_ring0"}},
		.port_count = 1,
		.hugepages = WEIR_HUGEPAGES_OFF,
		.packet_memory = 64 << 20,
		.file_prefix = "weir-test",
	};
	bool hugepages;

	cr_assert_eq(eal_start(&config, &hugepages), 0);
	cr_assert(!hugepages);
	open_port();
	open_event();
	desk.queue = (struct worker_queue){&desk.port, 0};
	desk.worker = (struct worker){
		.queues = {desk.queue},
		.queue_count = 1,
		.events = &desk.events,
		.udp_port = htons(DESK_UDP_PORT),
		.wait_ms = DESK_WAIT_MS,
		.doorbells = rte_ring_create("doorbells", 16, SOCKET_ID_ANY, 0),
		.doorbell_descriptor = eventfd(0, EFD_NONBLOCK),
		.counters = desk.counters,
		.stop = &desk.stop,
		.reply_nonce = UINT64_C(0x1122334455667788),
	};
	cr_assert_not_null(desk.worker.doorbells);
	cr_assert_not_null(desk.events.aead);
}

void desk_stop(void)
{
	close(desk.worker.doorbell_descriptor);
	rte_ring_free(desk.worker.doorbells);
	weir_aead_free((struct weir_aead *)desk.events.aead);
	free((void *)desk.event.received);
	port_close(&desk.port);
	eal_stop();
}

void desk_mark(void)
{
	memcpy(desk.before, desk.counters, sizeof(desk.before));
}

uint64_t desk_counted(enum weir_counter counter)
{
	return desk.counters[counter] - desk.before[counter];
}

enum weir_counter desk_reason(void)
{
	enum weir_counter reason = DATAGRAM_VALID;

	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++) {
		if (strncmp(weir_counter_name(i), "drop_", 5) != 0 || desk_counted(i) == 0)
			continue;
		cr_assert_eq(reason, DATAGRAM_VALID, "both %s and %s", weir_counter_name(reason),
			weir_counter_name(i));
		cr_assert_eq(desk_counted(i), 1);
		reason = i;
	}
	return reason;
}

static size_t put_ethernet(uint8_t *frame, const struct wrapping *how, uint16_t type)
{
	uint16_t fields[3] = {htons(0x8100), htons(how->vlan), htons(type)};

	memcpy(frame, &desk.port.mac, 6);
	memcpy(frame + 6, desk_peer_mac, 6);
	if (how->vlan) {
		memcpy(frame + 12, fields, 6);
		return 18;
	}
	memcpy(frame + 12, &fields[2], 2);
	return 14;
}

static size_t put_ip(uint8_t *frame, const struct wrapping *how, uint8_t protocol, size_t payload)
{
	size_t l2 = put_ethernet(frame, how, how->ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);

	if (how->ipv6) {
		struct rte_ipv6_hdr ip = {
			.vtc_flow = htonl(0x60012345),
			.payload_len = htons((uint16_t)payload),
			.proto = protocol,
			.hop_limits = 17,
		};
		memcpy(ip.src_addr, desk_peer_ipv6, 16);
		memcpy(ip.dst_addr, own_ipv6, 16);
		memcpy(frame + l2, &ip, sizeof(ip));
		return l2 + sizeof(ip);
	}
	struct rte_ipv4_hdr ip = {
		.version_ihl = 0x45,
		.total_length = htons((uint16_t)(sizeof(ip) + payload)),
		.packet_id = htons(0xabcd),
		.time_to_live = 17,
		.next_proto_id = protocol,
		.src_addr = htonl(0xc0000263), // 192.0.2.99
		.dst_addr = htonl(0xc0000201),
	};
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(frame + l2, &ip, sizeof(ip));
	return l2 + sizeof(ip);
}

static size_t pad(uint8_t *frame, const struct wrapping *how, size_t length)
{
	if (length >= how->pad_to)
		return length;
	memset(frame + length, 0xee, how->pad_to - length); // padding need not be zero
	return how->pad_to;
}

size_t frame_udp(uint8_t *frame, const struct wrapping *how, const void *payload, size_t length)
{
	struct rte_udp_hdr udp = {
		.src_port = htons(40000),
		.dst_port = htons(how->udp_port ? how->udp_port : DESK_UDP_PORT),
		.dgram_len = htons((uint16_t)(sizeof(udp) + length)),
		.dgram_cksum = htons(0xdead), // nobody looks
	};
	size_t at = put_ip(frame, how, IPPROTO_UDP, sizeof(udp) + length);

	memcpy(frame + at, &udp, sizeof(udp));
	memcpy(frame + at + sizeof(udp), payload, length);
	return pad(frame, how, at + sizeof(udp) + length);
}

void frame_fix_ipv4(uint8_t *frame, size_t l2_length)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + l2_length);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

void frame_fix_icmpv6(uint8_t *frame, size_t l2_length)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame + l2_length);
	struct icmp_header *icmp = (struct icmp_header *)(ip + 1);

	icmp->checksum = 0;
	icmp->checksum = rte_ipv6_udptcp_cksum(ip, icmp);
}

size_t frame_echo(uint8_t *frame, const struct wrapping *how, const void *payload, size_t length)
{
	struct icmp_header icmp = {
		.type = how->ipv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST,
		.identifier = htons(0x1234),
		.sequence = htons(5),
	};
	size_t at = put_ip(
		frame, how, how->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, sizeof(icmp) + length);

	memcpy(frame + at, &icmp, sizeof(icmp));
	memcpy(frame + at + sizeof(icmp), payload, length);
	if (how->ipv6) {
		frame_fix_icmpv6(frame, at - sizeof(struct rte_ipv6_hdr));
	} else {
		uint16_t sum = (uint16_t)~rte_raw_cksum(frame + at, sizeof(icmp) + length);
		memcpy(frame + at + 2, &sum, 2);
	}
	return pad(frame, how, at + sizeof(icmp) + length);
}

size_t frame_arp(uint8_t *frame, const struct wrapping *how)
{
	struct rte_arp_hdr arp = {
		.arp_hardware = htons(1),
		.arp_protocol = htons(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = 6,
		.arp_plen = 4,
		.arp_opcode = htons(1),
		.arp_data = {.arp_sip = htonl(0xc0000263), .arp_tip = htonl(0xc0000201)},
	};
	size_t at = put_ethernet(frame, how, RTE_ETHER_TYPE_ARP);

	memset(frame, 0xff, 6);
	memcpy(&arp.arp_data.arp_sha, desk_peer_mac, 6);
	memcpy(frame + at, &arp, sizeof(arp));
	return pad(frame, how, at + sizeof(arp));
}

size_t frame_neighbour(uint8_t *frame, const struct wrapping *how, bool from_nobody, bool option)
{
	struct neighbour_message message = {.type = ICMPV6_NEIGHBOUR_SOLICITATION};
	struct neighbour_option source = {.type = NEIGHBOUR_OPTION_SOURCE, .length = 1};
	struct wrapping ipv6 = *how;
	size_t length = sizeof(message) + (option ? sizeof(source) : 0);

	ipv6.ipv6 = true;
	size_t at = put_ip(frame, &ipv6, IPPROTO_ICMPV6, length);
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame + at - sizeof(*ip));
	memcpy(frame, (const uint8_t[]){0x33, 0x33, 0xff, 0x12, 0x34, 0x56}, 6);
	memcpy(ip->dst_addr, solicited_node, 16);
	if (from_nobody)
		memset(ip->src_addr, 0, 16);
	ip->hop_limits = 255;
	memcpy(message.target, own_ipv6, 16);
	memcpy(source.mac, desk_peer_mac, 6);
	memcpy(frame + at, &message, sizeof(message));
	memcpy(frame + at + sizeof(message), &source, length - sizeof(message));
	frame_fix_icmpv6(frame, at - sizeof(*ip));
	return pad(frame, how, at + length);
}

static struct weir_packet_header header_of(
	enum weir_packet_type type, uint32_t client, uint32_t number)
{
	return (struct weir_packet_header){
		.version = WEIR_PACKET_VERSION,
		.type = (uint8_t)type,
		.event = htole32(DESK_EVENT),
		.client = htole32(client),
		.chunk = htole32(weir_packet_chunk_field(type, number)),
		.nonce = htole64(UINT64_C(0xfeedfacecafebeef)),
	};
}

size_t frame_share(uint8_t *frame, const struct wrapping *how, uint32_t client, uint32_t chunk)
{
	struct weir_packet_header header = header_of(WEIR_PACKET_SHARE, client, chunk);
	uint8_t datagram[WEIR_PACKET_OVERHEAD + 4 * DESK_CHUNK_ELEMENTS];
	size_t body = 4 * weir_chunk_length(desk.event.dimension, DESK_CHUNK_ELEMENTS, chunk);

	memset(datagram, 0x5a, sizeof(datagram)); // parse does not decrypt
	memcpy(datagram, &header, sizeof(header));
	return frame_udp(frame, how, datagram, WEIR_PACKET_OVERHEAD + body);
}

size_t frame_message(uint8_t *frame, const struct wrapping *how, enum weir_packet_type type,
	uint32_t client, uint32_t counter, const void *body)
{
	struct weir_packet_header header = header_of(type, client, counter);
	size_t length = type == WEIR_PACKET_REQUEST ? sizeof(struct weir_packet_request)
						    : sizeof(struct weir_packet_query);
	uint8_t datagram[WEIR_PACKET_OVERHEAD + sizeof(struct weir_packet_query)];
	struct weir_aead_key key;

	memcpy(datagram, &header, sizeof(header));
	weir_aead_expand(desk.events.aead, desk.keys[client].to_aggregator, &key);
	weir_aead_seal(desk.events.aead, &key, datagram + 12, datagram, sizeof(header), body,
		length, datagram + sizeof(header), datagram + sizeof(header) + length);
	return frame_udp(frame, how, datagram, WEIR_PACKET_OVERHEAD + length);
}

struct rte_mbuf *desk_mbuf(const uint8_t *frame, size_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(desk.port.pool);

	cr_assert_not_null(mbuf);
	void *data = rte_pktmbuf_append(mbuf, (uint16_t)length);
	cr_assert_not_null(data);
	memcpy(data, frame, length);
	return mbuf;
}

static void leave(void *buffer, void *opaque)
{
}

enum weir_counter desk_parse(const uint8_t *frame, size_t length, struct packet *packet)
{
	struct rte_mbuf_ext_shared_info shared = {.free_cb = leave};
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(desk.port.pool);
	uint8_t *exact = malloc(length ? length : 1);

	cr_assert(mbuf && exact);
	memcpy(exact, frame, length);
	rte_mbuf_ext_refcnt_set(&shared, 1);
	rte_pktmbuf_attach_extbuf(mbuf, exact, RTE_BAD_IOVA, (uint16_t)length, &shared);
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;

	desk_mark();
	parse_burst(&desk.worker, &desk.queue, &mbuf, 1);
	enum weir_counter reason = desk_reason();
	struct packet result = *packet_of(mbuf);
	cr_assert_eq(reason == DATAGRAM_VALID, result.kind != PACKET_DROPPED);
	if (packet)
		*packet = result;
	rte_pktmbuf_free(mbuf);
	free(exact);
	return reason;
}
