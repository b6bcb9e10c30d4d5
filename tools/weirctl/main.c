// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weirctl: the operator's tool.

#include "weirctl.h"

int main(int argc, char **argv)
{
	const struct command commands[] = {command_status, command_roster, command_announce,
		command_run, command_events, command_log, command_cancel, command_stats,
		command_watch, {.name = NULL}};
	const struct program program = {
		.name = "weirctl",
		.summary = "operate an appliance of secure aggregation",
		.commands = commands,
		.help = "\n"
			"Exit status: 0 done, 1 failed, 2 bad usage or config.\n"
			"\n"
			"examples:\n"
			"  weirctl status\n"
			"  weirctl roster add --file clients.txt\n"
			"  weirctl announce job.cfg\n"
			"  weirctl --config /srv/a/appliance.cfg watch\n",
	};

	weirctl_order_arguments(argc, argv);
	return command_main(&program, argc, argv);
}
