// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// EAL's command line, and whether hugepages are to be had. That EAL starts with it is what every
// other test of this folder and tests/e2e/test_ports.py show.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <criterion/criterion.h>

#include "eal.h"

static const struct weir_dataplane_config config = {
	.ports = {{.device = "net_af_packet0,iface=data0"}, {.device = "net_memif0,id=3"}},
	.port_count = 2,
	.workers = {1, 3, 1},
	.worker_count = 3,
	.packet_memory = (64 << 20) + 1,
	.file_prefix = "here",
	.eal_arguments = {"--log-level=lib.eal:debug"},
	.eal_argument_count = 1,
};

static cpu_set_t cpus(const char *list)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (; *list; list++)
		CPU_SET(*list - '0', &set);
	return set;
}

static char *joined(const struct weir_dataplane_config *from, bool hugepages)
{
	static char line[4096];
	struct eal_arguments arguments;
	cpu_set_t allowed = cpus("013");

	cr_assert_eq(eal_arguments_build(&arguments, from, hugepages, &allowed), 0);
	cr_assert_null(arguments.values[arguments.count]);
	line[0] = '\0';
	for (int i = 0; i < arguments.count; i++) {
		strcat(line, arguments.values[i]);
		strcat(line, " ");
	}
	eal_arguments_free(&arguments);
	cr_assert_eq(arguments.count, 0);
	return line;
}

Test(eal, virtual_devices_without_hugepages)
{
	cr_expect_str_eq(joined(&config, false),
		"weir-dataplane --no-telemetry --log-level=error --no-huge --no-shconf -m 65 "
		"--file-prefix=here --lcores=0@(0),1@1,2@3,3@1 --main-lcore=0 "
		"--vdev=net_af_packet0,iface=data0 --vdev=net_memif0,id=3 --no-pci "
		"--log-level=lib.eal:debug ");
}

Test(eal, a_pci_port_with_hugepages)
{
	struct weir_dataplane_config pci = config;

	strcpy(pci.ports[1].device, "0000:3b:00.1");
	cr_expect_str_eq(joined(&pci, true),
		"weir-dataplane --no-telemetry --log-level=error --in-memory "
		"--single-file-segments "
		"-m 65 --file-prefix=here --lcores=0@(0),1@1,2@3,3@1 --main-lcore=0 "
		"--vdev=net_af_packet0,iface=data0 --allow=0000:3b:00.1 "
		"--log-level=lib.eal:debug ");
}

Test(eal, a_cpu_out_of_reach_is_refused)
{
	struct eal_arguments arguments;
	cpu_set_t allowed = cpus("12");

	cr_expect_eq(eal_arguments_build(&arguments, &config, false, &allowed), -ENODEV);
	eal_arguments_free(&arguments);
}

static void put(const char *folder, const char *size, const char *name, unsigned value)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, size);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", folder, size, name);
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file);
	fprintf(file, "%u\n", value);
	fclose(file);
}

Test(eal, hugepages_are_counted_of_all_sizes)
{
	char folder[] = "/tmp/weir-hugepages-XXXXXX", command[64];

	cr_assert_not_null(mkdtemp(folder));
	cr_expect_eq(eal_hugepages_available(folder), 0);
	put(folder, "hugepages-2048kB", "free_hugepages", 10);
	put(folder, "hugepages-2048kB", "resv_hugepages", 3);
	put(folder, "hugepages-2048kB", "nr_overcommit_hugepages", 5);
	put(folder, "hugepages-2048kB", "surplus_hugepages", 1);
	cr_expect_eq(eal_hugepages_available(folder), UINT64_C(11) << 21);
	put(folder, "hugepages-1048576kB", "free_hugepages", 2);
	put(folder, "hugepages-1048576kB", "resv_hugepages", 4);
	cr_expect_eq(eal_hugepages_available(folder), UINT64_C(11) << 21);
	put(folder, "hugepages-1048576kB", "resv_hugepages", 1);
	cr_expect_eq(eal_hugepages_available(folder), (UINT64_C(11) << 21) + (UINT64_C(1) << 30));
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_expect_eq(system(command), 0);
	cr_expect_eq(eal_hugepages_available("/nowhere"), 0);
}

Test(eal, the_control_thread_takes_any_cpu_if_workers_have_all)
{
	struct weir_dataplane_config all = config;
	struct eal_arguments arguments;
	cpu_set_t allowed = cpus("13");
	bool found = false;

	cr_assert_eq(eal_arguments_build(&arguments, &all, false, &allowed), 0);
	for (int i = 0; i < arguments.count; i++)
		found |= strcmp(arguments.values[i], "--lcores=0@(1,3),1@1,2@3,3@1") == 0;
	eal_arguments_free(&arguments);
	cr_expect(found);
}
