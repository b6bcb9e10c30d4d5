// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "status.h"
#include "weirctl.h"

static int show(struct connection *connection, const struct connection_options *options)
{
	json_t *status;
	int error = status_fetch(connection, &status, NULL);
	int code = json_is_true(json_object_get(status, "healthy")) ? EXIT_DONE : EXIT_FAILED;

	if (error != 0)
		connection_fail(connection);
	if (options->json)
		return command_print_json(status) == EXIT_DONE ? code : EXIT_FAILED;
	if (json_is_true(json_object_get(status, "reachable")))
		status_print(stdout, status);
	if (error == 0 && code != EXIT_DONE)
		command_fail(0, "%s is not healthy: %s", connection->peer.name,
			json_string_value(json_object_get(status, "health")));
	json_decref(status);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {CONNECTION_OPTIONS, {0}};
	struct connection_options options = {0};
	struct connection connection;

	for (int option; (option = command_option(argc, argv, known)) != -1;)
		if (!connection_option(option, optarg, &options))
			return EXIT_USAGE;
	if (argc != optind)
		return command_fail(
			EXIT_USAGE, "unexpected argument '%s'; see --help", argv[optind]);
	int code = connection_open(&connection, &options);
	if (code == EXIT_DONE) {
		code = show(&connection, &options);
		connection_close(&connection);
	}
	return code;
}

const struct command command_status = {"status", "show whether the appliance is healthy", run,
	"[--json] [--config FILE]",
	"Shows whether the appliance can be reached, is healthy, has its dataplane connected, and "
	"how\n"
	"many events are open. Exit status 0 only if it is healthy, so that a monitor can call "
	"it.\n" CONNECTION_HELP JSON_HELP "\n"
	"examples:\n"
	"  weirctl status\n"
	"  weirctl status --config /srv/a/appliance.cfg --json\n"
	"  weirctl status --url http://192.0.2.2:9347 --identity 4a5d... --key me.pem\n"};
