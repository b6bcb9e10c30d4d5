// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

static int print_identity(const char *identity, const char *file, bool json)
{
	if (json)
		return command_print_json(
			json_pack("{s:s, s:s}", "identity", identity, "file", file));
	printf("%s\n", identity);
	return EXIT_DONE;
}

static int run_keygen(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'}, OPTION_JSON, OPTION_HELP, {0}};
	const char *output = "identity.pem";
	char identity[WEIR_CLIENT_ID_SIZE];
	bool json = false;
	for (int option; (option = command_option(argc, argv, options)) != -1;) {
		switch (option) {
		case 'o': output = optarg; break;
		case 'j': json = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (optind != argc)
		return command_fail(EXIT_USAGE, "what is '%s'? see --help", argv[optind]);
	int error = weir_client_keygen(output, identity);
	if (error == -EEXIST)
		return command_fail(EXIT_FAILED,
			"%s: exists already; keys are never overwritten, choose another --output",
			output);
	if (error == -ENOENT)
		return command_fail(EXIT_FAILED,
			"%s: its folder does not exist; make it first with mkdir -p", output);
	if (error != 0)
		return command_fail(EXIT_FAILED, "%s: %s", output, strerror(-error));
	return print_identity(identity, output, json);
}

const struct command command_keygen = {"keygen", "make an identity key", run_keygen,
	"[--output FILE] [--json]",
	"Makes an Ed25519 key, writes the private half to FILE (default identity.pem; mode 0600, "
	"never\n"
	"over an existing file), and prints the identity: 64 hexadecimal digits to give to the\n"
	"operators of the aggregators. FILE's folder must exist.\n\n"
	"  mkdir -p ~/.config/weir\n"
	"  weir keygen --output ~/.config/weir/client.pem\n"};

static int run_identity(int argc, char **argv)
{
	static const struct option options[] = {OPTION_JSON, OPTION_HELP, {0}};
	char identity[WEIR_CLIENT_ID_SIZE];
	bool json = false;
	for (int option; (option = command_option(argc, argv, options)) != -1;) {
		if (option != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind + 1 != argc)
		return command_fail(
			EXIT_USAGE, "name one key file, as in weir identity client.pem");
	int error = weir_client_key_identity(argv[optind], identity);
	if (error == -EACCES)
		return command_fail(EXIT_FAILED, "%s: cannot read it, or others can: chmod 600 it",
			argv[optind]);
	if (error == -EBADMSG)
		return command_fail(
			EXIT_FAILED, "%s: not a private key of weir keygen", argv[optind]);
	if (error != 0)
		return command_fail(EXIT_FAILED, "%s: %s", argv[optind], strerror(-error));
	return print_identity(identity, argv[optind], json);
}

const struct command command_identity = {"identity", "print the identity of a key file",
	run_identity, "FILE [--json]",
	"Prints the public identity of a private key.\n\n"
	"  weir identity ~/.config/weir/client.pem\n"};
