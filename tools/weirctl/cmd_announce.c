// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <stdio.h>

#include "job_command.h"
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
	return job_command(argc, argv, announce);
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
