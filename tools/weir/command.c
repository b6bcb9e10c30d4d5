// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "command.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "units.h"

// One process runs one command; what its messages begin with is all that is kept here.
static const struct program *running;
static const struct command *chosen;

static void print_help(FILE *out)
{
	fprintf(out, "%s: %s\n\n", running->name, running->summary);
	for (const struct command *command = running->commands; command->name != NULL; command++)
		fprintf(out, "  %s %-9s %s\n", running->name, command->name, command->summary);
	fprintf(out, "\n%s COMMAND --help explains one and gives examples.\n%s", running->name,
		running->help);
}

static void print_command_help(FILE *out)
{
	fprintf(out, "%s %s: %s\n\nusage: %s %s %s\n\n%s", running->name, chosen->name,
		chosen->summary, running->name, chosen->name, chosen->usage, chosen->help);
}

static const struct command *find(const char *name)
{
	for (const struct command *command = running->commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

// Vectors, shares and keys live in this process: no core dumps, no ptrace by others of the same user.
static void protect_memory(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

int command_main(const struct program *program, int argc, char **argv)
{
	running = program;
	protect_memory();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	bool is_help = strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
		       strcmp(argv[1], "-h") == 0;
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program->name, WEIR_VERSION);
		return EXIT_DONE;
	}
	if (is_help && argc == 2) {
		print_help(stdout);
		return EXIT_DONE;
	}
	chosen = find(argv[is_help ? 2 : 1]);
	if (chosen == NULL) {
		fprintf(stderr, "%s: there is no command '%s'; %s help lists them\n", program->name,
			argv[is_help ? 2 : 1], program->name);
		return EXIT_USAGE;
	}
	if (is_help) {
		print_command_help(stdout);
		return EXIT_DONE;
	}
	int code = chosen->run(argc - 1, argv + 1);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "%s: cannot write to standard output: %s\n", program->name,
			strerror(errno));
		return code == EXIT_DONE ? EXIT_FAILED : code;
	}
	return code;
}

int command_option(int argc, char **argv, const struct option *options)
{
	opterr = 0;
	int index = optind;
	int option = getopt_long(argc, argv, ":h", options, NULL);
	if (option == 'h') {
		print_command_help(stdout);
		exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED);
	}
	if (option == ':')
		command_fail(0, "%s needs a value; see --help", argv[optind - 1]);
	else if (option == '?')
		command_fail(0, "unknown or ambiguous option '%s'; see --help",
			argv[index < argc ? index : argc - 1]);
	return option == ':' ? '?' : option;
}

int command_fail(int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "%s%s%s: ", running->name, chosen == NULL ? "" : " ",
		chosen == NULL ? "" : chosen->name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return code;
}

int command_print_json(json_t *root)
{
	bool good = root != NULL && json_dumpf(root, stdout, JSON_INDENT(1)) == 0 &&
		    fputc('\n', stdout) != EOF;
	json_decref(root);
	return good ? EXIT_DONE : command_fail(EXIT_FAILED, "cannot write JSON");
}

bool command_number(
	const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && value >= least &&
		value <= most) {
		*out = value;
		return true;
	}
	command_fail(0, "%s %s: write a number from %llu to %llu", name, text,
		(unsigned long long)least, (unsigned long long)most);
	return false;
}

bool command_seconds(const char *name, const char *text, unsigned *out)
{
	uint64_t ms;
	if (weir_parse_duration(text, &ms) == 0 && ms <= (uint64_t)INT_MAX * 1000) {
		*out = (unsigned)((ms + 999) / 1000);
		return true;
	}
	command_fail(0, "%s %s: write a duration like 60s or 5min", name, text);
	return false;
}
