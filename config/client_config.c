// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "client_config.h"

#include <stdlib.h>
#include <string.h>

#include "checks.h"

static int read_aggregators(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_client_config *client = target;

	client->aggregator_count = (size_t)config_setting_length(list);
	return read_peers(file, list, client->aggregators);
}

#define CLIENT(field) SETTING_FIELD(struct weir_client_config, field)

static const struct setting_rule client_rules[] = {
	{"key", SETTING_PATH, true, CLIENT(identity_file), .example = "\"client.pem\""},
	{"state", SETTING_PATH, false, CLIENT(state), .example = "\"state\""},
	{"aggregators", SETTING_LIST, true, .least = 2, .most = WEIR_PEERS_MAX,
		.example = "( { name = \"a\"; identity = \"...\"; url = \"http://...\"; }, ... )",
		.read = read_aggregators},
	{"timeout", SETTING_DURATION, false, CLIENT(timeout_ms), 100, 86400000, "\"60 s\""},
};

static int fill(struct config_file *file, void *out)
{
	struct weir_client_config *config = out;
	int status;

	config->timeout_ms = 60000;
	strcpy(config->path, file->path);
	status = setting_read_group(file, config_root_setting(&file->tree), client_rules,
		sizeof(client_rules) / sizeof(client_rules[0]), config);
	if (status == 0 && !config->state[0] &&
		config_file_join(file, "state", config->state, sizeof(config->state)) != 0)
		status = config_file_error(
			file, NULL, 0, "path too long; add state = \"...\"; with a shorter one");
	return status;
}

struct weir_client_config *weir_client_config_load(
	const char *path, struct weir_config_error *error)
{
	return config_file_load(path, sizeof(struct weir_client_config), fill, free, error);
}

void weir_client_config_free(struct weir_client_config *config)
{
	free(config);
}
