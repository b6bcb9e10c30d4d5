// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One Ethernet port, set up from the config with what its driver offers: queues, addresses, buffers.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>
#include <rte_mempool.h>

#include "appliance_config.h"

// Set by port_open, then read by the workers; never written while they run.
struct port {
	char name[64]; // of the device, as DPDK knows it
	uint16_t id;   // of the ethdev
	uint8_t index; // in the config
	uint16_t queue_count;
	uint16_t vlan; // 0: untagged
	bool has_ipv4, has_ipv6;
	bool checks_ipv4; // the driver flags good IPv4 header checksums
	rte_be32_t ipv4;
	uint8_t ipv6[16];
	uint8_t solicited_node[16]; // the multicast address of neighbour solicitations for ipv6
	struct rte_ether_addr mac;
	struct rte_mempool *pool;
};

// The name under which DPDK knows the device of a config ("net_af_packet0,iface=a" is
// "net_af_packet0"). Returns false, with an empty name, if it does not fit.
bool port_device_name(const char *device, char *name, size_t size);

// Whether the device is a PCI address and not a virtual device.
bool port_is_pci(const char *device);

// Configures and starts the port: as many queue pairs as the config asks for or, if it does not say,
// as there are workers, but no more than the device has; `buffers` mbufs, each holding a whole frame
// of the port's MTU. Returns 0, or -errno after a line on the console, with nothing left open.
int port_open(struct port *port, const struct weir_port_config *config, unsigned index,
	unsigned workers, unsigned buffers);

// Waits for the links of all ports, a second at most, and says which are down: a link may come later
// (memif's peer, say), so that is no error.
void port_wait_for_links(const struct port *ports, unsigned count);

// Says what the port lost, stops it and frees its buffers. A zeroed port is left alone.
void port_close(struct port *port);
