// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <inttypes.h>
#include <stdio.h>

#include "session.h"

#define WAIT_DEFAULT_S 60

static int print_events(
	const struct weir_client_event *events, size_t count, uint64_t next, bool json)
{
	if (!json) {
		if (count == 0)
			puts("no events");
		for (size_t i = 0; i < count; i++)
			printf("%s  %-9s  %s, round %" PRIu32 "\n", events[i].id, events[i].state,
				events[i].job, events[i].round);
		return EXIT_DONE;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", events[i].id, "state",
				      events[i].state, "job", events[i].job, "round",
				      (json_int_t)events[i].round, "sequence",
				      (json_int_t)events[i].sequence));
	return command_print_json(
		json_pack("{s:I, s:o}", "next", (json_int_t)next, "events", list));
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {OPTION_CONFIG, OPTION_JSON, OPTION_HELP,
		{"after", required_argument, NULL, 'a'}, {"wait", optional_argument, NULL, 'w'},
		{0}};
	const char *config = NULL;
	uint64_t after = 0;
	unsigned wait_s = 0;
	bool json = false;
	for (int option; (option = command_option(argc, argv, options)) != -1;) {
		switch (option) {
		case 'c': config = optarg; break;
		case 'j': json = true; break;
		case 'a':
			if (!command_number("--after", optarg, 0, INT64_MAX, &after))
				return EXIT_USAGE;
			break;
		case 'w':
			wait_s = WAIT_DEFAULT_S;
			// "--wait 30s" as well as "--wait=30s" and "--wait".
			if (optarg == NULL && optind < argc && argv[optind][0] != '-')
				optarg = argv[optind++];
			if (optarg != NULL && !command_seconds("--wait", optarg, &wait_s))
				return EXIT_USAGE;
			break;
		default: return EXIT_USAGE;
		}
	}
	if (optind != argc)
		return command_fail(EXIT_USAGE, "what is '%s'? see --help", argv[optind]);
	struct session session;
	int code = session_open(&session, config);
	if (code != EXIT_DONE)
		return code;
	struct weir_client_event *events;
	size_t count;
	if (weir_client_events(session.client, &after, wait_s, &events, &count) != 0)
		code = session_fail(&session);
	else
		code = print_events(events, count, after, json);
	weir_client_free(events);
	session_close(&session);
	return code;
}

const struct command command_events = {"events", "list events", run,
	"[--after N] [--wait [TIME]] [--json] [--config FILE]",
	"Lists the leader's events with id, state, job and round, in the order in which their "
	"states\n"
	"changed.\n\n"
	"  --after N     only changes after this `next` of an earlier --json answer\n"
	"  --wait TIME   if there is none, wait so long for one (default 60 s)\n"
	"  --config FILE default ~/.config/weir/client.cfg\n\n"
	"  weir events\n"
	"  weir events --wait 10min --after 17 --json\n"};
