// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weir-control: the control process of an appliance.

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "control.h"
#include "control_sandbox.h"
#include "log.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: weir-control --config FILE [--check]\n"
	"\n"
	"The control process of an appliance: keeps the roster, announces events or takes part in\n"
	"them, follows the log, tells the dataplane what to do, publishes the aggregate share.\n"
	"\n"
	"  --config FILE  the appliance's config, which weir-dataplane reads too\n"
	"  --check        read config and key, say what is wrong with them, and end\n"
	"  --help         this text\n"
	"  --version      the version\n";

struct arguments {
	const char *config;
	bool check;
};

// Returns -1 to go on, else the exit code.
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c': arguments->config = optarg; break;
		case 'k': arguments->check = true; break;
		case 'h': fputs(usage, stdout); return EXIT_DONE;
		case 'v': puts("weir-control " WEIR_VERSION); return EXIT_DONE;
		default: return EXIT_USAGE;
		}
	}
	if (!arguments->config || optind != argc) {
		log_line("%s; see --help",
			optind != argc ? "unexpected arguments" : "--config FILE is required");
		return EXIT_USAGE;
	}
	return -1;
}

// Keys live in this process: no core dumps, no ptrace by others of the same user. As many connections
// as the system allows.
static void prepare_process(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IOLBF, 0);
}

static struct weir_signing_key *load_key(const struct weir_appliance_config *config)
{
	const char *path = config->control.identity_file;
	struct weir_signing_key *key = weir_signing_key_load(path);

	if (!key && errno == EACCES)
		log_line("%s: the private key must be readable by its owner and by nobody else; "
			 "chmod 600 it",
			path);
	else if (!key && errno == EBADMSG)
		log_line("%s: not an unencrypted Ed25519 private key; make one with weir keygen",
			path);
	else if (!key)
		log_line("%s: %s; make a key with weir keygen", path, strerror(errno));
	return key;
}

static int run(const struct weir_appliance_config *config, struct weir_signing_key *key)
{
	struct control *control;
	int error;

	if (control_sandbox_user(config))
		return EXIT_FAILED;
	control = control_open(config, key);
	if (!control)
		return EXIT_FAILED;
	error = control_sandbox_enter(config);
	if (!error)
		error = control_run(control);
	control_close(control);
	return error ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct weir_appliance_config *config;
	struct weir_config_error error;
	struct weir_signing_key *key;
	int code = parse_arguments(argc, argv, &arguments);

	if (code >= 0)
		return code;
	prepare_process();
	config = weir_appliance_config_load(arguments.config, &error);
	if (!config) {
		log_line("%s", error.message);
		return EXIT_USAGE;
	}
	if (!weir_appliance_has_control(config)) {
		log_line("%s: has no control section; a file for load tests is weir-dataplane's "
			 "alone",
			arguments.config);
		weir_appliance_config_free(config);
		return EXIT_USAGE;
	}
	key = load_key(config);
	if (!key)
		code = EXIT_USAGE;
	else if (arguments.check)
		code = EXIT_DONE;
	else
		code = run(config, key);
	weir_signing_key_free(key);
	weir_appliance_config_free(config);
	return code;
}
