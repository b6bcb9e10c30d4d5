// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "generator_config.h"

#include <arpa/inet.h>
#include <netinet/ether.h>
#include <stdlib.h>
#include <string.h>

#include "appliance_sections.h"
#include "checks.h"
#include "identity.h"
#include "kernels.h"
#include "random.h"
#include "static_event_section.h"

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))
#define MIB               (UINT64_C(1) << 20)
#define TIB               (UINT64_C(1) << 40)

#define ACTIVE_MAX     (1U << 20)
#define ACTIVE_DEFAULT 256
#define BUFFERS        8192

// The file as it is written: addresses and secrets still in words.
struct written_generator {
	struct weir_generator_config config;
	char destination[64];
	char mac[18];
};

struct written_emulated {
	struct weir_emulated_config emulated;
	char seed[2 * sizeof(((struct weir_emulated_config *)0)->seed) + 1];
};

static const char *check_destination(const char *text)
{
	const char *wrong = check_endpoint(text);

	if (!wrong && text[0] == '[')
		wrong = "is an IPv6 address; write an IPv4 one such as \"192.0.2.1:9347\"";
	return wrong;
}

static const char *check_mac(const char *text)
{
	struct ether_addr address;

	return ether_aton_r(text, &address) ? NULL
					    : "is not an Ethernet address; write one such as "
					      "\"02:00:00:00:00:01\"";
}

static const char *check_seed(const char *text)
{
	uint8_t seed[32];

	return weir_hex_decode(text, seed, sizeof(seed)) == 0
		       ? NULL
		       : "is not a seed; write 64 lower-case hexadecimal digits";
}

static int read_generator_ports(
	struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_generator_config *config = target;

	return read_ports(file, list, &config->dataplane);
}

static int read_generator_workers(
	struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_generator_config *config = target;

	return read_workers(file, list, &config->dataplane);
}

static int read_generator_eal(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_generator_config *config = target;

	return read_eal_arguments(file, list, &config->dataplane);
}

static int read_event(struct config_file *file, const config_setting_t *group, void *target)
{
	struct weir_generator_config *config = target;

	config->has_static_event = true;
	return read_static_event(file, group, &config->static_event);
}

static int read_aggregators(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_emulated_config *emulated = target;

	emulated->aggregator_count = (size_t)config_setting_length(list);
	return read_peers(file, list, emulated->aggregators);
}

#define EMULATED(field) SETTING_FIELD(struct written_emulated, emulated.field)

static const struct setting_rule emulated_rules[] = {
	{"seed", SETTING_TEXT, true, SETTING_FIELD(struct written_emulated, seed),
		.example = "\"64 hexadecimal digits\"", .check = check_seed},
	{"clients", SETTING_COUNT, true, EMULATED(clients), 1, UINT64_C(1) << 24, "1000"},
	{"first", SETTING_COUNT, false, EMULATED(first), 0, UINT64_C(1) << 24, "0"},
	{"max_weight", SETTING_COUNT, false, EMULATED(max_weight), 1, WEIR_WEIGHT_MAX, "1"},
	{"joins", SETTING_COUNT, false, EMULATED(joins), 1, 256, "8"},
	{"key", SETTING_PATH, true, EMULATED(key), .example = "\"collector.pem\""},
	{"aggregators", SETTING_LIST, true, .least = 2, .most = WEIR_PEERS_MAX,
		.example = "( { name = \"a\"; identity = \"...\"; url = \"http://...\"; }, ... )",
		.read = read_aggregators},
};

static int read_emulated(struct config_file *file, const config_setting_t *group, void *target)
{
	struct weir_generator_config *config = target;
	struct written_emulated written = {.emulated = {.max_weight = 1, .joins = 8}};
	int status = setting_read_group(
		file, group, emulated_rules, RULE_COUNT(emulated_rules), &written);

	if (status != 0)
		return status;
	config->has_emulated = true;
	config->emulated = written.emulated;
	(void)weir_hex_decode(written.seed, config->emulated.seed, sizeof(config->emulated.seed));
	return 0;
}

static const struct setting_choice hugepages_choices[] = {
	{"auto", WEIR_HUGEPAGES_AUTO},
	{"on", WEIR_HUGEPAGES_ON},
	{"off", WEIR_HUGEPAGES_OFF},
	{NULL, 0},
};

#define WRITTEN(field) SETTING_FIELD(struct written_generator, field)

static const struct setting_rule rules[] = {
	{"ports", SETTING_LIST, true, .least = 1, .most = WEIR_PORTS_MAX,
		.example = "( { device = \"0000:3b:00.0\"; ipv4 = \"192.0.2.2\"; } )",
		.read = read_generator_ports},
	{"workers", SETTING_LIST, true, .least = 1, .most = WEIR_WORKERS_MAX, .example = "[ 0 ]",
		.read = read_generator_workers},
	{"destination", SETTING_TEXT, false, WRITTEN(destination), .example = "\"192.0.2.1:9347\"",
		.check = check_destination},
	{"destination_mac", SETTING_TEXT, false, WRITTEN(mac), .example = "\"02:00:00:00:00:01\"",
		.check = check_mac},
	{"static_event", SETTING_GROUP, false, .read = read_event},
	{"clients", SETTING_GROUP, false, .read = read_emulated},
	{"active", SETTING_COUNT, false, WRITTEN(config.active), 1, ACTIVE_MAX, "256"},
	{"interleave", SETTING_COUNT, false, WRITTEN(config.interleave), 1, 32, "8"},
	{"ask_again", SETTING_DURATION, false, WRITTEN(config.ask_again_ms), 0, 60000, "\"1 ms\""},
	{"line_rate", SETTING_RATE, false, WRITTEN(config.line_rate), 1, TIB, "\"10 Gbit/s\""},
	{"timeout", SETTING_DURATION, false, WRITTEN(config.timeout_ms), 100, 86400000, "\"10 s\""},
	{"hugepages", SETTING_CHOICE, false, WRITTEN(config.dataplane.hugepages),
		.choices = hugepages_choices},
	{"packet_memory", SETTING_BYTES, false, WRITTEN(config.dataplane.packet_memory), MIB, TIB,
		"\"64 MiB\""},
	{"packet_buffers", SETTING_COUNT, false, WRITTEN(config.dataplane.packet_buffers), 128,
		1 << 24, "8192"},
	{"file_prefix", SETTING_TEXT, false, WRITTEN(config.dataplane.file_prefix),
		.example = "\"weirgen\"", .check = check_name},
	{"eal_arguments", SETTING_LIST, false, .most = 8, .example = "[ \"--log-level=info\" ]",
		.read = read_generator_eal},
};

static const struct weir_generator_config defaults = {
	.dataplane =
		{
			.packet_memory = 64 * MIB,
			.packet_buffers = BUFFERS,
			.file_prefix = "weirgen",
		},
	.active = ACTIVE_DEFAULT,
	.interleave = 8,
	.timeout_ms = 10000,
};

static void take_destination(const char *text, struct weir_generator_config *config)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN] = "";

	memcpy(host, text, (size_t)(colon - text));
	(void)inet_pton(AF_INET, host, &config->destination);
	config->destination_port = (uint16_t)atoi(colon + 1);
}

// What concerns more than one setting.
static int check_together(struct config_file *file, const struct written_generator *written)
{
	const config_setting_t *root = config_root_setting(&file->tree);
	const struct weir_generator_config *config = &written->config;

	if (config->has_static_event == config->has_emulated)
		return setting_error_in(file, root, "static_event",
			"%s; write either static_event or clients, the clients of an announced "
			"event",
			config->has_emulated ? "stands beside clients" : "is missing");
	if (config->has_static_event && !written->destination[0])
		return setting_error_in(file, root, "destination",
			"is missing; add destination = \"192.0.2.1:9347\";, the dataplane's");
	if (config->has_emulated && written->destination[0])
		return setting_error_in(file, root, "destination",
			"is for a static event; remove it: the aggregators' offers say where to");
	for (size_t i = 0; i < config->dataplane.port_count; i++)
		if (!config->dataplane.ports[i].has_ipv4)
			return setting_error_in(file, root, "ports",
				"has element %zu without ipv4; add ipv4 = \"192.0.2.2\";", i);
	return 0;
}

static int read_generator(struct config_file *file, struct weir_generator_config *config)
{
	struct written_generator *written = calloc(1, sizeof(*written));
	struct ether_addr mac;

	if (!written)
		return setting_error(
			file, config_root_setting(&file->tree), "could not be read: out of memory");
	written->config = defaults;
	int status = setting_read_group(
		file, config_root_setting(&file->tree), rules, RULE_COUNT(rules), written);
	if (status == 0)
		status = check_together(file, written);
	if (status == 0) {
		*config = written->config;
		if (written->destination[0])
			take_destination(written->destination, config);
		config->has_mac = written->mac[0] && ether_aton_r(written->mac, &mac);
		if (config->has_mac)
			memcpy(config->mac, &mac, sizeof(config->mac));
	}
	weir_wipe(written, sizeof(*written));
	free(written);
	return status;
}

static int fill(struct config_file *file, void *out)
{
	struct weir_generator_config *config = out;
	int status = read_generator(file, config);

	strcpy(config->path, file->path);
	return status;
}

static void release(void *config)
{
	weir_generator_config_free(config);
}

struct weir_generator_config *weir_generator_config_load(
	const char *path, struct weir_config_error *error)
{
	return config_file_load(path, sizeof(struct weir_generator_config), fill, release, error);
}

void weir_generator_config_free(struct weir_generator_config *config)
{
	if (!config)
		return;
	weir_wipe(config, sizeof(*config));
	free(config);
}
