// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// On a machine with several memory nodes: where the memory goes that workers work on.
#pragma once

#include "appliance_config.h"

// The nodes of the workers' CPUs, bit n for node n; 0 if they cannot be told.
uint64_t memory_nodes_of(const struct weir_dataplane_config *config);

// From now on this thread's new pages come from the node of the workers if that is one, from theirs
// in turn if they are several; without enough memory there, from anywhere. Best effort.
void memory_node_prefer(uint64_t nodes);

// New pages come from wherever the kernel likes again.
void memory_node_forget(void);
