// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "weirctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_list.h"
#include "log_check.h"

// What is done with each entry: 0, or an exit code after a report.
typedef int (*take_entry)(void *context, json_t *item);

// All entries of the event's log that the appliance has, in order.
static int read_log(struct connection *connection, const char *id, take_entry take, void *context)
{
	uint64_t from = 0;
	int code = EXIT_DONE;

	while (code == EXIT_DONE) {
		char target[160];
		json_t *root, *entries, *item;
		size_t i;

		snprintf(target, sizeof(target), "/v1/events/%s/log?from=%" PRIu64, id, from);
		if (connection_call(connection, "GET", target, 0, NULL, &root) != 0)
			return connection_fail(connection);
		entries = json_object_get(root, "entries");
		if (!json_is_array(entries))
			code = command_fail(
				EXIT_FAILED, "%s answered without a log", connection->peer.name);
		json_array_foreach(entries, i, item)
		{
			code = take(context, item);
			if (code != EXIT_DONE)
				break;
			from++;
		}
		const bool at_end = i == 0;
		json_decref(root);
		if (at_end)
			break;
	}
	return code;
}

static int print_entry(void *context, json_t *item)
{
	FILE *out = context;

	if (json_dumpf(item, out, JSON_COMPACT) != 0 || fputc('\n', out) == EOF)
		return command_fail(EXIT_FAILED, "the log cannot be written: %s", strerror(errno));
	return EXIT_DONE;
}

struct verdict {
	struct log_check check;
	const char *id; // that the log must be of; NULL: any
	bool json;
};

static int fault(const struct verdict *verdict, const char *message)
{
	const uint64_t index = verdict->check.machine.next_index;

	if (verdict->json)
		command_print_json(json_pack("{s:b, s:I, s:s}", "good", 0, "entry",
			(json_int_t)index, "error", message));
	return command_fail(EXIT_FAILED, "entry %" PRIu64 ": %s", index, message);
}

static int check_id(const struct verdict *verdict)
{
	const struct weir_event_machine *machine = &verdict->check.machine;
	char id[WEIR_HEX_ID];

	if (verdict->id == NULL || machine->next_index != 1)
		return EXIT_DONE;
	weir_hex_encode(machine->announcement.event_digest.bytes, WEIR_DIGEST_SIZE, id);
	if (strcmp(id, verdict->id) == 0)
		return EXIT_DONE;
	return command_fail(EXIT_FAILED, "entry 0: announces event %s, another than asked for", id);
}

static int check_entry(void *context, json_t *item)
{
	struct verdict *verdict = context;
	struct weir_document_error error;

	if (log_check_take(&verdict->check, item, &error) != 0)
		return fault(verdict, error.message);
	return check_id(verdict);
}

static int check_lines(struct verdict *verdict, FILE *in, const char *name)
{
	struct weir_document_error error;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int code = EXIT_DONE;

	while (code == EXIT_DONE && (length = getline(&line, &size, in)) > 0) {
		if (line[length - 1] != '\n')
			code = fault(verdict, "the file ends within its line");
		else if (strlen(line) != (size_t)length)
			code = fault(verdict, "its line has a NUL");
		else if (log_check_line(&verdict->check, line, &error) != 0)
			code = fault(verdict, error.message);
	}
	if (code == EXIT_DONE && ferror(in))
		code = command_fail(EXIT_FAILED, "%s: %s", name, strerror(errno));
	free(line);
	return code;
}

static int check_file(struct verdict *verdict, const char *name)
{
	const bool standard = strcmp(name, "-") == 0;
	FILE *in = standard ? stdin : fopen(name, "re");

	if (in == NULL)
		return command_fail(EXIT_FAILED, "%s: %s", name, strerror(errno));
	int code = check_lines(verdict, in, name);
	if (!standard)
		fclose(in);
	return code;
}

static int print_good(const struct verdict *verdict)
{
	const struct weir_event_machine *machine = &verdict->check.machine;
	const size_t *counts = machine->counts;
	const char *state = weir_event_state_name(machine->state);
	char id[WEIR_HEX_ID], set[WEIR_HEX_ID];

	if (machine->next_index == 0)
		return fault(verdict, "there is none");
	weir_hex_encode(machine->announcement.event_digest.bytes, WEIR_DIGEST_SIZE, id);
	weir_hex_encode(machine->sealed_digest.bytes, WEIR_DIGEST_SIZE, set);
	if (verdict->json)
		return command_print_json(
			json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "good", 1, "id",
				id, "state", state, "entries", (json_int_t)machine->next_index,
				"clients", (json_int_t)machine->client_count, "sealed",
				(json_int_t)counts[WEIR_CLIENT_SEALED], "aborted",
				(json_int_t)counts[WEIR_CLIENT_ABORTED], "weight",
				(json_int_t)machine->sealed_weight, "set_digest", set));
	printf("event       %s, %s\n"
	       "entries     %" PRIu64 ", all good\n"
	       "clients     %zu: %zu sealed (weight %" PRIu64 "), %zu aborted\n"
	       "set digest  %s\n",
		id, state, machine->next_index, machine->client_count, counts[WEIR_CLIENT_SEALED],
		machine->sealed_weight, counts[WEIR_CLIENT_ABORTED], set);
	return EXIT_DONE;
}

struct log_options {
	struct connection_options connection;
	const char *file;
};

static int with_appliance(const struct log_options *options, bool verify, const char *text)
{
	struct verdict verdict = {.json = options->connection.json};
	struct connection connection;
	char id[WEIR_HEX_ID];
	int code = connection_open(&connection, &options->connection);

	if (code != EXIT_DONE)
		return code;
	log_check_init(&verdict.check);
	verdict.id = id;
	code = event_find_id(&connection, text, id);
	if (code == EXIT_DONE)
		code = verify ? read_log(&connection, id, check_entry, &verdict)
			      : read_log(&connection, id, print_entry, stdout);
	if (code == EXIT_DONE && verify)
		code = print_good(&verdict);
	else if (code == EXIT_DONE && fflush(stdout) != 0)
		code = command_fail(EXIT_FAILED, "the log cannot be written: %s", strerror(errno));
	log_check_clear(&verdict.check);
	connection_close(&connection);
	return code;
}

static int verify_file(const struct log_options *options)
{
	struct verdict verdict = {.json = options->connection.json};

	log_check_init(&verdict.check);
	int code = check_file(&verdict, options->file);
	if (code == EXIT_DONE)
		code = print_good(&verdict);
	log_check_clear(&verdict.check);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {
		CONNECTION_OPTIONS, {"file", required_argument, NULL, 'f'}, {0}};
	struct log_options options = {0};

	for (int option; (option = command_option(argc, argv, known)) != -1;) {
		if (option == 'f')
			options.file = optarg;
		else if (!connection_option(option, optarg, &options.connection))
			return EXIT_USAGE;
	}
	if (optind == argc)
		return command_fail(EXIT_USAGE, "write verify or export; see --help");
	const bool verify = strcmp(argv[optind], "verify") == 0;
	if (!verify && strcmp(argv[optind], "export") != 0)
		return command_fail(
			EXIT_USAGE, "there is no log '%s'; write verify or export", argv[optind]);
	if (options.file != NULL && (!verify || argc - optind != 1))
		return command_fail(EXIT_USAGE, "--file goes with verify, and without an event");
	if (options.file != NULL)
		return verify_file(&options);
	if (argc - optind != 2)
		return command_fail(EXIT_USAGE, "write one event's id; weirctl events lists them");
	return with_appliance(&options, verify, argv[optind + 1]);
}

const struct command command_log = {"log", "verify or export an event's log", run,
	"verify ID | verify --file FILE | export ID",
	"verify checks the log of an event as this appliance keeps it, or as export wrote it: that "
	"no\n"
	"entry was changed, left out or added between others, that the leader signed every entry, "
	"the\n"
	"aggregators their offers and the joins they accepted, and the clients their joins, and "
	"that\n"
	"each entry was allowed where it stands. The first that is not good is named, and the "
	"exit\n"
	"status is 1. A log of which the end is missing is good so far; the state that is printed\n"
	"tells. ID is the event's id, or as much of its beginning as no other has.\n"
	"\n"
	"  --file FILE     check this; - is standard input. No appliance is "
	"asked.\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl log verify 3f2a90\n"
	"  weirctl log export 3f2a90 > round-1.log\n"
	"  weirctl log verify --file round-1.log --json\n"};
