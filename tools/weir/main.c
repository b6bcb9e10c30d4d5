// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weir: submit vectors to secure aggregation, and collect the sums.

#include "session.h"

int main(int argc, char **argv)
{
	const struct command commands[] = {command_keygen, command_identity, command_events,
		command_submit, command_state, command_collect, {.name = NULL}};
	const struct program program = {
		.name = "weir",
		.summary = "submit vectors to secure aggregation, and collect the sums",
		.commands = commands,
		.help = "\nExit status: 0 done, 1 failed, 2 bad usage or config.\n",
	};
	return command_main(&program, argc, argv);
}
