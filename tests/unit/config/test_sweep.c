// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every setting of every example in turn: removed, of another type, misspelt; and every example cut
// off or damaged at every byte.
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_test.h"

TestSuite(sweep, .init = make_folder, .fini = remove_folder, .timeout = 100);

#define PATHS_MAX 200

static const char *const example_names[CONFIG_KINDS] = {"appliance.cfg", "job.cfg", "client.cfg"};

// What cannot be left out; list elements by their last name.
static const char *const required[CONFIG_KINDS][24] = {
	{"dataplane", "dataplane.ports", "dataplane.workers", "control", "control.key",
		"control.state", "control.listen", "dataplane.ports.[0].device",
		"control.peers.[0].name", "control.peers.[0].identity", "control.peers.[0].url",
		"control.roster.[0].identity", "control.roster.[1].identity",
		"control.roster.[2].identity"},
	{"job", "modulus", "dimension", "encoding", "encoding.kind", "encoding.scale",
		"encoding.clip", "max_clients", "duration", "aggregators", "collectors"},
	{"key", "aggregators", "aggregators.[0].name", "aggregators.[0].identity",
		"aggregators.[0].url", "aggregators.[1].name", "aggregators.[1].identity",
		"aggregators.[1].url"},
};

static char *example_text(const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", getenv("WEIR_CONFIG_EXAMPLES"), name);
	return read_file(path);
}

static void parse_example(config_t *tree, enum config_kind kind)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", getenv("WEIR_CONFIG_EXAMPLES"), example_names[kind]);
	config_init(tree);
	config_set_include_dir(tree, getenv("WEIR_CONFIG_EXAMPLES"));
	cr_assert_eq(
		config_read_file(tree, path), CONFIG_TRUE, "%s: %s", path, config_error_text(tree));
}

// The libconfig path of every named setting below this one.
static size_t collect(
	const config_setting_t *setting, const char *path, char (*paths)[128], size_t n)
{
	char below[128];

	if (!config_setting_is_aggregate(setting))
		return n;
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *child = config_setting_get_elem(setting, (unsigned)i);
		const char *name = config_setting_name(child);
		if (name)
			snprintf(below, sizeof(below), "%s%s%s", path, path[0] ? "." : "", name);
		else
			snprintf(below, sizeof(below), "%s.[%d]", path, i);
		if (name) {
			cr_assert_lt(n, PATHS_MAX);
			strcpy(paths[n++], below);
		}
		n = collect(child, below, paths, n);
	}
	return n;
}

static size_t settings_of(enum config_kind kind, char (*paths)[128])
{
	config_t tree;
	parse_example(&tree, kind);
	size_t n = collect(config_root_setting(&tree), "", paths, 0);
	config_destroy(&tree);
	return n;
}

static int load_tree(enum config_kind kind, const config_t *tree, struct weir_config_error *error)
{
	char path[256];
	FILE *stream = fopen(in_folder("tree.cfg"), "w");

	cr_assert_not_null(stream);
	config_write(tree, stream);
	fclose(stream);
	strcpy(path, in_folder("tree.cfg"));
	char *text = read_file(path);
	error->message[0] = '\0';
	int status = config_load_bytes(kind, path, text, strlen(text), error);
	free(text);
	return status;
}

static bool is_required(enum config_kind kind, const char *path)
{
	for (size_t i = 0; i < 24 && required[kind][i]; i++)
		if (strcmp(required[kind][i], path) == 0)
			return true;
	return false;
}

Test(sweep, each_setting_removed)
{
	static char paths[PATHS_MAX][128];
	struct weir_config_error error;
	char wanted[200];

	for (int kind = 0; kind < CONFIG_KINDS; kind++) {
		size_t n = settings_of(kind, paths), needed = 0, seen = 0;
		while (needed < 24 && required[kind][needed])
			needed++;
		for (size_t i = 0; i < n; i++) {
			config_t tree;
			parse_example(&tree, kind);
			config_setting_t *setting = config_lookup(&tree, paths[i]);
			const char *name =
				strrchr(paths[i], '.') ? strrchr(paths[i], '.') + 1 : paths[i];
			config_setting_remove(config_setting_parent(setting), name);
			int status = load_tree(kind, &tree, &error);
			snprintf(
				wanted, sizeof(wanted), "has no setting %s; add %s = ", name, name);
			if (strcmp(name, "kind") == 0)
				wanted[strlen("has no setting kind")] = '\0';
			if (is_required(kind, paths[i])) {
				cr_expect_eq(status, -EINVAL, "without %s: %d", paths[i], status);
				cr_expect_not_null(strstr(error.message, wanted), "without %s: %s",
					paths[i], error.message);
				seen++;
			} else if (strstr(paths[i], ".ipv")) {
				cr_expect_eq(status, 0, "one address is enough: %s", error.message);
			} else {
				cr_expect_eq(status, 0, "without %s: %s", paths[i], error.message);
			}
			config_destroy(&tree);
		}
		cr_expect_eq(seen, needed, "only %zu of %zu required settings met", seen, needed);
	}
}

// Another type in the place of the setting: a text for what is not one, a truth value for texts.
static void retype(config_setting_t *setting, const char *name)
{
	config_setting_t *parent = config_setting_parent(setting);
	bool text = config_setting_type(setting) == CONFIG_TYPE_STRING;

	config_setting_remove(parent, name);
	setting = config_setting_add(parent, name, text ? CONFIG_TYPE_BOOL : CONFIG_TYPE_STRING);
	if (text)
		config_setting_set_bool(setting, 1);
	else
		config_setting_set_string(setting, "x");
}

Test(sweep, each_setting_of_another_type)
{
	static char paths[PATHS_MAX][128];
	struct weir_config_error error;
	char where[300];

	for (int kind = 0; kind < CONFIG_KINDS; kind++) {
		size_t n = settings_of(kind, paths);
		for (size_t i = 0; i < n; i++) {
			config_t tree, again;
			parse_example(&tree, kind);
			const char *name =
				strrchr(paths[i], '.') ? strrchr(paths[i], '.') + 1 : paths[i];
			retype(config_lookup(&tree, paths[i]), name);
			int status = load_tree(kind, &tree, &error);

			config_init(&again);
			cr_assert_eq(config_read_file(&again, in_folder("tree.cfg")), CONFIG_TRUE);
			snprintf(where, sizeof(where), "%s:%u: ", in_folder("tree.cfg"),
				config_lookup(&again, paths[i])->line);
			cr_expect_eq(status, -EINVAL, "%s: %d", paths[i], status);
			cr_expect_eq(strncmp(error.message, where, strlen(where)), 0,
				"not at %s: %s", where, error.message);
			cr_expect_not_null(
				strstr(error.message, name), "%s: %s", name, error.message);
			cr_expect_not_null(strstr(error.message, "; write"), "%s", error.message);
			config_destroy(&again);
			config_destroy(&tree);
		}
	}
}

Test(sweep, an_unknown_setting_in_each_group)
{
	static char paths[PATHS_MAX][128];
	struct weir_config_error error;

	for (int kind = 0; kind < CONFIG_KINDS; kind++) {
		size_t n = settings_of(kind, paths);
		for (size_t i = 0; i < n; i++) {
			config_t tree;
			parse_example(&tree, kind);
			config_setting_t *group =
				config_setting_parent(config_lookup(&tree, paths[i]));
			config_setting_set_int(
				config_setting_add(group, "zzz", CONFIG_TYPE_INT), 1);
			cr_expect_eq(load_tree(kind, &tree, &error), -EINVAL);
			cr_expect_not_null(
				strstr(error.message, "zzz is not a setting"), "%s", error.message);
			config_destroy(&tree);
		}
	}
}

static void copy_roster(void)
{
	char *text = example_text("roster.cfg");
	write_file("roster.cfg", text);
	free(text);
}

static void load_damaged(enum config_kind kind, const char *path, const char *text, size_t length)
{
	struct weir_config_error error = {""};
	int status = config_load_bytes(kind, path, text, length, &error);

	cr_expect(status == 0 || status == -EINVAL, "%d", status);
	cr_expect_eq(status == 0, error.message[0] == '\0', "%d: %s", status, error.message);
	cr_expect_lt(strlen(error.message), sizeof(error.message));
}

static void cut_everywhere(enum config_kind kind)
{
	char path[256];
	char *text = example_text(example_names[kind]);

	copy_roster();
	strcpy(path, in_folder("cut.cfg"));
	for (size_t length = 0; text[length]; length++)
		load_damaged(kind, path, text, length);
	free(text);
}

Test(sweep, appliance_cut_off_at_every_byte)
{
	cut_everywhere(CONFIG_APPLIANCE);
}

Test(sweep, job_cut_off_at_every_byte)
{
	cut_everywhere(CONFIG_JOB);
}

Test(sweep, client_cut_off_at_every_byte)
{
	cut_everywhere(CONFIG_CLIENT);
}

Test(sweep, every_byte_damaged)
{
	static const char damage[] = "\"{}()[];=#/*\\@0-.Lx \n\t\x01\xff";
	char path[256];

	copy_roster();
	strcpy(path, in_folder("damaged.cfg"));
	for (int kind = 0; kind < CONFIG_KINDS; kind++) {
		char *text = example_text(example_names[kind]);
		size_t length = strlen(text);
		for (size_t i = 0; i < length; i++) {
			char kept = text[i];
			text[i] = damage[i % sizeof(damage)];
			load_damaged(kind, path, text, length);
			text[i] = kept;
		}
		free(text);
	}
}

Test(sweep, roster_cut_off_at_every_byte)
{
	char path[256];
	char *text = example_text("appliance.cfg"), *roster = example_text("roster.cfg");

	strcpy(path, in_folder("cut.cfg"));
	for (size_t length = strlen(roster); length > 0; length--) {
		roster[length] = '\0';
		write_file("roster.cfg", roster);
		load_damaged(CONFIG_APPLIANCE, path, text, strlen(text));
	}
	free(roster);
	free(text);
}
