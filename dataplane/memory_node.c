// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "memory_node.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/mempolicy.h>

#define NODES_MAX 64

static uint64_t node_of(int cpu)
{
	char path[64];

	for (unsigned node = 0; node < NODES_MAX; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/node%u", cpu, node);
		if (access(path, F_OK) == 0)
			return UINT64_C(1) << node;
	}
	return 0;
}

uint64_t memory_nodes_of(const struct weir_dataplane_config *config)
{
	uint64_t nodes = 0;

	for (size_t i = 0; i < config->worker_count; i++)
		nodes |= node_of(config->workers[i]);
	return nodes;
}

void memory_node_prefer(uint64_t nodes)
{
	int policy = nodes & (nodes - 1) ? MPOL_INTERLEAVE : MPOL_PREFERRED;

	if (nodes)
		(void)syscall(SYS_set_mempolicy, policy, &nodes, NODES_MAX + 1UL);
}

void memory_node_forget(void)
{
	(void)syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0UL);
}
