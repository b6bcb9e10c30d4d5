// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Ports: devices' names, and a plan that follows what the device offers. The ring port offers 16
// queues, no offloads and no RSS.

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <rte_ethdev.h>

#include "frames.h"

TestSuite(port, .init = desk_start, .fini = desk_stop, .timeout = 60);

Test(names, devices_are_told_apart)
{
	char name[16];

	cr_expect(port_device_name("net_tap0,iface=x", name, sizeof(name)));
	cr_expect_str_eq(name, "net_tap0");
	cr_expect(port_device_name("0000:3b:00.0", name, sizeof(name)));
	cr_expect_str_eq(name, "0000:3b:00.0");
	cr_expect_not(port_device_name(",iface=x", name, sizeof(name)));
	cr_expect_not(port_device_name("net_much_too_long_a_name", name, sizeof(name)));
	cr_expect_str_eq(name, "");
	cr_expect(port_is_pci("0000:3b:00.0"));
	cr_expect(port_is_pci("3b:00.0"));
	cr_expect_not(port_is_pci("net_af_packet0,iface=a"));
	cr_expect_not(port_is_pci("net_memif0,socket=/a:b:c.d"));
}

static const struct weir_port_config ring = {
	.device = "net_ring0",
	.has_ipv6 = true,
	.ipv6 = {{{0x20, 0x01, 0x0d, 0xb8, [13] = 0xaa, 0xbb, 0xcc}}},
	.mtu = 1500,
	.vlan = 9,
	.descriptors = 256,
};

static int reopen(const struct weir_port_config *config, unsigned workers, unsigned buffers)
{
	// A virtual device that was closed is gone; this one is stopped only.
	rte_eth_dev_stop(desk.port.id);
	rte_mempool_free(desk.port.pool);
	return port_open(&desk.port, config, 3, workers, buffers);
}

Test(port, follows_its_config)
{
	static const uint8_t solicited[16] = {0xff, 0x02, [11] = 1, [12] = 0xff, 0xaa, 0xbb, 0xcc};

	cr_assert_eq(reopen(&ring, 2, 4096), 0);
	cr_expect_eq(desk.port.index, 3);
	cr_expect_eq(desk.port.queue_count, 2, "as many as workers");
	cr_expect_eq(desk.port.vlan, 9);
	cr_expect_not(desk.port.has_ipv4);
	cr_expect_not(desk.port.checks_ipv4, "the device does not offer it");
	cr_expect_arr_eq(desk.port.solicited_node, solicited, 16);
	cr_expect_geq(rte_pktmbuf_data_room_size(desk.port.pool), 1522 + RTE_PKTMBUF_HEADROOM);
	cr_expect_geq(rte_pktmbuf_priv_size(desk.port.pool), sizeof(struct packet));
}

Test(port, takes_no_more_queues_than_the_device_has)
{
	struct weir_port_config config = ring;

	config.queues = 64;
	// The defaults, 16384 buffers in 64 MiB, have to fit without hugepages too.
	cr_assert_eq(reopen(&config, 2, 16384), 0);
	cr_expect_lt(desk.port.queue_count, 64);
	cr_expect_gt(desk.port.queue_count, 2);
}

Test(port, jumbo_frames_fit_one_buffer)
{
	struct weir_port_config config = ring;

	config.mtu = 9000;
	cr_assert_eq(reopen(&config, 1, 1024), 0);
	cr_expect_geq(rte_pktmbuf_data_room_size(desk.port.pool), 9216 + RTE_PKTMBUF_HEADROOM);
}

Test(port, descriptors_shrink_to_the_buffers)
{
	struct weir_port_config config = ring;

	config.descriptors = 4096;
	cr_expect_eq(reopen(&config, 1, 1024), 0);
}

Test(port, what_cannot_work_is_refused)
{
	struct weir_port_config config = ring;

	config.device[7] = 'X';
	cr_expect_eq(reopen(&config, 1, 4096), -ENODEV);
	cr_expect_eq(desk.port.name[0], '\0');
}

Test(port, too_few_buffers_are_refused)
{
	cr_expect_eq(reopen(&ring, 1, 100), -ENOBUFS);
}

Test(port, too_little_memory_is_refused)
{
	cr_expect_eq(reopen(&ring, 1, 60000), -ENOMEM);
}
