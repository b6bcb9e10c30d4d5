// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Starting DPDK's environment (EAL) for this config, so that any number of dataplanes run on one
// machine, with or without hugepages, and leave no file behind.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "appliance_config.h"

#define EAL_ARGUMENTS_MAX 64

// The lcore that the worker of that index runs on; lcore 0 is the control thread's.
static inline unsigned eal_lcore_of_worker(unsigned worker)
{
	return worker + 1;
}

// A command line for rte_eal_init.
struct eal_arguments {
	int count;
	char *values[EAL_ARGUMENTS_MAX + 1]; // NULL after the last one
};

// Writes the arguments for a config, without touching the machine. allowed: the CPUs this process
// may use; the control thread may be on any of them. Returns 0; -ENOMEM; -ENODEV if a worker's CPU is
// not allowed, after a line on the console. To be freed in either case.
int eal_arguments_build(struct eal_arguments *arguments, const struct weir_dataplane_config *config,
	bool hugepages, const cpu_set_t *allowed);
void eal_arguments_free(struct eal_arguments *arguments);

// Bytes of hugepages that can still be had, overcommit included. folder: "/sys/kernel/mm/hugepages".
uint64_t eal_hugepages_available(const char *folder);

// Starts EAL. Returns 0, or -errno after a line on the console. *hugepages: whether it uses them.
int eal_start(const struct weir_dataplane_config *config, bool *hugepages);
void eal_stop(void);
