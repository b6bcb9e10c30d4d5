// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "session.h"
#include "units.h"
#include "vector_file.h"

struct request {
	const char *config, *event, *input;
	struct weir_file_options file;
	uint64_t weight;
	unsigned wait_s, timeout_s;
	bool again, json, one_shot, no_wait;
	uint64_t rate;
};

static const struct option options[] = {OPTION_CONFIG, OPTION_JSON, OPTION_HELP,
	{"event", required_argument, NULL, 'e'}, {"input", required_argument, NULL, 'i'},
	{"row", required_argument, NULL, 'r'}, {"weight", required_argument, NULL, 'w'},
	{"format", required_argument, NULL, 'f'}, {"raw-type", required_argument, NULL, 't'},
	{"wait", required_argument, NULL, 'W'}, {"timeout", required_argument, NULL, 'T'},
	{"again", no_argument, NULL, 'a'}, {"one-shot", no_argument, NULL, 'o'},
	{"no-wait", no_argument, NULL, 'n'}, {"rate", required_argument, NULL, 'R'}, {0}};

static bool take_option(int option, struct request *request)
{
	uint64_t row;
	switch (option) {
	case 'c': request->config = optarg; return true;
	case 'j': request->json = true; return true;
	case 'e': request->event = optarg; return true;
	case 'i': request->input = optarg; return true;
	case 'a': request->again = true; return true;
	case 'o': request->one_shot = true; return true;
	case 'n': request->no_wait = true; return true;
	case 'R':
		if (weir_parse_rate(optarg, &request->rate) == 0 && request->rate > 0)
			return true;
		command_fail(0, "--rate %s: write a rate like 10 Mbit/s", optarg);
		return false;
	case 'w': return command_number("--weight", optarg, 1, INT32_MAX, &request->weight);
	case 'T':
		if (!command_seconds("--timeout", optarg, &request->timeout_s))
			return false;
		if (request->timeout_s == 0)
			command_fail(0, "--timeout %s: at least a second", optarg);
		return request->timeout_s > 0;
	case 'W': return command_seconds("--wait", optarg, &request->wait_s);
	case 'r':
		if (!command_number("--row", optarg, 1, UINT32_MAX, &row))
			return false;
		request->file.row = row;
		return true;
	case 'f':
		if (weir_file_format_parse(optarg, &request->file.format) == 0)
			return true;
		command_fail(0, "--format %s: write csv, npy or raw", optarg);
		return false;
	case 't':
		request->file.raw_integers = strcmp(optarg, "int64") == 0;
		if (request->file.raw_integers || strcmp(optarg, "double") == 0)
			return true;
		command_fail(0, "--raw-type %s: write double or int64", optarg);
		return false;
	default: return false;
	}
}

static int report(const struct request *request, const struct weir_client_terms *terms,
	const struct weir_client_receipt *receipt)
{
	if (request->json)
		return command_print_json(json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:s}", "event",
			terms->id, "client", (json_int_t)receipt->client, "batch",
			(json_int_t)receipt->batch, "clipped", (json_int_t)receipt->clipped,
			"already", receipt->already, "unconfirmed", receipt->unconfirmed, "receipt",
			receipt->file));
	if (receipt->clipped > 0)
		fprintf(stderr,
			"weir submit: coordinates clipped to the event's range -clip .. clip: "
			"%zu\n",
			receipt->clipped);
	if (receipt->unconfirmed)
		printf("sent once as client %" PRIu32 " of event %.16s...; whether it arrived: the "
		       "same command without --no-wait\n",
			receipt->client, terms->id);
	else if (receipt->already)
		printf("this vector was already client %" PRIu32 " of event %.16s... (%s) with "
		       "every aggregator's receipt: %s\n",
			receipt->client, terms->id, terms->state, receipt->file);
	else
		printf("submitted as client %" PRIu32
		       " of event %.16s... with every aggregator's receipt: %s\n",
			receipt->client, terms->id, receipt->file);
	return EXIT_DONE;
}

static int submit(struct session *session, struct request *request)
{
	char id[WEIR_CLIENT_ID_SIZE], message[WEIR_FILE_MESSAGE_SIZE];
	struct weir_client_terms terms;
	struct weir_file_vector file;
	struct weir_client_receipt receipt;
	int code = session_event(session, request->event, request->wait_s, id);
	if (code != EXIT_DONE)
		return code;
	if (weir_client_terms(session->client, id, &terms) != 0)
		return session_fail(session);
	request->file.integers = !terms.is_fixed_point;
	if (weir_file_read(request->input, &request->file, &file, message) != 0)
		return command_fail(EXIT_FAILED, "%s", message);
	const struct weir_client_submission submission = {
		.event = id,
		.vector = file.vector,
		.weight = (uint32_t)request->weight,
		.again = request->again,
		.one_shot = request->one_shot,
		.no_wait = request->no_wait,
		.rate = request->rate,
	};
	session_show_progress();
	int error = weir_client_submit(session->client, &submission, &receipt);
	session_end_progress();
	weir_file_free(&file);
	if (error == -EINVAL || error == -ERANGE)
		return command_fail(
			EXIT_FAILED, "%s: %s", request->input, weir_client_error(session->client));
	return error != 0 ? session_fail(session) : report(request, &terms, &receipt);
}

static int run(int argc, char **argv)
{
	struct request request = {.weight = 1};
	for (int option; (option = command_option(argc, argv, options)) != -1;)
		if (!take_option(option, &request))
			return EXIT_USAGE;
	if (optind != argc)
		return command_fail(EXIT_USAGE, "what is '%s'? see --help", argv[optind]);
	if (request.event == NULL || request.input == NULL)
		return command_fail(EXIT_USAGE,
			"give the event and the vector: weir submit --event latest --input FILE");
	if ((request.no_wait || request.rate > 0) && !request.one_shot)
		return command_fail(EXIT_USAGE, "--no-wait and --rate go with --one-shot only");
	struct session session;
	int code = session_open(&session, request.config);
	if (code == EXIT_DONE) {
		if (request.timeout_s > 0)
			weir_client_set_timeout(session.client, (uint64_t)request.timeout_s * 1000);
		code = submit(&session, &request);
		session_close(&session);
	}
	return code;
}

const struct command command_submit = {"submit", "submit a vector to an event", run,
	"--event ID|latest --input FILE [options]",
	"Splits the vector, sends one share to each aggregator, and returns once every aggregator "
	"has\n"
	"signed that the vector is in the sum. If it is interrupted, run it again with the same "
	"input:\n"
	"it continues. The same vector is refused in a second event, since the difference of two "
	"sums\n"
	"can reveal it. It waits for appliances that are away, says so, and gives up when nothing "
	"has\n"
	"moved for the timeout.\n\n"
	"  --event ID       the event, or the beginning of its id, or `latest`: opened last\n"
	"  --wait TIME      with latest: wait so long for an open event\n"
	"  --timeout TIME   give up when nothing has moved for so long (default: the config's, 60 "
	"s)\n"
	"  --input FILE     .csv (one row, perhaps with a header line), .npy (one dimension),\n"
	"                   .raw (little-endian numbers of 8 bytes), or - for standard input\n"
	"  --row N          of a CSV with several: this row after the header, from 1\n"
	"  --format F       csv, npy or raw, whatever the name says\n"
	"  --raw-type T     of raw: double (default) or int64\n"
	"  --weight W       a public factor, 1 to the event's max_weight (default 1)\n"
	"  --again          even if this vector was submitted to another event\n"
	"  --one-shot       send everything once, with parity, and listen to no aggregator: in "
	"events "
	"with\n"
	"                   forward error correction\n"
	"  --rate RATE      of --one-shot, to each aggregator (default 10Mbit/s)\n"
	"  --no-wait        of --one-shot: do not wait for the receipts; the same command without "
	"it "
	"does\n"
	"  --json           the result as JSON\n"
	"  --config FILE    default ~/.config/weir/client.cfg\n\n"
	"  weir submit --event latest --input update.npy\n"
	"  weir submit --event latest --wait 5min --input table.csv --row 7 --weight 32\n"};
