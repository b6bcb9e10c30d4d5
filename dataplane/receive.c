// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Receive: a burst of frames from one queue.

#include <rte_ethdev.h>

#include "port.h"
#include "worker.h"

uint16_t receive_burst(
	struct worker *worker, const struct worker_queue *queue, struct rte_mbuf **burst)
{
	uint16_t n = rte_eth_rx_burst(queue->port->id, queue->queue, burst, BURST_MAX);
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(burst[i]);
	count(worker, WEIR_COUNTER_rx_packets, n);
	count(worker, WEIR_COUNTER_rx_bytes, bytes);
	return n;
}
