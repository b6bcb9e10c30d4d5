// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <stdio.h>

#include "round.h"
#include "weirctl.h"

static int announce(struct connection *connection, const struct connection_options *options,
	const struct weir_job_config *job, uint32_t round)
{
	char id[WEIR_HEX_ID];
	int code = round_announce(connection, job, round, id);

	if (code != EXIT_DONE)
		return code;
	if (options->json)
		return command_print_json(json_pack("{s:s}", "id", id));
	puts(id);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {
		CONNECTION_OPTIONS, {"round", required_argument, NULL, 'r'}, {0}};
	struct connection_options options = {0};
	struct weir_config_error error;
	struct connection connection;
	uint64_t round = 0;

	for (int option; (option = command_option(argc, argv, known)) != -1;) {
		if (option == 'r') {
			if (!command_number("--round", optarg, 1, UINT32_MAX, &round))
				return EXIT_USAGE;
		} else if (!connection_option(option, optarg, &options)) {
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1)
		return command_fail(EXIT_USAGE, "write one job file; see --help");
	struct weir_job_config *job = weir_job_config_load(argv[optind], &error);
	if (job == NULL)
		return command_fail(EXIT_USAGE, "%s", error.message);
	int code = connection_open(&connection, &options);
	if (code == EXIT_DONE) {
		code = announce(&connection, &options, job, round ? (uint32_t)round : job->round);
		connection_close(&connection);
	}
	weir_job_config_free(job);
	return code;
}

const struct command command_announce = {"announce", "announce one event of a job", run,
	"JOB.cfg [--round N] [--json] [--config FILE]",
	"Announces one round of a job as an event and prints the event's id. This appliance, the "
	"first\n"
	"of the job's aggregators, leads it. The event opens for clients as soon as every "
	"aggregator\n"
	"has made its offer; weirctl events shows that, or why one refused.\n"
	"\n"
	"  --round N       this round instead of the job's `round`; each (job, round) is accepted\n"
	"                  once, ever\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl announce job.cfg\n"
	"  weirctl announce job.cfg --round 2 --json\n"};
