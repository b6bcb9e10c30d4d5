// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "event_list.h"
#include "plain_text.h"
#include "stats_table.h"
#include "status.h"
#include "weirctl.h"

#define PERIOD_MS    1000
#define ENDED_EVENTS 8 // of those that have ended only the last

// What is kept from look to look.
struct view {
	json_t *events;
	json_int_t next;
};

struct figures {
	uint64_t at_ms, packets, bytes, shares, drops;
	bool known;
};

static struct figures take_figures(const json_t *stats)
{
	const json_t *workers = json_object_get(stats, "workers");

	return (struct figures){
		.at_ms = weir_monotonic_ms(),
		.packets = stats_total(workers, "rx_packets"),
		.bytes = stats_total(workers, "rx_bytes"),
		.shares = stats_total(workers, "shares_staged"),
		.drops = stats_total_of(workers, "drop_"),
		.known = json_array_size(workers) > 0,
	};
}

static void print_rate(uint64_t before, uint64_t after, double seconds, const char *unit)
{
	char text[32];

	// A dataplane that restarted counts from 0 again.
	plain_quantity(after < before ? 0 : (double)(after - before) / seconds, text, sizeof(text));
	printf("  %s%s", text, unit);
}

static void print_rates(const struct figures *before, const struct figures *now)
{
	double seconds = (double)(now->at_ms - before->at_ms) / 1000;

	if (!before->known || !now->known || seconds <= 0)
		return;
	fputs("traffic  ", stdout);
	print_rate(before->packets, now->packets, seconds, "packets/s");
	print_rate(before->bytes, now->bytes, seconds, "bytes/s");
	print_rate(before->shares, now->shares, seconds, "shares/s");
	print_rate(before->drops, now->drops, seconds, "drops/s");
	printf("  (%llu drops in all)\n", (unsigned long long)now->drops);
}

// Returns EXIT_DONE if the appliance is healthy, else EXIT_FAILED.
static int refresh(struct connection *connection, struct view *view, struct figures *before)
{
	json_t *status, *stats;
	int error = status_fetch(connection, &status, &stats);
	struct figures now = take_figures(stats);
	int code = json_is_true(json_object_get(status, "healthy")) ? EXIT_DONE : EXIT_FAILED;

	if (error == 0)
		error = event_list_update(connection, view->events, &view->next);
	event_list_trim(view->events, ENDED_EVENTS);
	if (error == 0)
		error = event_list_complete(connection, view->events);
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	status_print(stdout, status);
	print_rates(before, &now);
	putchar('\n');
	if (error == 0)
		event_list_print(stdout, view->events, wall_clock_ms());
	else if (!connection_interrupted())
		code = connection_fail(connection);
	fflush(stdout);
	*before = now;
	json_decref(status);
	json_decref(stats);
	return code;
}

// count 0: until interrupted, which is how a person ends it.
static int watch(struct connection *connection, uint64_t count)
{
	struct figures before = {0};
	struct view view = {.events = json_array()};
	int code = EXIT_DONE;

	for (uint64_t i = 0; (count == 0 || i < count) && !connection_interrupted(); i++) {
		if (i > 0) {
			connection_pause(PERIOD_MS);
			if (connection_interrupted())
				break;
			if (!isatty(STDOUT_FILENO))
				putchar('\n');
		}
		code = refresh(connection, &view, &before);
	}
	json_decref(view.events);
	return connection_interrupted() ? EXIT_DONE : code;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {
		CONNECTION_OPTIONS, {"count", required_argument, NULL, 'n'}, {0}};
	struct connection_options options = {0};
	struct connection connection;
	uint64_t count = 0;

	for (int option; (option = command_option(argc, argv, known)) != -1;) {
		if (option == 'n') {
			if (!command_number("--count", optarg, 1, UINT32_MAX, &count))
				return EXIT_USAGE;
		} else if (!connection_option(option, optarg, &options)) {
			return EXIT_USAGE;
		}
	}
	if (argc != optind)
		return command_fail(
			EXIT_USAGE, "unexpected argument '%s'; see --help", argv[optind]);
	if (options.json)
		return command_fail(EXIT_USAGE,
			"watch is for people; programs call status, events and stats with --json");
	int code = connection_open(&connection, &options);
	if (code == EXIT_DONE) {
		code = watch(&connection, count);
		connection_close(&connection);
	}
	return code;
}

const struct command command_watch = {"watch", "show status, traffic and events each second", run,
	"[--count N] [--config FILE]",
	"Shows each second how the appliance is, what its dataplane receives, and its events, "
	"until it\n"
	"is interrupted. The exit status is that of the last look: 1 if the appliance was not "
	"healthy.\n"
	"\n"
	"  --count N       look so many times, then end\n" CONNECTION_HELP "\n"
	"examples:\n"
	"  weirctl watch\n"
	"  weirctl watch --count 3 >state.txt\n"};
