// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "ground.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <rte_ethdev.h>

#include "eal.h"
#include "frame.h"
#include "say.h"

#define LOOK_EVERY_US 1000
#define ASK_EVERY     100 // looks
#define BURST         32

int ground_open(struct ground *ground, const struct weir_generator_config *config)
{
	const struct weir_dataplane_config *settings = &config->dataplane;
	unsigned workers = (unsigned)settings->worker_count;
	bool hugepages;
	int error = eal_start(settings, &hugepages);

	if (error != 0)
		return error;
	for (unsigned i = 0; i < settings->port_count; i++) {
		struct port *port = &ground->ports[i];

		error = port_open(port, &settings->ports[i], i, workers,
			settings->packet_buffers / (unsigned)settings->port_count);
		if (error != 0)
			return error;
		ground->port_count++;
		if (port->queue_count < workers) {
			say("%s has %u queues for %u workers; write fewer workers", port->name,
				port->queue_count, workers);
			return -EINVAL;
		}
	}
	return 0;
}

void ground_close(struct ground *ground)
{
	for (unsigned i = ground->port_count; i-- > 0;)
		port_close(&ground->ports[i]);
	*ground = (struct ground){0};
}

static bool link_is_up(const struct port *port)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static int wait_for_link(
	const struct port *port, uint32_t timeout_ms, const _Atomic bool *interrupted)
{
	for (uint64_t us = 0; !link_is_up(port); us += LOOK_EVERY_US) {
		if (us / 1000 > timeout_ms || atomic_load(interrupted)) {
			say("%s: its link is not up; is the other end there?", port->name);
			return -ENOLINK;
		}
		usleep(LOOK_EVERY_US);
	}
	return 0;
}

static void ask(const struct port *port, struct in_addr address)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(port->pool);

	if (!frame)
		return;
	frame_write_arp_request(frame, port, address);
	if (rte_eth_tx_burst(port->id, 0, &frame, 1) != 1)
		rte_pktmbuf_free(frame);
}

// Returns whether the reply was among what came in on any queue.
static bool hear_reply(const struct port *port, struct in_addr address, uint8_t mac[6])
{
	struct rte_mbuf *burst[BURST];
	bool heard = false, learnt, reply;

	for (uint16_t queue = 0; queue < port->queue_count; queue++) {
		uint16_t n = rte_eth_rx_burst(port->id, queue, burst, BURST);

		for (uint16_t i = 0; i < n; i++) {
			(void)frame_take_arp(burst[i], port, address, mac, &learnt, &reply);
			heard |= learnt;
			if (!reply || rte_eth_tx_burst(port->id, queue, &burst[i], 1) != 1)
				rte_pktmbuf_free(burst[i]);
		}
	}
	return heard;
}

static int resolve(const struct port *port, struct load_aggregator *aggregator, uint32_t timeout_ms,
	const _Atomic bool *interrupted)
{
	char text[INET_ADDRSTRLEN] = "";

	for (uint64_t look = 0; look * LOOK_EVERY_US / 1000 <= timeout_ms; look++) {
		if (look % ASK_EVERY == 0)
			ask(port, aggregator->address);
		usleep(LOOK_EVERY_US);
		if (hear_reply(port, aggregator->address, aggregator->mac)) {
			aggregator->has_mac = true;
			return 0;
		}
		if (atomic_load(interrupted))
			return -EINTR;
	}
	(void)inet_ntop(AF_INET, &aggregator->address, text, sizeof(text));
	say("%s: nobody answers ARP for %s; is it running, and on this link? Behind a router, "
	    "write "
	    "destination_mac",
		port->name, text);
	return -EHOSTUNREACH;
}

int ground_resolve(struct ground *ground, struct load_event *event, uint32_t timeout_ms,
	const _Atomic bool *interrupted)
{
	int error = 0;

	for (unsigned i = 0; error == 0 && i < ground->port_count; i++)
		error = wait_for_link(&ground->ports[i], timeout_ms, interrupted);
	for (uint32_t i = 0; error == 0 && i < event->aggregator_count; i++) {
		struct load_aggregator *aggregator = &event->aggregators[i];

		if (!aggregator->has_mac)
			error = resolve(&ground->ports[aggregator->port], aggregator, timeout_ms,
				interrupted);
	}
	return error;
}
