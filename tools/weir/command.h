// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Programs with subcommands: a table, help, options, errors. Exit codes: 0 done, 1 failed, 2 bad usage
// or config.
#pragma once

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *summary;
	// Gets its own name as argv[0]. Returns an exit code.
	int (*run)(int argc, char **argv);
	const char *usage; // "--event ID --input FILE [--row N]"
	const char *help;  // what it does, options, examples
};

struct program {
	const char *name;
	const char *summary;
	const struct command *commands; // ends with a name of NULL
	const char *help;               // environment, exit codes
};

// Runs the subcommand that argv names; "help", "help COMMAND", "--help", "--version" as well. The
// program is kept for the functions below.
int command_main(const struct program *program, int argc, char **argv);

// Reads the next option like getopt_long, after --help was seen to. Returns its value; -1 at the end;
// '?' for a bad one, which has been reported (return EXIT_USAGE). Options' values are `val` in the
// table; 'h' is --help's, answered here by printing and exiting.
int command_option(int argc, char **argv, const struct option *options);

// One line on stderr, "weir submit: ...". Returns the exit code given.
int command_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Prints a JSON value on stdout and gives it back. Returns EXIT_DONE or EXIT_FAILED.
int command_print_json(json_t *root);

// Arguments: a number from least to most; a duration ("60 s", "500 ms") in whole seconds, rounded up.
// False and a report if it is not one.
bool command_number(
	const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out);
bool command_seconds(const char *name, const char *text, unsigned *out);
