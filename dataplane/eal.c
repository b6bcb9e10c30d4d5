// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "eal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "console.h"
#include "port.h"

#define HUGEPAGES_FOLDER "/sys/kernel/mm/hugepages"
#define MIB              (UINT64_C(1) << 20)

static int add(struct eal_arguments *arguments, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int add(struct eal_arguments *arguments, const char *format, ...)
{
	va_list list;
	int length;

	if (arguments->count == EAL_ARGUMENTS_MAX)
		return -ENOMEM;
	va_start(list, format);
	length = vasprintf(&arguments->values[arguments->count], format, list);
	va_end(list);
	if (length < 0) {
		arguments->values[arguments->count] = NULL;
		return -ENOMEM;
	}
	arguments->count++;
	return 0;
}

void eal_arguments_free(struct eal_arguments *arguments)
{
	for (int i = 0; i < arguments->count; i++)
		free(arguments->values[i]);
	*arguments = (struct eal_arguments){0};
}

// The CPUs for the control thread: those without a worker, or all if there are none.
static cpu_set_t control_cpus(const struct weir_dataplane_config *config, const cpu_set_t *allowed)
{
	cpu_set_t cpus = *allowed;

	for (unsigned i = 0; i < config->worker_count; i++)
		if (config->workers[i] >= 0 && config->workers[i] < CPU_SETSIZE)
			CPU_CLR(config->workers[i], &cpus);
	return CPU_COUNT(&cpus) > 0 ? cpus : *allowed;
}

// "0@(2,3),1@0,2@1": several lcores may share a CPU.
static int add_lcores(struct eal_arguments *arguments, const struct weir_dataplane_config *config,
	const cpu_set_t *allowed)
{
	char *list = NULL;
	size_t size = 0;
	const char *separator = "";
	const cpu_set_t control = control_cpus(config, allowed);
	int result = 0;
	FILE *stream = open_memstream(&list, &size);

	if (!stream)
		return -ENOMEM;
	fputs("0@(", stream);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &control)) {
			fprintf(stream, "%s%d", separator, cpu);
			separator = ",";
		}
	}
	fputs(")", stream);
	for (unsigned i = 0; i < config->worker_count; i++) {
		int cpu = config->workers[i];

		if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, allowed)) {
			console("workers: this process may not run on CPU %d; name CPUs that "
				"`taskset -p $$` shows",
				cpu);
			result = -ENODEV;
		}
		fprintf(stream, ",%u@%d", eal_lcore_of_worker(i), cpu);
	}
	if (fclose(stream) != 0)
		result = -ENOMEM;
	if (result == 0)
		result = add(arguments, "--lcores=%s", list);
	if (result == 0)
		result = add(arguments, "--main-lcore=0");
	free(list);
	return result;
}

static int add_ports(struct eal_arguments *arguments, const struct weir_dataplane_config *config)
{
	bool any_pci = false;
	int result = 0;

	for (size_t i = 0; result == 0 && i < config->port_count; i++) {
		const char *device = config->ports[i].device;

		any_pci |= port_is_pci(device);
		result = add(arguments, port_is_pci(device) ? "--allow=%s" : "--vdev=%s", device);
	}
	// Without this EAL would look at every NIC of the machine, even at one in use.
	if (result == 0 && !any_pci)
		result = add(arguments, "--no-pci");
	return result;
}

// Neither way leaves files. Without hugepages EAL wants --no-shconf for that, as it refuses
// --in-memory there.
static int add_memory(
	struct eal_arguments *arguments, const struct weir_dataplane_config *config, bool hugepages)
{
	uint64_t mib = (config->packet_memory + MIB - 1) / MIB;
	int result = hugepages ? add(arguments, "--in-memory") : add(arguments, "--no-huge");

	if (result == 0)
		result = hugepages ? add(arguments, "--single-file-segments")
				   : add(arguments, "--no-shconf");
	if (result == 0)
		result = add(arguments, "-m");
	if (result == 0)
		result = add(arguments, "%" PRIu64, mib);
	if (result == 0)
		result = add(arguments, "--file-prefix=%s", config->file_prefix);
	return result;
}

int eal_arguments_build(struct eal_arguments *arguments, const struct weir_dataplane_config *config,
	bool hugepages, const cpu_set_t *allowed)
{
	*arguments = (struct eal_arguments){0};

	int result = add(arguments, "weir-dataplane");
	if (result == 0)
		result = add(arguments, "--no-telemetry");
	if (result == 0)
		result = add(arguments, "--log-level=error");
	if (result == 0)
		result = add_memory(arguments, config, hugepages);
	if (result == 0)
		result = add_lcores(arguments, config, allowed);
	if (result == 0)
		result = add_ports(arguments, config);
	for (size_t i = 0; result == 0 && i < config->eal_argument_count; i++)
		result = add(arguments, "%s", config->eal_arguments[i]);
	return result;
}

static uint64_t read_number(const char *folder, const char *size, const char *name)
{
	char path[PATH_MAX];
	uint64_t value = 0;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, size, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64, &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t eal_hugepages_available(const char *folder)
{
	DIR *directory = opendir(folder);
	uint64_t bytes = 0, page_kib;
	const struct dirent *entry;

	if (!directory)
		return 0;
	while ((entry = readdir(directory)) != NULL) {
		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &page_kib) != 1)
			continue;
		uint64_t pages = less(read_number(folder, entry->d_name, "free_hugepages"),
			read_number(folder, entry->d_name, "resv_hugepages"));
		pages += less(read_number(folder, entry->d_name, "nr_overcommit_hugepages"),
			read_number(folder, entry->d_name, "surplus_hugepages"));
		bytes += pages * page_kib * 1024;
	}
	closedir(directory);
	return bytes;
}

static int choose_hugepages(const struct weir_dataplane_config *config, bool *hugepages)
{
	uint64_t available = eal_hugepages_available(HUGEPAGES_FOLDER);
	bool enough = available >= config->packet_memory;

	*hugepages = config->hugepages != WEIR_HUGEPAGES_OFF && enough;
	if (config->hugepages == WEIR_HUGEPAGES_ON && !enough) {
		console("hugepages: %" PRIu64 " MiB free, packet_memory needs %" PRIu64
			" MiB; reserve more in " HUGEPAGES_FOLDER " or set hugepages = \"auto\"",
			available / MIB, config->packet_memory / MIB);
		return -ENOMEM;
	}
	return 0;
}

// EAL makes a folder for its runtime files even when it will not have any. Unless the service manager
// gave this process one of its own, it gets one that is removed as soon as EAL is up.
struct runtime_folder {
	char path[PATH_MAX];
	bool own;
};

static int runtime_folder_make(struct runtime_folder *folder)
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	const char *base = getenv("XDG_RUNTIME_DIR");

	folder->own = !given || !*given;
	if (!folder->own) {
		snprintf(folder->path, sizeof(folder->path), "%s", given);
		return 0;
	}
	if (!base || access(base, W_OK | X_OK) != 0)
		base = access("/run", W_OK | X_OK) == 0 ? "/run" : "/tmp";
	snprintf(folder->path, sizeof(folder->path), "%s/weir-eal-XXXXXX", base);
	if (!mkdtemp(folder->path) || setenv("RUNTIME_DIRECTORY", folder->path, 1) != 0) {
		int error = -errno;
		console("%s: cannot make this folder: %s", folder->path, strerror(errno));
		return error;
	}
	return 0;
}

// Removes what is empty; should a further EAL argument have asked for files, they stay.
static void runtime_folder_remove(
	const struct runtime_folder *folder, const struct weir_dataplane_config *config)
{
	char path[PATH_MAX + sizeof(config->file_prefix) + 8];

	snprintf(path, sizeof(path), "%s/dpdk/%s", folder->path, config->file_prefix);
	(void)rmdir(path);
	snprintf(path, sizeof(path), "%s/dpdk", folder->path);
	(void)rmdir(path);
	if (folder->own) {
		(void)rmdir(folder->path);
		unsetenv("RUNTIME_DIRECTORY");
	}
}

static int init(struct eal_arguments *arguments)
{
	char *values[EAL_ARGUMENTS_MAX + 1]; // EAL permutes them
	char line[1024] = "";
	size_t length = 0;

	memcpy(values, arguments->values, sizeof(values));
	rte_openlog_stream(stderr); // EAL's own choice would be stdout and syslog
	if (rte_eal_init(arguments->count, values) >= 0)
		return 0;

	int error = rte_errno ? -rte_errno : -EIO;
	for (int i = 1; i < arguments->count && length < sizeof(line); i++)
		length +=
			snprintf(line + length, sizeof(line) - length, " %s", arguments->values[i]);
	console("DPDK did not start (%s); it was given%s", strerror(-error), line);
	return error;
}

int eal_start(const struct weir_dataplane_config *config, bool *hugepages)
{
	struct eal_arguments arguments = {0};
	struct runtime_folder folder;
	cpu_set_t allowed;
	int result;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
		result = -errno;
		console("cannot ask which CPUs this process may use: %s", strerror(errno));
		return result;
	}
	result = choose_hugepages(config, hugepages);
	if (result != 0)
		return result;
	result = eal_arguments_build(&arguments, config, *hugepages, &allowed);
	if (result == -ENOMEM)
		console("too many ports or eal_arguments, or no memory, to start DPDK");
	if (result != 0)
		goto out;
	result = runtime_folder_make(&folder);
	if (result != 0)
		goto out;
	result = init(&arguments);
	runtime_folder_remove(&folder, config);
out:
	eal_arguments_free(&arguments);
	return result;
}

void eal_stop(void)
{
	(void)rte_eal_cleanup();
}
