// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "weirctl.h"

#include <string.h>

#include "event_list.h"

#define ENDED_SHOWN 100 // events that have ended, unless all are asked for

// Leaves those whose ids begin with text. Returns EXIT_DONE, or EXIT_FAILED after a report.
static int choose(json_t *events, const char *text)
{
	json_t *found;

	if (event_match(events, text, &found) == 0)
		return command_fail(EXIT_FAILED,
			"no event's id begins with '%s'; weirctl events lists all", text);
	for (size_t i = json_array_size(events); i-- > 0;) {
		const json_t *id = json_object_get(json_array_get(events, i), "id");
		if (strncmp(json_string_value(id), text, strlen(text)) != 0)
			json_array_remove(events, i);
	}
	return EXIT_DONE;
}

// What the command line says of which events.
struct choice {
	const char *id; // their beginning; NULL: any
	bool all;
};

static int show_events(struct connection *connection, const struct connection_options *options,
	const struct choice *choice)
{
	json_t *events = json_array();
	json_int_t next = 0;
	size_t older = 0;
	int code = EXIT_DONE;

	if (event_list_update(connection, events, &next) != 0)
		code = connection_fail(connection);
	else if (choice->id != NULL)
		code = choose(events, choice->id);
	else if (!choice->all)
		older = event_list_trim(events, ENDED_SHOWN);
	if (code == EXIT_DONE && event_list_complete(connection, events) != 0)
		code = connection_fail(connection);
	if (code == EXIT_DONE && options->json)
		return command_print_json(
			json_pack("{s:o, s:I}", "events", events, "older", (json_int_t)older));
	if (code == EXIT_DONE)
		event_list_print(stdout, events, wall_clock_ms());
	if (code == EXIT_DONE && older > 0)
		fprintf(stderr, "and %zu that ended before; --all lists them too\n", older);
	json_decref(events);
	return code;
}

static int run_events(int argc, char **argv)
{
	static const struct option known[] = {
		CONNECTION_OPTIONS, {"all", no_argument, NULL, 'a'}, {0}};
	struct connection_options options = {0};
	struct connection connection;
	struct choice choice = {0};

	for (int option; (option = command_option(argc, argv, known)) != -1;) {
		if (option == 'a')
			choice.all = true;
		else if (!connection_option(option, optarg, &options))
			return EXIT_USAGE;
	}
	if (argc - optind > 1)
		return command_fail(
			EXIT_USAGE, "unexpected argument '%s'; see --help", argv[optind + 1]);
	choice.id = argv[optind];
	int code = connection_open(&connection, &options);
	if (code == EXIT_DONE) {
		code = show_events(&connection, &options, &choice);
		connection_close(&connection);
	}
	return code;
}

const struct command command_events = {"events", "list events", run_events,
	"[ID] [--all] [--json] [--config FILE]",
	"Lists the events that the appliance knows, in the order in which their states changed, "
	"with\n"
	"the numbers of clients in each state, and how long ago they were announced; or those "
	"whose\n"
	"id begins with ID. Of those that have ended it lists the last hundred; `older` in --json "
	"says\n"
	"how many it left out.\n\n"
	"  --all           those that ended before as well\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl events\n"
	"  weirctl events 3f2a\n"
	"  weirctl events --json | jq '.events[] | select(.state == \"open\") | .id'\n"};

static int cancel(
	struct connection *connection, const struct connection_options *options, const char *text)
{
	char id[WEIR_HEX_ID], target[128];
	json_t *root;
	int code = event_find_id(connection, text, id);

	if (code != EXIT_DONE)
		return code;
	snprintf(target, sizeof(target), "/v1/events/%s", id);
	if (connection_call(connection, "DELETE", target, 0, NULL, &root) != 0)
		return connection_fail(connection);
	if (options->json)
		return command_print_json(root);
	printf("%s cancelled\n", id);
	json_decref(root);
	return EXIT_DONE;
}

static int run_cancel(int argc, char **argv)
{
	static const struct option known[] = {CONNECTION_OPTIONS, {0}};
	struct connection_options options = {0};
	struct connection connection;

	for (int option; (option = command_option(argc, argv, known)) != -1;)
		if (!connection_option(option, optarg, &options))
			return EXIT_USAGE;
	if (argc - optind != 1)
		return command_fail(EXIT_USAGE, "write one event's id; weirctl events lists them");
	int code = connection_open(&connection, &options);
	if (code == EXIT_DONE) {
		code = cancel(&connection, &options, argv[optind]);
		connection_close(&connection);
	}
	return code;
}

const struct command command_cancel = {"cancel", "end an event without a result", run_cancel,
	"ID [--json] [--config FILE]",
	"Ends an event that this appliance leads: it fails everywhere, nothing of it is published, "
	"and\n"
	"its round is used up. ID is the event's id, or as much of its beginning as no other has. "
	"An\n"
	"event that has been published cannot be cancelled.\n"
	"\n"
	"Where another leads, this appliance leaves the event: it fails here at once, its memory "
	"is\n"
	"free, and it fails everywhere when the leader hears of it. Refused once this appliance's\n"
	"aggregate share is published: that cannot be taken back.\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl cancel 3f2a90\n"};
