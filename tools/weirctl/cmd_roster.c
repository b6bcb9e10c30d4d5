// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "plain_text.h"
#include "roster_file.h"
#include "weirctl.h"

#define BATCH 4000 // members of one request, whose body stays below 1 MiB

struct roster_options {
	struct connection_options connection;
	const char *name, *file;
};

static int by_name(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;
	const char *names[2] = {json_string_value(json_object_get(*left, "name")),
		json_string_value(json_object_get(*right, "name"))};
	const char *ids[2] = {json_string_value(json_object_get(*left, "identity")),
		json_string_value(json_object_get(*right, "identity"))};
	int order = strcmp(names[0] ? names[0] : "", names[1] ? names[1] : "");

	return order != 0 ? order : strcmp(ids[0] ? ids[0] : "", ids[1] ? ids[1] : "");
}

static int print_sorted(const json_t *list)
{
	size_t count = json_array_size(list);
	const json_t **members = calloc(count + 1, sizeof(*members));

	if (members == NULL)
		return command_fail(EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < count; i++)
		members[i] = json_array_get(list, i);
	qsort(members, count, sizeof(*members), by_name);
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_object_get(members[i], "name"));

		plain_print(stdout, json_string_value(json_object_get(members[i], "identity")));
		if (name != NULL && *name != '\0') {
			putchar(' ');
			plain_print(stdout, name);
		}
		putchar('\n');
	}
	free(members);
	return EXIT_DONE;
}

// The lines are those that add --file takes.
static int list_members(struct connection *connection, const struct roster_options *options)
{
	json_t *root;

	if (connection_call(connection, "GET", "/v1/roster", 0, NULL, &root) != 0)
		return connection_fail(connection);
	if (options->connection.json)
		return command_print_json(root);
	int code = print_sorted(json_object_get(root, "roster"));
	json_decref(root);
	return code;
}

// What the appliance tells of a change.
struct roster_change {
	json_int_t members; // that there are now
	json_int_t done;    // that were added or removed
};

// One request for part of the members.
static int change_some(struct connection *connection, bool add, const struct roster_line *lines,
	size_t count, struct roster_change *change)
{
	json_t *list = json_array(), *root;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, add ? json_pack("{s:s, s:s}", "identity",
							  lines[i].identity, "name", lines[i].name)
						: json_string(lines[i].identity));
	json_t *body = json_pack("{s:o}", add ? "add" : "remove", list);
	if (body == NULL || json_array_size(list) != count) {
		json_decref(body);
		return command_fail(EXIT_FAILED, "out of memory");
	}
	if (connection_call(connection, "POST", "/v1/roster", 0, body, &root) != 0)
		return connection_fail(connection);
	change->members = json_integer_value(json_object_get(root, "members"));
	change->done += json_integer_value(json_object_get(root, add ? "added" : "removed"));
	json_decref(root);
	return EXIT_DONE;
}

// What the config lists is in the roster again when the appliance starts.
static void warn_of_config(const struct connection *connection, const struct roster_file *file)
{
	for (size_t i = 0; connection->config != NULL && i < file->count; i++)
		for (size_t r = 0; r < connection->config->control.roster_count; r++)
			if (strcmp(connection->config->control.roster[r].identity,
				    file->lines[i].identity) == 0)
				command_fail(0,
					"note: %s lists %s too; remove it there or it returns when "
					"the appliance starts",
					connection->config->path, file->lines[i].identity);
}

static int print_change(const struct roster_change *change, const struct roster_options *options,
	bool add, size_t asked)
{
	if (options->connection.json)
		return command_print_json(json_pack("{s:I, s:I}", "members", change->members,
			add ? "added" : "removed", change->done));
	printf("%s %" JSON_INTEGER_FORMAT, add ? "added" : "removed", change->done);
	if (change->done < (json_int_t)asked)
		printf(" of %zu", asked);
	printf("; members: %" JSON_INTEGER_FORMAT "\n", change->members);
	return EXIT_DONE;
}

static int change(struct connection *connection, const struct roster_options *options, bool add,
	const struct roster_file *file)
{
	struct roster_change change = {0};
	int code = EXIT_DONE;

	for (size_t done = 0; done < file->count && code == EXIT_DONE; done += BATCH) {
		size_t count = file->count - done < BATCH ? file->count - done : BATCH;
		code = change_some(connection, add, &file->lines[done], count, &change);
		if (code != EXIT_DONE && done > 0)
			command_fail(0, "%zu of %zu were done; it is safe to run this again", done,
				file->count);
	}
	if (code != EXIT_DONE)
		return code;
	if (!add)
		warn_of_config(connection, file);
	if (!add && change.done == 0)
		return command_fail(EXIT_FAILED,
			"nothing was removed: no member of the roster of %s was named; weirctl "
			"roster list shows them",
			connection->peer.name);
	return print_change(&change, options, add, file->count);
}

// Members named on the command line, as a file of them would be.
static int take_words(const struct roster_options *options, char **words, struct roster_file *file)
{
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	if (options->name != NULL && count != 1)
		return command_fail(EXIT_USAGE, "--name goes with exactly one identity");
	const char *wrong = options->name == NULL ? NULL : roster_check_name(options->name);
	if (wrong != NULL)
		return command_fail(EXIT_USAGE, "--name '%s' %s", options->name, wrong);
	for (size_t i = 0; i < count; i++)
		if ((wrong = roster_check_identity(words[i])) != NULL)
			return command_fail(EXIT_USAGE, "'%s' %s", words[i], wrong);
	file->lines = calloc(count + 1, sizeof(*file->lines));
	if (file->lines == NULL)
		return command_fail(EXIT_FAILED, "out of memory");
	file->count = count;
	for (size_t i = 0; i < count; i++)
		strcpy(file->lines[i].identity, words[i]);
	if (options->name != NULL)
		strcpy(file->lines[0].name, options->name);
	return EXIT_DONE;
}

static int take_members(
	const struct roster_options *options, bool add, char **words, struct roster_file *file)
{
	struct weir_config_error error;

	*file = (struct roster_file){0};
	if (!add && options->name != NULL)
		return command_fail(EXIT_USAGE, "--name goes with add; write identities to remove");
	if (options->file == NULL && words[0] == NULL)
		return command_fail(EXIT_USAGE, "write identities, or --file FILE; see --help");
	if (options->file == NULL)
		return take_words(options, words, file);
	if (words[0] != NULL || options->name != NULL)
		return command_fail(EXIT_USAGE, "write either identities or --file FILE, not both");
	if (roster_file_read(options->file, file, &error) != 0)
		return command_fail(EXIT_USAGE, "%s", error.message);
	if (file->count > 0)
		return EXIT_DONE;
	roster_file_free(file);
	return command_fail(
		EXIT_USAGE, "%s: has no members; write lines of IDENTITY [NAME]", options->file);
}

static int run_action(const struct roster_options *options, char **words)
{
	bool list = strcmp(words[0], "list") == 0, add = strcmp(words[0], "add") == 0;
	struct connection connection;
	struct roster_file file = {0};
	int code = EXIT_DONE;

	if (!list && !add && strcmp(words[0], "remove") != 0)
		return command_fail(
			EXIT_USAGE, "there is no roster '%s'; write list, add or remove", words[0]);
	if (list && (words[1] != NULL || options->name != NULL || options->file != NULL))
		return command_fail(EXIT_USAGE, "roster list takes no identities and no file");
	if (!list)
		code = take_members(options, add, &words[1], &file);
	if (code != EXIT_DONE)
		return code;
	code = connection_open(&connection, &options->connection);
	if (code == EXIT_DONE) {
		code = list ? list_members(&connection, options)
			    : change(&connection, options, add, &file);
		connection_close(&connection);
	}
	roster_file_free(&file);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {CONNECTION_OPTIONS,
		{"name", required_argument, NULL, 'n'}, {"file", required_argument, NULL, 'f'},
		{0}};
	struct roster_options options = {0};

	for (int option; (option = command_option(argc, argv, known)) != -1;) {
		if (option == 'n')
			options.name = optarg;
		else if (option == 'f')
			options.file = optarg;
		else if (!connection_option(option, optarg, &options.connection))
			return EXIT_USAGE;
	}
	if (optind == argc)
		return command_fail(EXIT_USAGE, "write list, add or remove; see --help");
	return run_action(&options, &argv[optind]);
}

const struct command command_roster = {"roster", "list, add or remove accepted clients", run,
	"list | add ID [--name NAME] | add ID... | remove ID... | add|remove --file FILE",
	"The roster is the set of identities that this appliance accepts as clients. Changes are "
	"kept\n"
	"when the appliance restarts; members that its config lists are there again at every "
	"start.\n"
	"A client that has joined an event stays in it when it leaves the roster.\n"
	"\n"
	"  --name NAME     a name for people, up to 63 bytes\n"
	"  --file FILE     members in lines of IDENTITY [NAME]; '#' begins a comment; - is "
	"standard\n"
	"                  input. list prints such lines.\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl roster list\n"
	"  weirctl roster add 0b7e4c1d... --name alice\n"
	"  weirctl roster add --file clients.txt\n"
	"  weirctl roster list | grep ' ward-7$' | weirctl roster remove --file -\n"};
