// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "event_list.h"
#include "plain_text.h"
#include "job_command.h"
#include "round.h"
#include "weirctl.h"

#define LOOK_S      1     // how long one look waits for news
#define PATIENCE_MS 60000 // an appliance that restarts does not end the job

struct progress {
	uint64_t number, total; // the round's place among those to run
	bool has_line;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static long long count_of(const json_t *event, const char *state)
{
	return json_integer_value(json_object_get(json_object_get(event, "counts"), state));
}

// Keeps one line of a terminal up to date.
static void show(struct progress *progress, const json_t *event)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\rround %" PRIu64 " of %" PRIu64 ": ", progress->number, progress->total);
	plain_print(stderr, text_of(event, "state"));
	fprintf(stderr,
		", %lld joined, %lld admitted, %lld committed, %lld sealed, %lld aborted\033[K",
		count_of(event, "joined"), count_of(event, "admitted"),
		count_of(event, "committed"), count_of(event, "sealed"),
		count_of(event, "aborted"));
	fflush(stderr);
	progress->has_line = true;
}

static void clear_line(struct progress *progress)
{
	if (progress->has_line)
		fputs("\r\033[K", stderr);
	progress->has_line = false;
}

// Returns after the next change of any event, or LOOK_S.
static int wait_for_news(struct connection *connection, json_int_t *after)
{
	char target[96];
	json_t *root;

	snprintf(
		target, sizeof(target), "/v1/events?after=%lld&wait=%d", (long long)*after, LOOK_S);
	int error = connection_call(connection, "GET", target, LOOK_S, NULL, &root);
	if (error == 0)
		*after = json_integer_value(json_object_get(root, "next"));
	json_decref(root);
	return error;
}

// Waits for the event's end. Returns 0 with *event, or -errno with the connection's message.
static int wait_for_end(struct connection *connection, struct progress *progress, json_t *event)
{
	uint64_t last_answer = weir_monotonic_ms();
	json_int_t after = 0;

	for (;;) {
		int error = event_fetch(connection, event);
		if (error == 0) {
			last_answer = weir_monotonic_ms();
			if (event_has_ended(event))
				return 0;
			show(progress, event);
			error = wait_for_news(connection, &after);
		}
		if (connection_interrupted())
			return weir_text_fail(connection->message, -ECANCELED,
				"interrupted; the event goes on: weirctl cancel %.16s ends it",
				text_of(event, "id"));
		if (error != 0 && error != -ETIMEDOUT && connection->code[0] != '\0')
			return error;
		if (error != 0 && weir_monotonic_ms() - last_answer > PATIENCE_MS)
			return error;
		if (error != 0)
			connection_pause((uint64_t)LOOK_S * 1000);
	}
}

static int report(const struct connection_options *options, const struct progress *progress,
	json_t *event, uint64_t taken_ms)
{
	bool published = strcmp(text_of(event, "state"), "published") == 0;

	if (options->json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		printf("round %" PRIu64 " of %" PRIu64 "  %.16s  ", progress->number,
			progress->total, text_of(event, "id"));
		plain_print(stdout, text_of(event, "state"));
		printf("  %lld clients  %.1f s", count_of(event, "sealed"),
			(double)taken_ms / 1000);
		if (*text_of(event, "reason") != '\0') {
			fputs("  ", stdout);
			plain_print(stdout, text_of(event, "reason"));
		}
		putchar('\n');
	}
	fflush(stdout);
	return published ? EXIT_DONE : EXIT_FAILED;
}

static int run_round(struct connection *connection, const struct connection_options *options,
	const struct weir_job_config *job, uint32_t round, struct progress *progress)
{
	uint64_t start = weir_monotonic_ms();
	char id[WEIR_HEX_ID];
	int code = round_announce(connection, job, round, id);

	if (code != EXIT_DONE)
		return code;
	json_t *event =
		json_pack("{s:s, s:s, s:I}", "id", id, "job", job->job, "round", (json_int_t)round);
	if (event == NULL)
		return command_fail(EXIT_FAILED, "out of memory");
	int error = wait_for_end(connection, progress, event);
	clear_line(progress);
	if (error != 0)
		code = connection_fail(connection);
	else
		code = report(options, progress, event, weir_monotonic_ms() - start);
	json_decref(event);
	if (code != EXIT_DONE && error == 0)
		command_fail(0, "round %u of job %s failed; the rounds after it were not announced",
			round, job->job);
	return code;
}

static int run_job(struct connection *connection, const struct connection_options *options,
	const struct weir_job_config *job, uint32_t first)
{
	uint64_t end = (uint64_t)job->round + job->rounds;
	struct progress progress = {.total = job->rounds};
	int code = EXIT_DONE;

	if (first < job->round || first >= end)
		return command_fail(EXIT_USAGE, "--round %u: %s has rounds %u to %" PRIu64, first,
			job->path, job->round, end - 1);
	for (uint64_t round = first; round < end && code == EXIT_DONE; round++) {
		progress.number = round - job->round + 1;
		code = run_round(connection, options, job, (uint32_t)round, &progress);
	}
	return code;
}

static int run(int argc, char **argv)
{
	return job_command(argc, argv, run_job);
}

const struct command command_run = {"run", "announce all rounds of a job, one after the other", run,
	"JOB.cfg [--round N] [--json] [--config FILE]",
	"Announces each round of a job when the one before it has been published, and prints a "
	"line\n"
	"for each as it ends; with --json an object a line. Stops at the first that fails. "
	"Interrupted,\n"
	"it leaves the event that is open to itself.\n"
	"\n"
	"  --round N       begin at this round, such as after an interruption\n" CONNECTION_HELP
		JSON_HELP "\n"
	"examples:\n"
	"  weirctl run job.cfg\n"
	"  weirctl run job.cfg --round 17\n"};
