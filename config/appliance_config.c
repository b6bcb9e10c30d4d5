// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "appliance_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance_sections.h"
#include "checks.h"
#include "random.h"

static const char *check_user(const char *text)
{
	return *text ? check_name(text) : NULL;
}

#define APPLIANCE(field) SETTING_FIELD(struct weir_appliance_config, field)

static const struct setting_rule appliance_rules[] = {
	{"dataplane", SETTING_GROUP, true, .example = "{ ports = ...; workers = ...; }",
		.read = read_dataplane},
	{"control", SETTING_GROUP, false,
		.example = "{ key = \"...\"; state = \"...\"; listen = \"...\"; }",
		.read = read_control},
	{"user", SETTING_TEXT, false, APPLIANCE(user), .example = "\"weir\"", .check = check_user},
	{"sandbox", SETTING_BOOL, false, APPLIANCE(sandbox), .example = "true"},
};

bool weir_appliance_has_control(const struct weir_appliance_config *config)
{
	return config->control.listen[0] != '\0';
}

// Only a load test does without a control plane.
static int check_control(struct config_file *file, const struct weir_appliance_config *config)
{
	if (weir_appliance_has_control(config) || config->dataplane.static_event_count > 0)
		return 0;
	return setting_error(file, config_root_setting(&file->tree),
		"has no setting control; add control = { key = \"...\"; state = \"...\"; "
		"listen = \"...\"; }; only a file with static events may be without");
}

static int fill(struct config_file *file, void *out)
{
	struct weir_appliance_config *config = out;
	int status;

	config->sandbox = true;
	config->dataplane = dataplane_defaults;
	config->control = control_defaults;
	strcpy(config->path, file->path);
	status = setting_read_group(file, config_root_setting(&file->tree), appliance_rules,
		sizeof(appliance_rules) / sizeof(appliance_rules[0]), config);
	if (status == 0)
		status = check_control(file, config);
	if (status == 0 && weir_appliance_has_control(config))
		derive_addresses(config);
	return status;
}

static void release(void *config)
{
	weir_appliance_config_free(config);
}

struct weir_appliance_config *weir_appliance_config_load(
	const char *path, struct weir_config_error *error)
{
	return config_file_load(path, sizeof(struct weir_appliance_config), fill, release, error);
}

void weir_appliance_config_free(struct weir_appliance_config *config)
{
	if (!config)
		return;
	free(config->control.peers);
	free(config->control.roster);
	free(config->control.operators);
	weir_wipe(config->dataplane.static_events,
		config->dataplane.static_event_count * sizeof(*config->dataplane.static_events));
	free(config->dataplane.static_events);
	free(config);
}
