// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weirgen: the traffic generator.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "emulate.h"
#include "generator.h"
#include "pacer.h"
#include "say.h"

// What a signal handler can reach.
static _Atomic bool interrupted;

static void on_signal(int number)
{
	atomic_store(&interrupted, true);
}

static void handle_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

// What the command line and the config must agree about.
static int check(const struct options *options, const struct weir_generator_config *config)
{
	struct pacer_rate rate;
	int error = options->rate ? pacer_parse(options->rate, config->line_rate, &rate) : 0;

	if (error == -EDOM)
		say("--rate \"%s\": percent of what? Write line_rate in %s", options->rate,
			options->config);
	else if (error != 0)
		say("--rate \"%s\": write a rate such as \"3 Mpps\", \"10 Gbit/s\" or \"50 %%\"",
			options->rate);
	else if (options->faults.non_canonical > 0 && config->has_static_event &&
		 (config->static_event.modulus == WEIR_MODULUS_R32 ||
			 config->static_event.modulus == WEIR_MODULUS_R64))
		say("--non-canonical: with a modulus of 2^32 or 2^64 everything is canonical");
	else if (options->pcap && !config->has_mac)
		say("--pcap sends nothing, so it cannot ask for it: write destination_mac in %s",
			options->config);
	else if (config->has_static_event && config->static_event.cipher == WEIR_CIPHER_NONE &&
		 (options->faults.forge > 0 || options->faults.corrupt > 0))
		say("--forge, --corrupt: the event has no cipher; the dataplane could not tell");
	else if (config->has_static_event && (options->event || options->write_roster))
		say("--event, --write-roster: %s is for a static event; write clients instead",
			options->config);
	else if (config->has_emulated && (options->control_socket || options->aggregate_share ||
						 options->pcap || options->replay))
		say("--control-socket, --aggregate-share, --pcap, --replay: only for a static "
		    "event");
	else
		return 0;
	return -EINVAL;
}

// A file needs no ports, and one worker who writes it in order.
static void send_nowhere(struct weir_generator_config *config)
{
	struct weir_dataplane_config *dataplane = &config->dataplane;

	for (size_t i = 0; i < dataplane->port_count; i++)
		snprintf(dataplane->ports[i].device, sizeof(dataplane->ports[i].device),
			"net_null%zu", i);
	dataplane->worker_count = 1;
}

int main(int argc, char **argv)
{
	struct options options;
	struct weir_config_error error;
	int result = options_parse(argc, argv, &options);

	if (result >= 0)
		return result;
	struct weir_generator_config *config = weir_generator_config_load(options.config, &error);
	if (!config) {
		say("%s", error.message);
		return EXIT_USAGE;
	}
	if (check(&options, config) != 0) {
		result = EXIT_USAGE;
	} else if (options.check) {
		printf("%s: good (ports: %zu, workers: %zu)\n", options.config,
			config->dataplane.port_count, config->dataplane.worker_count);
		result = EXIT_SUCCESS;
	} else if (options.write_roster) {
		result = emulate_write_roster(&config->emulated, options.write_roster) == 0
				 ? EXIT_SUCCESS
				 : EXIT_FAILURE;
	} else {
		handle_signals();
		if (options.pcap) {
			options.blind = true;
			send_nowhere(config);
		}
		result = generator_run(config, &options, &interrupted);
	}
	weir_generator_config_free(config);
	return result;
}
