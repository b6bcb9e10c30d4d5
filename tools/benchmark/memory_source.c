// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "memory_source.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "worker.h"

struct memory_source *memory_sources;

struct headers {
	struct rte_ether_hdr ethernet;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct headers) == PACKET_STORE_HEADERS, "the gap before a datagram");

static void write_headers(
	uint8_t *frame, const struct port *port, uint16_t udp_port, uint16_t datagram)
{
	struct headers headers = {
		.ethernet = {.dst_addr = port->mac,
			.src_addr = {{2}},
			.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)},
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length =
				rte_cpu_to_be_16((uint16_t)(sizeof(struct rte_ipv4_hdr) +
							    sizeof(struct rte_udp_hdr) + datagram)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_UDP,
			.src_addr = port->ipv4 ^ RTE_BE32(3),
			.dst_addr = port->ipv4},
		.udp = {.src_port = RTE_BE16(50000),
			.dst_port = rte_cpu_to_be_16(udp_port),
			.dgram_len = rte_cpu_to_be_16(
				(uint16_t)(sizeof(struct rte_udp_hdr) + datagram))},
	};

	memcpy(frame, &headers, sizeof(headers));
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + sizeof(headers.ethernet));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

int memory_source_init(struct memory_source *source, const struct packet_store *store,
	const struct port *port, uint16_t udp_port)
{
	*source = (struct memory_source){.store = *store};
	source->clients = calloc(store->count, sizeof(*source->clients));
	if (!source->clients)
		return -ENOMEM;
	for (uint64_t i = 0; i < store->count; i++) {
		struct weir_packet_header header;

		memcpy(&header, packet_store_datagram(store, i), sizeof(header));
		source->clients[i] = le32toh(header.client);
		write_headers(packet_store_datagram(store, i) - PACKET_STORE_HEADERS, port,
			udp_port, store->lengths[i]);
	}
	return 0;
}

void memory_source_free(struct memory_source *source)
{
	packet_store_free(&source->store);
	free(source->clients);
}

static bool holds_slot(const struct memory_source *source, uint32_t client)
{
	return atomic_load_explicit(&source->event->clients[client].state, memory_order_acquire) >=
	       WEIR_CLIENT_ADMITTED;
}

// How many frames from the next on may be received now.
static uint16_t ready(const struct memory_source *source)
{
	uint64_t left = source->store.count - source->next;
	uint16_t most = left < BURST_MAX ? (uint16_t)left : BURST_MAX;
	const uint32_t *clients = source->clients + source->next;

	for (uint16_t i = 0; i < most; i++)
		if ((i == 0 || clients[i] != clients[i - 1]) && !holds_slot(source, clients[i]))
			return i;
	return most;
}

uint16_t receive_burst(
	struct worker *worker, const struct worker_queue *queue, struct rte_mbuf **burst)
{
	struct memory_source *source = &memory_sources[worker->index];
	const struct packet_store *store = &source->store;
	uint16_t n = ready(source);
	uint64_t bytes = 0;

	if (n == 0 || rte_pktmbuf_alloc_bulk(queue->port->pool, burst, n) != 0) {
		source->waits++;
		return 0;
	}
	for (uint16_t i = 0; i < n; i++) {
		uint64_t frame = source->next + i;

		burst[i]->buf_addr = store->frames + frame * store->stride;
		burst[i]->data_off = 0;
		burst[i]->data_len = store->lengths[frame] + PACKET_STORE_HEADERS;
		burst[i]->pkt_len = burst[i]->data_len;
		bytes += burst[i]->pkt_len;
	}
	source->next += n;
	count(worker, WEIR_COUNTER_rx_packets, n);
	count(worker, WEIR_COUNTER_rx_bytes, bytes);
	return n;
}
