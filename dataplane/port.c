// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "port.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf_pool_ops.h>

#include "console.h"
#include "packet.h"
#include "worker.h"

#define FRAME_OVERHEAD       (RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN)
#define DATA_ROOM_MIN        2048
#define DATA_ROOM_STEP       1024
#define POOL_CACHE_MAX       256
#define DESCRIPTORS_MIN      64
#define LINK_WAIT_MS         1000
#define LINK_POLL_MS         10
#define PEER_WAIT_MS         5000
#define PEER_POLL_MS         100
#define RSS_WANTED           (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP)
#define DEVICE_MTU_UNTOUCHED RTE_ETHER_MTU

// How a port is going to be configured, from the config and what the device offers.
struct plan {
	struct rte_eth_dev_info device;
	struct rte_eth_conf conf;
	uint16_t queues;
	uint16_t rx_descriptors, tx_descriptors;
	uint16_t data_room; // of an mbuf, without headroom
	unsigned workers;
	unsigned buffers;
	unsigned cache; // mbufs that each worker's mempool cache may hold back
};

bool port_device_name(const char *device, char *name, size_t size)
{
	size_t length = strcspn(device, ",");

	if (length == 0 || length >= size) {
		if (size > 0)
			name[0] = '\0';
		return false;
	}
	memcpy(name, device, length);
	name[length] = '\0';
	return true;
}

bool port_is_pci(const char *device)
{
	unsigned domain, bus, slot, function;

	return sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4 ||
	       (isxdigit((unsigned char)device[0]) &&
		       sscanf(device, "%x:%x.%x", &bus, &slot, &function) == 3);
}

// These report a maximum of some 1520 bytes, and memif refuses to be configured for more, yet they
// carry frames as large as the mbufs that they are given.
static bool mtu_is_nominal(const char *driver)
{
	static const char *const drivers[] = {
		"net_memif", "net_af_packet", "net_tap", "net_ring", "net_null", "net_pcap"};

	for (size_t i = 0; i < RTE_DIM(drivers); i++) {
		if (strcmp(driver, drivers[i]) == 0)
			return true;
	}
	return false;
}

// af_packet opens a socket for each of its queue pairs and the kernel spreads frames over all of
// them, polled or not: there every queue needs an owner.
static bool needs_all_queues(const char *driver)
{
	return strcmp(driver, "net_af_packet") == 0;
}

static void plan_queues(
	const struct port *port, const struct weir_port_config *config, struct plan *plan)
{
	uint16_t offered = RTE_MIN(plan->device.max_rx_queues, plan->device.max_tx_queues);
	uint16_t wanted = config->queues > 0 ? config->queues : (uint16_t)plan->workers;

	plan->queues = RTE_MIN(wanted, offered);
	if (needs_all_queues(plan->device.driver_name))
		plan->queues = offered;
	plan->queues = RTE_MIN(plan->queues, WORKER_QUEUES_MAX);
	if (plan->queues != wanted)
		console("%s: %u queues instead of %u, as the device has it", port->name,
			plan->queues, wanted);
	if (plan->queues > 1 && (plan->device.flow_type_rss_offloads & RSS_WANTED)) {
		plan->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		plan->conf.rx_adv_conf.rss_conf.rss_hf =
			plan->device.flow_type_rss_offloads & RSS_WANTED;
	}
}

// One frame, one mbuf: also a jumbo frame, so that a datagram is in one piece.
static int plan_frames(
	const struct port *port, const struct weir_port_config *config, struct plan *plan)
{
	uint32_t room = RTE_MAX((uint32_t)DATA_ROOM_MIN,
		RTE_ALIGN_CEIL((uint32_t)config->mtu + FRAME_OVERHEAD, DATA_ROOM_STEP));

	if (room > UINT16_MAX - RTE_PKTMBUF_HEADROOM) {
		console("%s: no buffer holds a frame of mtu = %u", port->name, config->mtu);
		return -EINVAL;
	}
	plan->data_room = (uint16_t)room;
	if (mtu_is_nominal(plan->device.driver_name)) {
		plan->conf.rxmode.mtu = DEVICE_MTU_UNTOUCHED;
	} else if (config->mtu > plan->device.max_mtu || config->mtu < plan->device.min_mtu) {
		console("%s: mtu = %u, but the device takes %u to %u", port->name, config->mtu,
			plan->device.min_mtu, plan->device.max_mtu);
		return -EINVAL;
	} else {
		plan->conf.rxmode.mtu = config->mtu;
	}
	return 0;
}

// Every descriptor may hold a buffer: with fewer of them than that the port starves.
static bool buffers_suffice(const struct plan *plan)
{
	return (uint32_t)plan->queues * (plan->rx_descriptors + plan->tx_descriptors) <=
	       plan->buffers;
}

static int plan_descriptors(
	const struct port *port, const struct weir_port_config *config, struct plan *plan)
{
	plan->cache = RTE_MIN((unsigned)POOL_CACHE_MAX, plan->buffers / (8 * plan->workers));
	for (uint16_t wanted = config->descriptors;; wanted /= 2) {
		plan->rx_descriptors = plan->tx_descriptors = wanted;
		int error = rte_eth_dev_adjust_nb_rx_tx_desc(
			port->id, &plan->rx_descriptors, &plan->tx_descriptors);
		if (error != 0)
			return error;
		if (buffers_suffice(plan)) {
			if (wanted != config->descriptors)
				console("%s: %u descriptors a queue instead of %u: packet_buffers "
					"leaves this port %u mbufs",
					port->name, plan->rx_descriptors, config->descriptors,
					plan->buffers);
			return 0;
		}
		if (wanted / 2 < DESCRIPTORS_MIN) {
			console("%s: %u mbufs are too few for %u queues; raise packet_buffers",
				port->name, plan->buffers, plan->queues);
			return -ENOBUFS;
		}
	}
}

static int plan_port(
	const struct port *port, const struct weir_port_config *config, struct plan *plan)
{
	int error = rte_eth_dev_info_get(port->id, &plan->device);

	if (error != 0)
		return error;
	plan_queues(port, config, plan);
	plan->conf.rxmode.offloads = plan->device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	error = plan_frames(port, config, plan);
	if (error == 0)
		error = plan_descriptors(port, config, plan);
	return error;
}

// As rte_pktmbuf_pool_create, but in ordinary pages mbufs may lie across page boundaries. DPDK would
// give each a page of its own, 4096 bytes for some 2400; the devices that work without hugepages copy
// or see virtual addresses, so that they do not mind.
static struct rte_mempool *create_pool(
	const char *name, const struct plan *plan, uint16_t private_size, int socket)
{
	struct rte_pktmbuf_pool_private settings = {
		.mbuf_data_room_size = plan->data_room + RTE_PKTMBUF_HEADROOM,
		.mbuf_priv_size = private_size,
	};
	unsigned element = sizeof(struct rte_mbuf) + private_size + settings.mbuf_data_room_size;
	struct rte_mempool *pool = rte_mempool_create_empty(name, plan->buffers, element,
		plan->cache, sizeof(settings), socket,
		rte_eal_has_hugepages() ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (!pool)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto fail;
	rte_pktmbuf_pool_init(pool, &settings);
	if (rte_mempool_populate_default(pool) < 0)
		goto fail;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
fail:
	rte_mempool_free(pool);
	return NULL;
}

static int make_pool(struct port *port, const struct plan *plan)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint16_t private_size = RTE_ALIGN_CEIL(sizeof(struct packet), RTE_MBUF_PRIV_ALIGN);
	int socket = rte_eth_dev_socket_id(port->id);

	if (!rte_eal_has_hugepages())
		socket = SOCKET_ID_ANY; // then EAL's memory is in one place
	snprintf(name, sizeof(name), "weir_port%u", port->index);
	port->pool = create_pool(name, plan, private_size, socket);
	if (port->pool)
		return 0;
	console("%s: %u mbufs of %u bytes do not fit in packet_memory; raise it, or lower "
		"packet_buffers",
		port->name, plan->buffers,
		(unsigned)sizeof(struct rte_mbuf) + private_size + plan->data_room +
			RTE_PKTMBUF_HEADROOM);
	return -ENOMEM;
}

// memif's client end starts only if its server is there. The two may be started in either order, so it
// is waited for.
static int start(const struct port *port, const char *driver)
{
	int error = rte_eth_dev_start(port->id);

	for (unsigned waited_ms = 0;
		error != 0 && strcmp(driver, "net_memif") == 0 && waited_ms < PEER_WAIT_MS;
		waited_ms += PEER_POLL_MS) {
		if (waited_ms == 0)
			console("%s: waiting for the other end of its socket", port->name);
		rte_delay_us_sleep(PEER_POLL_MS * 1000);
		error = rte_eth_dev_start(port->id);
	}
	return error;
}

static int configure(struct port *port, const struct plan *plan)
{
	int error = rte_eth_dev_configure(port->id, plan->queues, plan->queues, &plan->conf);

	for (uint16_t queue = 0; error == 0 && queue < plan->queues; queue++) {
		error = rte_eth_rx_queue_setup(port->id, queue, plan->rx_descriptors,
			rte_eth_dev_socket_id(port->id), NULL, port->pool);
		if (error == 0)
			error = rte_eth_tx_queue_setup(port->id, queue, plan->tx_descriptors,
				rte_eth_dev_socket_id(port->id), NULL);
	}
	port->queue_count = plan->queues;
	port->checks_ipv4 = plan->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	return error;
}

// ff02::1:ffXX:XXXX, of the address' last three bytes (RFC 4291, 2.7.1).
static void take_addresses(struct port *port, const struct weir_port_config *config)
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

	port->vlan = config->vlan;
	port->has_ipv4 = config->has_ipv4;
	port->has_ipv6 = config->has_ipv6;
	port->ipv4 = config->ipv4.s_addr;
	memcpy(port->ipv6, &config->ipv6, sizeof(port->ipv6));
	memcpy(port->solicited_node, prefix, sizeof(prefix));
	memcpy(port->solicited_node + 13, port->ipv6 + 13, 3);
}

// Lets neighbour solicitations in. Devices without any filter support neither call.
static void listen_to_solicitations(const struct port *port)
{
	struct rte_ether_addr group = {{0x33, 0x33}};

	if (!port->has_ipv6)
		return;
	memcpy(group.addr_bytes + 2, port->solicited_node + 12, 4);
	if (rte_eth_dev_set_mc_addr_list(port->id, &group, 1) != 0)
		(void)rte_eth_allmulticast_enable(port->id);
}

static int find(struct port *port, const struct weir_port_config *config)
{
	if (!port_device_name(config->device, port->name, sizeof(port->name))) {
		console("device = \"%s\": the name before the comma is missing or too long",
			config->device);
		return -EINVAL;
	}
	int error = rte_eth_dev_get_port_by_name(port->name, &port->id);
	if (error != 0)
		console("%s: no such device (%s); its driver's message, if any, is above",
			port->name, config->device);
	return error;
}

int port_open(struct port *port, const struct weir_port_config *config, unsigned index,
	unsigned workers, unsigned buffers)
{
	struct plan plan = {.workers = workers, .buffers = buffers};

	*port = (struct port){.index = (uint8_t)index};
	int error = find(port, config);
	if (error != 0) {
		*port = (struct port){0};
		return error;
	}
	take_addresses(port, config);
	error = plan_port(port, config, &plan);
	if (error == 0)
		error = make_pool(port, &plan);
	if (error == 0)
		error = configure(port, &plan);
	if (error == 0)
		error = rte_eth_macaddr_get(port->id, &port->mac);
	if (error == 0)
		error = start(port, plan.device.driver_name);
	if (error != 0) {
		console("%s: cannot set the port up: %s", port->name, rte_strerror(-error));
		port_close(port);
		return error;
	}
	listen_to_solicitations(port);
	return 0;
}

static bool link_is_up(const struct port *port)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void port_wait_for_links(const struct port *ports, unsigned count)
{
	unsigned waited_ms = 0;

	for (unsigned i = 0; i < count; i++) {
		while (!link_is_up(&ports[i]) && waited_ms < LINK_WAIT_MS) {
			rte_delay_us_sleep(LINK_POLL_MS * 1000);
			waited_ms += LINK_POLL_MS;
		}
		if (!link_is_up(&ports[i]))
			console("%s: the link is down; going on, it may come up later",
				ports[i].name);
	}
}

void port_close(struct port *port)
{
	struct rte_eth_stats stats;

	if (port->name[0] == '\0')
		return;
	if (rte_eth_stats_get(port->id, &stats) == 0 &&
		(stats.imissed || stats.ierrors || stats.rx_nombuf || stats.oerrors))
		console("%s: %" PRIu64 " frames missed, %" PRIu64 " bad, %" PRIu64
			" without a buffer, %" PRIu64 " not sent",
			port->name, stats.imissed, stats.ierrors, stats.rx_nombuf, stats.oerrors);
	(void)rte_eth_dev_stop(port->id);
	(void)rte_eth_dev_close(port->id);
	rte_mempool_free(port->pool);
	*port = (struct port){0};
}
