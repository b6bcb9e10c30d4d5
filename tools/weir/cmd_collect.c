// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "result_file.h"
#include "session.h"

#define WAIT_DEFAULT_S 60

struct request {
	const char *config, *event, *output;
	enum weir_file_format format;
	unsigned wait_s;
	bool integers, json;
};

static const struct option options[] = {OPTION_CONFIG, OPTION_JSON, OPTION_HELP,
	{"event", required_argument, NULL, 'e'}, {"output", required_argument, NULL, 'o'},
	{"format", required_argument, NULL, 'f'}, {"integers", no_argument, NULL, 'i'},
	{"wait", required_argument, NULL, 'W'}, {0}};

static bool take_option(int option, struct request *request)
{
	switch (option) {
	case 'c': request->config = optarg; return true;
	case 'j': request->json = true; return true;
	case 'e': request->event = optarg; return true;
	case 'o': request->output = optarg; return true;
	case 'i': request->integers = true; return true;
	case 'W': return command_seconds("--wait", optarg, &request->wait_s);
	case 'f':
		if (weir_file_format_parse(optarg, &request->format) == 0)
			return true;
		command_fail(0, "--format %s: write csv, npy or raw", optarg);
		return false;
	default: return false;
	}
}

// The exact integers as JSON: those beyond 2^63 - 1 as strings, for JSON readers differ on them.
static json_t *integers_of(const struct weir_client_aggregate *aggregate)
{
	char text[WEIR_NUMBER_SIZE];
	json_t *list = json_array();
	for (uint64_t i = 0; i < aggregate->dimension; i++) {
		int64_t integer = aggregate->integers[i];
		bool fits = aggregate->terms.is_signed || integer >= 0;
		json_array_append_new(
			list, fits ? json_integer(integer)
				   : json_string(weir_number_format(aggregate, true, i, text)));
	}
	return list;
}

static int print_json(const struct request *request, const struct weir_client_aggregate *aggregate)
{
	json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:b, s:b}", "event",
		aggregate->terms.id, "job", aggregate->terms.job, "round",
		(json_int_t)aggregate->terms.round, "clients", (json_int_t)aggregate->clients,
		"weight", (json_int_t)aggregate->weight, "dimension",
		(json_int_t)aggregate->dimension, "set_digest", aggregate->set_digest,
		"fixed_point", aggregate->terms.is_fixed_point, "signed",
		aggregate->terms.is_signed);
	if (aggregate->terms.is_fixed_point)
		json_object_set_new(root, "scale", json_real(aggregate->terms.scale));
	if (request->output != NULL)
		json_object_set_new(root, "output", json_string(request->output));
	else
		json_object_set_new(root, "integers", integers_of(aggregate));
	return command_print_json(root);
}

static int write_result(
	const struct request *request, const struct weir_client_aggregate *aggregate)
{
	char message[WEIR_FILE_MESSAGE_SIZE];
	if ((request->output != NULL || !request->json) &&
		weir_result_write(request->output, request->format, aggregate, request->integers,
			message) != 0)
		return command_fail(EXIT_FAILED, "%s", message);
	if (request->json)
		return print_json(request, aggregate);
	if (request->output != NULL && strcmp(request->output, "-") != 0)
		printf("%s: the sum of %" PRIu64 " clients, %" PRIu64 " elements\n",
			request->output, aggregate->clients, aggregate->dimension);
	return EXIT_DONE;
}

static int collect(struct session *session, const struct request *request)
{
	char id[WEIR_CLIENT_ID_SIZE];
	struct weir_client_aggregate aggregate;
	int code = session_event(session, request->event, 0, id);
	if (code != EXIT_DONE)
		return code;
	session_show_progress();
	if (weir_client_collect(session->client, id, request->wait_s, &aggregate) != 0)
		return session_fail(session);
	session_end_progress();
	code = write_result(request, &aggregate);
	weir_client_aggregate_free(&aggregate);
	return code;
}

static int run(int argc, char **argv)
{
	struct request request = {.wait_s = WAIT_DEFAULT_S};
	for (int option; (option = command_option(argc, argv, options)) != -1;)
		if (!take_option(option, &request))
			return EXIT_USAGE;
	if (optind != argc)
		return command_fail(EXIT_USAGE, "what is '%s'? see --help", argv[optind]);
	if (request.event == NULL)
		return command_fail(
			EXIT_USAGE, "give the event: weir collect --event ID --output sum.csv");
	if (request.json && request.output != NULL && strcmp(request.output, "-") == 0)
		return command_fail(EXIT_USAGE, "--json and --output - cannot both go to stdout");
	if (request.output != NULL && strcmp(request.output, "-") != 0 &&
		request.format == WEIR_FILE_BY_NAME &&
		weir_file_format_of(request.output) == WEIR_FILE_BY_NAME)
		return command_fail(EXIT_USAGE,
			"%s: the name does not say what to write: give --format csv, npy or raw",
			request.output);
	struct session session;
	int code = session_open(&session, request.config);
	if (code == EXIT_DONE) {
		code = collect(&session, &request);
		session_close(&session);
	}
	return code;
}

const struct command command_collect = {"collect", "fetch the aggregate of an event", run,
	"--event ID [--output FILE] [options]",
	"Fetches every aggregator's aggregate share, verifies that all are signed and about the "
	"same\n"
	"set of clients, and adds them up: the exact sum of the vectors that were submitted.\n\n"
	"  --event ID      the event, or the beginning of its id\n"
	"  --output FILE   .csv (one row), .npy or .raw; default: a CSV row on standard output\n"
	"  --format F      csv, npy or raw, whatever the name says\n"
	"  --integers      the exact integers of a fixed-point sum, not divided by its scale\n"
	"  --wait TIME     for publication (default 60 s)\n"
	"  --json          facts about the aggregate as JSON, with the integers if there is no\n"
	"                  --output\n"
	"  --config FILE   default ~/.config/weir/client.cfg\n\n"
	"A fixed-point sum is the integer divided by the scale: as CSV the exact decimal fraction "
	"if\n"
	"the scale is a power of ten, else the shortest decimal that reads back as the same "
	"double;\n"
	"in .npy and .raw a double.\n\n"
	"  weir collect --event 3f9a --output sum.npy\n"
	"  weir collect --event 3f9a --integers\n"};
