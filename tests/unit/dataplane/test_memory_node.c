// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <linux/mempolicy.h>

#include "memory_node.h"

static long policy_of(uint64_t *nodes)
{
	int policy = -1;

	*nodes = 0;
	if (syscall(SYS_get_mempolicy, &policy, nodes, 65UL, NULL, 0UL) != 0)
		cr_skip_test("this kernel has no memory policies");
	return policy;
}

Test(memory_node, prefers_the_workers_node_and_forgets_it)
{
	unsigned cpu, node;
	uint64_t nodes;
	struct weir_dataplane_config config = {.worker_count = 1};

	(void)policy_of(&nodes);
	cr_assert_eq(getcpu(&cpu, &node), 0);
	config.workers[0] = (int)cpu;
	cr_assert_eq(memory_nodes_of(&config), UINT64_C(1) << node);
	memory_node_prefer(memory_nodes_of(&config));
	cr_expect_eq(policy_of(&nodes), MPOL_PREFERRED);
	cr_expect_eq(nodes, UINT64_C(1) << node);
	memory_node_forget();
	cr_expect_eq(policy_of(&nodes), MPOL_DEFAULT);
}

Test(memory_node, of_a_cpu_that_there_is_not)
{
	struct weir_dataplane_config config = {.worker_count = 1, .workers = {1023}};
	uint64_t nodes;

	cr_assert_eq(memory_nodes_of(&config), 0);
	memory_node_prefer(0);
	cr_expect_eq(policy_of(&nodes), MPOL_DEFAULT);
}
