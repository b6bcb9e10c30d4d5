// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "appliance_sections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "kernels.h"

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))
#define PEERS_KNOWN_MAX   1024
#define MEMBERS_MAX       (1 << 24)

const struct weir_control_config control_defaults = {
	.min_clients = 2,
	.slots = 64,
	.max_weight = 1000000,
	.poll_ms = 20000,
	.connections = 8192,
	.connections_per_address = 2048,
	.request_timeout_ms = 60000,
	.leader_timeout_ms = 24 * 60 * 60 * 1000,
};

static const struct setting_choice durability_choices[] = {
	{"process", WEIR_DURABILITY_PROCESS},
	{"disk", WEIR_DURABILITY_DISK},
	{NULL, 0},
};

static int read_control_peers(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_control_config *control = target;
	size_t n = (size_t)config_setting_length(list);

	if (n == 0)
		return 0;
	control->peers = calloc(n, sizeof(*control->peers));
	if (!control->peers) {
		config_file_error(file, NULL, 0, "out of memory; free some or write less");
		return -ENOMEM;
	}
	control->peer_count = n;
	return read_peers(file, list, control->peers);
}

static int read_roster(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_control_config *control = target;

	return read_members(file, list, &control->roster, &control->roster_count);
}

static int read_operators(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_control_config *control = target;

	return read_members(file, list, &control->operators, &control->operator_count);
}

#define CONTROL(field) SETTING_FIELD(struct weir_control_config, field)

static const struct setting_rule control_rules[] = {
	{"key", SETTING_PATH, true, CONTROL(identity_file), .example = "\"appliance.pem\""},
	{"state", SETTING_PATH, true, CONTROL(state), .example = "\"/var/lib/weir\""},
	{"listen", SETTING_TEXT, true, CONTROL(listen), .example = "\"192.0.2.1:9347\"",
		.check = check_listen},
	{"url", SETTING_TEXT, false, CONTROL(url), .example = "\"http://192.0.2.1:9347\"",
		.check = check_url},
	{"endpoint", SETTING_TEXT, false, CONTROL(endpoint), .example = "\"192.0.2.1:9347\"",
		.check = check_endpoint},
	{"min_clients", SETTING_COUNT, false, CONTROL(min_clients), 1, UINT32_MAX, "2"},
	{"allow_single_client", SETTING_BOOL, false, CONTROL(allow_single_client),
		.example = "false"},
	{"slots", SETTING_COUNT, false, CONTROL(slots), 1, 1 << 24, "64"},
	{"max_weight", SETTING_COUNT, false, CONTROL(max_weight), 1, WEIR_WEIGHT_MAX, "1000000"},
	{"durability", SETTING_CHOICE, false, CONTROL(durability), .choices = durability_choices},
	{"connections", SETTING_COUNT, false, CONTROL(connections), 16, 1 << 20, "8192"},
	{"connections_per_address", SETTING_COUNT, false, CONTROL(connections_per_address), 1,
		1 << 20, "2048"},
	{"request_timeout", SETTING_DURATION, false, CONTROL(request_timeout_ms), 100, 600000,
		"\"60 s\""},
	{"leader_timeout", SETTING_DURATION, false, CONTROL(leader_timeout_ms), 1000,
		UINT64_C(366) * 24 * 60 * 60 * 1000, "\"24 h\""},
	{"poll", SETTING_DURATION, false, CONTROL(poll_ms), 1, 600000, "\"20 s\""},
	{"peers", SETTING_LIST, false, .most = PEERS_KNOWN_MAX,
		.example = "( { name = \"b\"; identity = \"...\"; url = \"http://...\"; } )",
		.read = read_control_peers},
	{"roster", SETTING_LIST, false, .most = MEMBERS_MAX,
		.example = "( { identity = \"...\"; } )", .read = read_roster},
	{"operators", SETTING_LIST, false, .most = MEMBERS_MAX,
		.example = "( { identity = \"...\"; } )", .read = read_operators},
};

int read_control(struct config_file *file, const config_setting_t *group, void *target)
{
	struct weir_control_config *control = &((struct weir_appliance_config *)target)->control;
	int status =
		setting_read_group(file, group, control_rules, RULE_COUNT(control_rules), control);

	if (status != 0)
		return status;
	if (control->min_clients < 2 && !control->allow_single_client)
		return setting_error_in(file, group, "min_clients",
			"is 1, which would publish a single client's vector; write at least 2, or "
			"for tests add allow_single_client = true;");
	if (!control->url[0] && is_wildcard(control->listen))
		return setting_error_in(file, group, "listen",
			"= \"%s\" does not tell clients where to connect; add url = "
			"\"http://HOST:PORT\";",
			control->listen);
	return 0;
}

void derive_addresses(struct weir_appliance_config *config)
{
	struct weir_control_config *control = &config->control;
	const struct weir_port_config *port = &config->dataplane.ports[0];
	char address[INET6_ADDRSTRLEN];

	if (!control->url[0])
		snprintf(control->url, sizeof(control->url), "http://%s", control->listen);
	if (control->endpoint[0])
		return;
	if (port->has_ipv4)
		inet_ntop(AF_INET, &port->ipv4, address, sizeof(address));
	else
		inet_ntop(AF_INET6, &port->ipv6, address, sizeof(address));
	snprintf(control->endpoint, sizeof(control->endpoint), "%s%s%s:%u",
		port->has_ipv4 ? "" : "[", address, port->has_ipv4 ? "" : "]",
		config->dataplane.udp_port);
}
