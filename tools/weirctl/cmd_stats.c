// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "connection.h"
#include "stats_table.h"
#include "weirctl.h"

static int show(struct connection *connection, const struct connection_options *options, bool all)
{
	json_t *stats;

	if (connection_call(connection, "GET", "/v1/stats", 0, NULL, &stats) != 0)
		return connection_fail(connection);
	if (options->json)
		return command_print_json(stats);
	const json_t *workers = json_object_get(stats, "workers");
	int code = EXIT_DONE;
	if (json_array_size(workers) == 0)
		code = command_fail(EXIT_FAILED,
			"%s has no dataplane connected, so there are no counters; does "
			"weir-dataplane run there?",
			connection->peer.name);
	else
		stats_table_print(stdout, workers, all);
	json_decref(stats);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {
		CONNECTION_OPTIONS, {"all", no_argument, NULL, 'a'}, {0}};
	struct connection_options options = {0};
	struct connection connection;
	bool all = false;

	for (int option; (option = command_option(argc, argv, known)) != -1;) {
		if (option == 'a')
			all = true;
		else if (!connection_option(option, optarg, &options))
			return EXIT_USAGE;
	}
	if (argc != optind)
		return command_fail(
			EXIT_USAGE, "unexpected argument '%s'; see --help", argv[optind]);
	int code = connection_open(&connection, &options);
	if (code == EXIT_DONE) {
		code = show(&connection, &options, all);
		connection_close(&connection);
	}
	return code;
}

const struct command command_stats = {"stats", "show the dataplane's counters", run,
	"[--all] [--json] [--config FILE]",
	"Shows what the dataplane's workers have counted since it started, with what each counter\n"
	"counts; names that begin with drop_ count what changed nothing and got no reply.\n"
	"\n"
	"  --all           counters that are 0 as well\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl stats\n"
	"  weirctl stats --json | jq '[.workers[].rx_packets] | add'\n"};
