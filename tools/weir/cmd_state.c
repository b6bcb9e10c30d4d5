// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "session.h"

static int print_json(
	const struct weir_client_terms *terms, const struct weir_client_status *status)
{
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:b, s:b, s:I, s:I, s:I}",
		"event", terms->id, "state", terms->state, "reason", terms->reason, "job",
		terms->job, "round", (json_int_t)terms->round, "modulus", terms->modulus,
		"dimension", (json_int_t)terms->dimension, "fixed_point", terms->is_fixed_point,
		"signed", terms->is_signed, "bound", (json_int_t)terms->bound, "deadline_ms",
		(json_int_t)terms->deadline_ms, "sealed", (json_int_t)terms->sealed);
	if (terms->is_fixed_point) {
		json_object_set_new(root, "scale", json_real(terms->scale));
		json_object_set_new(root, "clip", json_real(terms->clip));
	}
	json_object_set_new(root, "client",
		json_pack("{s:s, s:I, s:I, s:I, s:s}", "state", status->state, "index",
			(json_int_t)status->client, "batch", (json_int_t)status->batch, "receipts",
			(json_int_t)status->receipts, "reason", status->reason));
	return command_print_json(root);
}

static void print_terms(const struct weir_client_terms *terms)
{
	char deadline[64] = "?";
	time_t seconds = (time_t)(terms->deadline_ms / 1000);
	struct tm utc;
	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(deadline, sizeof(deadline), "%Y-%m-%d %H:%M:%S UTC", &utc);
	printf("event    %s\n", terms->id);
	printf("state    %s%s%s\n", terms->state, terms->reason[0] == '\0' ? "" : ": ",
		terms->reason);
	printf("job      %s, round %" PRIu32 "\n", terms->job, terms->round);
	printf("vector   %" PRIu64 " elements modulo %s, ", terms->dimension, terms->modulus);
	if (terms->is_fixed_point)
		printf("reals cut to +-%g, scale %g\n", terms->clip, terms->scale);
	else
		printf("integers %s%" PRIu64 " .. %" PRIu64 "\n", terms->is_signed ? "-" : "",
			terms->is_signed ? terms->bound : 0, terms->bound);
	printf("clients  %" PRIu64 " in the sum, %" PRIu64 " under way, %" PRIu32 " to %" PRIu32
	       " possible\n",
		terms->sealed, terms->under_way, terms->min_clients, terms->max_clients);
	printf("deadline %s\n", deadline);
}

static void print_status(const struct weir_client_status *status)
{
	if (strcmp(status->state, "none") == 0) {
		puts("self     has not joined");
		return;
	}
	printf("self     client %" PRIu32 ": %s%s%s", status->client, status->state,
		status->reason[0] == '\0' ? "" : ": ", status->reason);
	if (status->receipts > 0)
		printf(", %" PRIu32 " receipts verified", status->receipts);
	putchar('\n');
}

static int show(struct session *session, const char *event, bool json)
{
	char id[WEIR_CLIENT_ID_SIZE];
	struct weir_client_terms terms;
	struct weir_client_status status;
	int code = session_event(session, event, 0, id);
	if (code != EXIT_DONE)
		return code;
	if (weir_client_terms(session->client, id, &terms) != 0 ||
		weir_client_status(session->client, id, &status) != 0)
		return session_fail(session);
	if (json)
		return print_json(&terms, &status);
	print_terms(&terms);
	print_status(&status);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {OPTION_CONFIG, OPTION_JSON, OPTION_HELP,
		{"event", required_argument, NULL, 'e'}, {0}};
	const char *config = NULL, *event = "latest";
	bool json = false;
	for (int option; (option = command_option(argc, argv, options)) != -1;) {
		switch (option) {
		case 'c': config = optarg; break;
		case 'j': json = true; break;
		case 'e': event = optarg; break;
		default: return EXIT_USAGE;
		}
	}
	if (optind != argc)
		return command_fail(EXIT_USAGE, "what is '%s'? see --help", argv[optind]);
	struct session session;
	int code = session_open(&session, config);
	if (code == EXIT_DONE) {
		code = show(&session, event, json);
		session_close(&session);
	}
	return code;
}

const struct command command_state = {"state", "show an event and this client's part in it", run,
	"[--event ID|latest] [--json] [--config FILE]",
	"Verifies the event's announcement and shows its terms, and how this client stands in "
	"it.\n\n"
	"  --event ID    the event, the beginning of its id, or latest (default)\n"
	"  --config FILE default ~/.config/weir/client.cfg\n\n"
	"  weir state\n"
	"  weir state --event 3f9a --json\n"};
