// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "appliance_sections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "static_event_section.h"

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))
#define MIB               (UINT64_C(1) << 20)
#define TIB               (UINT64_C(1) << 40)

// Of all ports together, from dataplane/worker.h, which this folder may not include.
#define WORKER_QUEUES_MAX 32

const struct weir_dataplane_config dataplane_defaults = {
	.udp_port = 9347,
	.packet_memory = 64 * MIB,
	.packet_buffers = 16384,
	.arena = 256 * MIB,
	.memory = "auto",
	.max_events = 16,
	.max_clients = 100000,
	.window = 256,
	.wait_ms = 20,
	.socket = "/run/weir/dataplane.sock",
	.file_prefix = "weir",
};

static const struct weir_port_config port_defaults = {.mtu = 1500, .descriptors = 1024};

static const struct setting_choice idle_choices[] = {
	{"sleep", WEIR_IDLE_SLEEP},
	{"poll", WEIR_IDLE_POLL},
	{NULL, 0},
};

static const struct setting_choice hugepages_choices[] = {
	{"auto", WEIR_HUGEPAGES_AUTO},
	{"on", WEIR_HUGEPAGES_ON},
	{"off", WEIR_HUGEPAGES_OFF},
	{NULL, 0},
};

static const char *check_device(const char *text)
{
	regex_t pattern;
	const char *wrong = NULL;

	if (regcomp(&pattern,
		    "^(([0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]|"
		    "(net|eth)_[A-Za-z0-9_]+)(,[^ ]+)?$",
		    REG_EXTENDED | REG_NOSUB) != 0)
		return "could not be checked: out of memory";
	if (regexec(&pattern, text, 0, NULL, 0) != 0)
		wrong = "is not a device; write a PCI address such as \"0000:3b:00.0\" or a "
			"virtual device such as \"net_af_packet0,iface=data0\"";
	regfree(&pattern);
	return wrong;
}

static const char *check_ipv4(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		return "is not an IPv4 address; write one such as \"192.0.2.1\"";
	uint8_t first = (uint8_t)(ntohl(address.s_addr) >> 24);
	if (first == 0 || first == 127 || first >= 224)
		return "is not a host's address; write one such as \"192.0.2.1\"";
	return NULL;
}

static const char *check_ipv6(const char *text)
{
	struct in6_addr address;

	if (inet_pton(AF_INET6, text, &address) != 1)
		return "is not an IPv6 address; write one such as \"2001:db8::1\"";
	if (IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_LOOPBACK(&address) ||
		IN6_IS_ADDR_MULTICAST(&address) || IN6_IS_ADDR_V4MAPPED(&address))
		return "is not a host's address; write one such as \"2001:db8::1\"";
	return NULL;
}

static const char *check_eal_argument(const char *text)
{
	return text[0] ? NULL : "is empty; write one argument in each element, or remove it";
}

// A port as it is written: addresses still in words.
struct written_port {
	struct weir_port_config port;
	char ipv4[INET_ADDRSTRLEN], ipv6[INET6_ADDRSTRLEN];
};

#define PORT(field) SETTING_FIELD(struct written_port, field)

static const struct setting_rule port_rules[] = {
	{"device", SETTING_TEXT, true, PORT(port.device), .example = "\"0000:3b:00.0\"",
		.check = check_device},
	{"ipv4", SETTING_TEXT, false, PORT(ipv4), .example = "\"192.0.2.1\"", .check = check_ipv4},
	{"ipv6", SETTING_TEXT, false, PORT(ipv6), .example = "\"2001:db8::1\"",
		.check = check_ipv6},
	{"mtu", SETTING_COUNT, false, PORT(port.mtu), 576, 9600, "1500"},
	{"vlan", SETTING_COUNT, false, PORT(port.vlan), 0, 4094, "0"},
	{"queues", SETTING_COUNT, false, PORT(port.queues), 0, WORKER_QUEUES_MAX, "0"},
	{"descriptors", SETTING_COUNT, false, PORT(port.descriptors), 64, 32768, "1024"},
};

static int read_port(
	struct config_file *file, const config_setting_t *group, struct weir_port_config *port)
{
	struct written_port written = {.port = port_defaults};
	int status = setting_read_group(file, group, port_rules, RULE_COUNT(port_rules), &written);

	if (status != 0)
		return status;
	*port = written.port;
	port->has_ipv4 = written.ipv4[0] && inet_pton(AF_INET, written.ipv4, &port->ipv4) == 1;
	port->has_ipv6 = written.ipv6[0] && inet_pton(AF_INET6, written.ipv6, &port->ipv6) == 1;
	if (!port->has_ipv4 && !port->has_ipv6)
		return setting_error(file, group,
			"has no address; add ipv4 = \"192.0.2.1\"; or ipv6 = \"2001:db8::1\"; or "
			"both");
	if (port->has_ipv6 && port->mtu < 1280)
		return setting_error_in(file, group, "mtu",
			"is %u, too small for IPv6; write at least 1280", port->mtu);
	if (port->descriptors & (port->descriptors - 1))
		return setting_error_in(file, group, "descriptors",
			"is %u; write a power of two, such as 1024", port->descriptors);
	return 0;
}

static bool same_device(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	return n == strcspn(b, ",") && strncmp(a, b, n) == 0;
}

// Two ports must not be the same device, nor have the same address.
static int check_port_pair(struct config_file *file, const config_setting_t *later,
	const struct weir_port_config *a, const struct weir_port_config *b)
{
	if (same_device(a->device, b->device))
		return setting_error_in(file, later, "device",
			"= \"%.80s\" is another port's device; write each device once", b->device);
	if (a->has_ipv4 && b->has_ipv4 && a->ipv4.s_addr == b->ipv4.s_addr)
		return setting_error_in(
			file, later, "ipv4", "is another port's address; give each port its own");
	if (a->has_ipv6 && b->has_ipv6 && memcmp(&a->ipv6, &b->ipv6, sizeof(a->ipv6)) == 0)
		return setting_error_in(
			file, later, "ipv6", "is another port's address; give each port its own");
	return 0;
}

int read_ports(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_dataplane_config *dataplane = target;
	int status = 0;

	dataplane->port_count = (size_t)config_setting_length(list);
	for (size_t i = 0; status == 0 && i < dataplane->port_count; i++) {
		const config_setting_t *group = setting_element(list, i);
		status = read_port(file, group, &dataplane->ports[i]);
		for (size_t j = 0; status == 0 && j < i; j++)
			status = check_port_pair(
				file, group, &dataplane->ports[j], &dataplane->ports[i]);
	}
	return status;
}

int read_workers(struct config_file *file, const config_setting_t *list, void *target)
{
	static const struct setting_rule rule = {
		"workers", SETTING_COUNT, .size = sizeof(int), .most = 1023, .example = "2"};
	struct weir_dataplane_config *dataplane = target;

	dataplane->worker_count = (size_t)config_setting_length(list);
	for (size_t i = 0; i < dataplane->worker_count; i++) {
		const config_setting_t *element = setting_element(list, i);
		int status = setting_read_element(file, element, &rule, &dataplane->workers[i]);
		if (status != 0)
			return status;
		for (size_t j = 0; j < i; j++)
			if (dataplane->workers[j] == dataplane->workers[i])
				return setting_error(file, element,
					"is CPU %d, as element %zu; give each worker a CPU of its "
					"own",
					dataplane->workers[i], j);
	}
	return 0;
}

int read_eal_arguments(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_dataplane_config *dataplane = target;
	static const struct setting_rule rule = {"eal_arguments", SETTING_TEXT,
		.size = sizeof(dataplane->eal_arguments[0]), .example = "\"--log-level=info\"",
		.check = check_eal_argument};
	int status = 0;

	dataplane->eal_argument_count = (size_t)config_setting_length(list);
	for (size_t i = 0; status == 0 && i < dataplane->eal_argument_count; i++)
		status = setting_read_element(
			file, setting_element(list, i), &rule, dataplane->eal_arguments[i]);
	return status;
}

// Entries of the event table are taken by number, so no two may meet in one.
static int check_numbers(struct config_file *file, const config_setting_t *list,
	const struct weir_dataplane_config *dataplane)
{
	const struct weir_static_event_config *events = dataplane->static_events;

	for (size_t i = 0; i < dataplane->static_event_count; i++)
		for (size_t j = 0; j < i; j++)
			if (events[i].number % dataplane->max_events ==
				events[j].number % dataplane->max_events)
				return setting_error_in(file, setting_element(list, i), "number",
					"is %" PRIu32 ", which with max_events = %" PRIu32
					" meets element %zu's %" PRIu32
					"; number them 1, 2, 3 and so on",
					events[i].number, dataplane->max_events, j,
					events[j].number);
	return 0;
}

static int read_static_events(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_dataplane_config *dataplane = target;
	size_t count = (size_t)config_setting_length(list);

	if (count == 0)
		return 0;
	dataplane->static_events = calloc(count, sizeof(*dataplane->static_events));
	if (!dataplane->static_events)
		return setting_error(file, list, "could not be read: out of memory");
	dataplane->static_event_count = count;
	for (size_t i = 0; i < count; i++) {
		int status = read_static_event(
			file, setting_element(list, i), &dataplane->static_events[i]);
		if (status != 0)
			return status;
	}
	return 0;
}

// The switch may stand behind the events that need it, so this comes last.
static int check_static_events(struct config_file *file, const config_setting_t *group,
	const struct weir_dataplane_config *dataplane)
{
	const config_setting_t *list = config_setting_get_member(group, "static_events");

	for (size_t i = 0; i < dataplane->static_event_count; i++)
		if (dataplane->static_events[i].cipher == WEIR_CIPHER_NONE && !dataplane->lab)
			return setting_error_in(file, setting_element(list, i), "cipher",
				"is \"none\": anybody could read and forge shares; in a "
				"laboratory, "
				"and nowhere else, write lab = true; in the dataplane section");
	return list ? check_numbers(file, list, dataplane) : 0;
}

static const char *check_kernels_mask(const char *text)
{
	regex_t pattern;
	const char *wrong = NULL;

	if (regcomp(&pattern, "^((avx2|avx512)(,(avx2|avx512))*)?$", REG_EXTENDED | REG_NOSUB) != 0)
		return "could not be checked: out of memory";
	if (regexec(&pattern, text, 0, NULL, 0) != 0)
		wrong = "is not a list of tiers; write avx2, avx512 or both with a comma between";
	regfree(&pattern);
	return wrong;
}

static const char *check_memory(const char *text)
{
	return text[0] ? NULL : "is empty; write \"auto\", \"none\" or a folder in memory";
}

#define DATAPLANE(field) SETTING_FIELD(struct weir_dataplane_config, field)

static const struct setting_rule dataplane_rules[] = {
	{"ports", SETTING_LIST, true, .least = 1, .most = WEIR_PORTS_MAX,
		.example = "( { device = \"0000:3b:00.0\"; ipv4 = \"192.0.2.1\"; } )",
		.read = read_ports},
	{"workers", SETTING_LIST, true, .least = 1, .most = WEIR_WORKERS_MAX, .example = "[ 2, 3 ]",
		.read = read_workers},
	{"udp_port", SETTING_COUNT, false, DATAPLANE(udp_port), 1, 65535, "9347"},
	{"idle", SETTING_CHOICE, false, DATAPLANE(idle), .choices = idle_choices},
	{"hugepages", SETTING_CHOICE, false, DATAPLANE(hugepages), .choices = hugepages_choices},
	{"packet_memory", SETTING_BYTES, false, DATAPLANE(packet_memory), MIB, TIB, "\"64 MiB\""},
	{"packet_buffers", SETTING_COUNT, false, DATAPLANE(packet_buffers), 128, 1 << 24, "16384"},
	{"arena", SETTING_BYTES, false, DATAPLANE(arena), MIB, 16 * TIB, "\"256 MiB\""},
	{"memory", SETTING_TEXT, false, DATAPLANE(memory), .example = "\"auto\"",
		.check = check_memory},
	{"max_events", SETTING_COUNT, false, DATAPLANE(max_events), 1, 4096, "16"},
	{"max_clients", SETTING_COUNT, false, DATAPLANE(max_clients), 1, 1 << 26, "100000"},
	{"window", SETTING_COUNT, false, DATAPLANE(window), 1, 1 << 20, "256"},
	{"rate", SETTING_RATE, false, DATAPLANE(rate), 0, TIB, "\"100 Mbit/s\""},
	{"wait", SETTING_DURATION, false, DATAPLANE(wait_ms), 1, 60000, "\"20 ms\""},
	{"socket", SETTING_PATH, false, DATAPLANE(socket),
		.example = "\"/run/weir/dataplane.sock\""},
	{"file_prefix", SETTING_TEXT, false, DATAPLANE(file_prefix), .example = "\"weir\"",
		.check = check_name},
	{"eal_arguments", SETTING_LIST, false, .most = 8, .example = "[ \"--log-level=info\" ]",
		.read = read_eal_arguments},
	{"kernels_mask", SETTING_TEXT, false, DATAPLANE(kernels_mask), .example = "\"avx2\"",
		.check = check_kernels_mask},
	{"static_events", SETTING_LIST, false, .most = WEIR_STATIC_MAX, .read = read_static_events},
	{"lab", SETTING_BOOL, false, DATAPLANE(lab)},
};

static uint64_t queues_of(
	const struct weir_dataplane_config *dataplane, const struct weir_port_config *port)
{
	return port->queues ? port->queues : dataplane->worker_count;
}

// Each port's queues are dealt out to the workers in turn.
static int check_queues(struct config_file *file, const config_setting_t *group,
	const struct weir_dataplane_config *dataplane)
{
	uint64_t workers = dataplane->worker_count, most = 0;

	for (size_t i = 0; i < dataplane->port_count; i++)
		most += (queues_of(dataplane, &dataplane->ports[i]) + workers - 1) / workers;
	if (most > WORKER_QUEUES_MAX)
		return setting_error_in(file, group, "ports",
			"have so many queues that a worker would get %" PRIu64
			", above %d; write fewer queues or more workers",
			most, WORKER_QUEUES_MAX);
	return 0;
}

// Packet buffers must fill every receive queue and leave as many to be worked on, and fit memory.
static int check_buffers(struct config_file *file, const config_setting_t *group,
	const struct weir_dataplane_config *dataplane)
{
	uint64_t filled = 0, largest = 0;

	for (size_t i = 0; i < dataplane->port_count; i++) {
		const struct weir_port_config *port = &dataplane->ports[i];
		filled += queues_of(dataplane, port) * port->descriptors;
		if (port->mtu > largest)
			largest = port->mtu;
	}
	if (dataplane->packet_buffers < 2 * filled)
		return setting_error_in(file, group, "packet_buffers",
			"is %" PRIu32 ", but all receive queues have %" PRIu64
			" descriptors together; write packet_buffers = %" PRIu64
			"; or fewer queues or descriptors",
			dataplane->packet_buffers, filled, 2 * filled);
	if (dataplane->packet_memory < dataplane->packet_buffers * largest)
		return setting_error_in(file, group, "packet_memory",
			"is %" PRIu64 " bytes, but %" PRIu32 " packet_buffers x mtu %" PRIu64
			" need more; write at least \"%" PRIu64 " MiB\"",
			dataplane->packet_memory, dataplane->packet_buffers, largest,
			(dataplane->packet_buffers * (largest + 512) + MIB - 1) / MIB);
	return 0;
}

// A folder may be relative to the file's, the two words are not.
static int resolve_memory(struct config_file *file, const config_setting_t *group,
	struct weir_dataplane_config *dataplane)
{
	char folder[WEIR_PATH_MAX];

	if (strcmp(dataplane->memory, "auto") == 0 || strcmp(dataplane->memory, "none") == 0)
		return 0;
	if (config_file_join(file, dataplane->memory, folder, sizeof(folder)) != 0)
		return setting_error_in(
			file, group, "memory", "is too long a path; write a shorter one");
	strcpy(dataplane->memory, folder);
	return 0;
}

int read_dataplane(struct config_file *file, const config_setting_t *group, void *target)
{
	struct weir_dataplane_config *dataplane =
		&((struct weir_appliance_config *)target)->dataplane;
	int status = setting_read_group(
		file, group, dataplane_rules, RULE_COUNT(dataplane_rules), dataplane);

	if (status != 0)
		return status;
	status = resolve_memory(file, group, dataplane);
	if (status != 0)
		return status;
	status = check_queues(file, group, dataplane);
	if (status != 0)
		return status;
	status = check_buffers(file, group, dataplane);
	if (status != 0)
		return status;
	return check_static_events(file, group, dataplane);
}
