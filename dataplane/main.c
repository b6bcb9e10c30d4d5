// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weir-dataplane: reads the config, starts, serves until a signal, stops.
//
// Exit codes: 0 done, 1 failed, 2 bad usage or config.

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance_config.h"
#include "console.h"
#include "dataplane.h"

enum { EXIT_USAGE = 2 };

// What a signal handler can reach.
static _Atomic bool stop;

static void on_signal(int number)
{
	atomic_store(&stop, true);
}

static void print_usage(FILE *out)
{
	fputs("usage: weir-dataplane --config FILE [--check]\n"
	      "\n"
	      "Receives shares on the ports of the appliance's config file, sums them, and serves\n"
	      "weir-control over a Unix socket. Stops cleanly on SIGTERM or SIGINT.\n"
	      "\n"
	      "  -c, --config FILE  the appliance's config (config/appliance.cfg explains it)\n"
	      "      --check        only say whether the config is good\n"
	      "  -h, --help         print this\n"
	      "      --version      print the version\n",
		out);
}

struct options {
	const char *config;
	bool check;
};

// Returns an exit code, or -1 to go on.
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
		switch (option) {
		case 'c': options->config = optarg; break;
		case 'k': options->check = true; break;
		case 'h': print_usage(stdout); return EXIT_SUCCESS;
		case 'v': puts("weir-dataplane " WEIR_VERSION); return EXIT_SUCCESS;
		default: return EXIT_USAGE; // getopt has said why
		}
	}
	if (optind < argc) {
		console("unexpected argument '%s'; see weir-dataplane --help", argv[optind]);
		return EXIT_USAGE;
	}
	if (!options->config) {
		console("no config; say --config FILE, or see weir-dataplane --help");
		return EXIT_USAGE;
	}
	return -1;
}

static void handle_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigemptyset(&action.sa_mask);
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL); // a peer that went away is an error of write, not an end
}

static int run(const struct weir_appliance_config *config)
{
	struct dataplane *dataplane = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*dataplane), RTE_CACHE_LINE_SIZE));

	if (!dataplane) {
		console("out of memory");
		return EXIT_FAILURE;
	}
	memset(dataplane, 0, sizeof(*dataplane));
	dataplane->config = &config->dataplane;
	dataplane->user = config->user;
	dataplane->sandbox = config->sandbox;
	dataplane->stop = &stop;
	dataplane->doorbell_descriptor = -1;

	handle_signals();
	int result = dataplane_start(dataplane);
	if (result == 0) {
		dataplane_run(dataplane);
		dataplane_stop(dataplane);
		console("stopped");
	}
	free(dataplane);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct weir_config_error error;
	int result = parse_options(argc, argv, &options);

	if (result >= 0)
		return result;

	struct weir_appliance_config *config = weir_appliance_config_load(options.config, &error);
	if (!config) {
		console("%s", error.message);
		return EXIT_USAGE;
	}
	if (options.check) {
		printf("%s: good (ports: %zu, workers: %zu, events: %u, clients: %u)\n",
			options.config, config->dataplane.port_count,
			config->dataplane.worker_count, config->dataplane.max_events,
			config->dataplane.max_clients);
		result = EXIT_SUCCESS;
	} else {
		result = run(config);
	}
	weir_appliance_config_free(config);
	return result;
}
