// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "job_command.h"

#include "weirctl.h"

int job_command(int argc, char **argv,
	int (*act)(struct connection *connection, const struct connection_options *options,
		const struct weir_job_config *job, uint32_t round))
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
		code = act(&connection, &options, job, round ? (uint32_t)round : job->round);
		connection_close(&connection);
	}
	weir_job_config_free(job);
	return code;
}
