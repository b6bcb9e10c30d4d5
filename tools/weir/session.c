// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A signal handler has no other way to the context.
static struct weir_client *volatile interruptible;
static bool shows_progress, has_progress_line;

static void on_signal(int number)
{
	(void)number;
	if (interruptible != NULL)
		weir_client_cancel(interruptible);
}

void session_show_progress(void)
{
	shows_progress = isatty(STDERR_FILENO);
}

void session_end_progress(void)
{
	if (has_progress_line)
		fputs("\r\033[K", stderr);
	has_progress_line = false;
}

static void show(void *opaque, const struct weir_client_progress *progress)
{
	(void)opaque;
	static const char *const names[] = {"splitting", "joining", "waiting for a slot", "sending",
		"waiting for the receipts", "collecting"};
	if (progress->phase == WEIR_CLIENT_RETRYING) {
		session_end_progress();
		command_fail(0, "%s", progress->text);
	}
	if (!shows_progress || progress->phase >= sizeof(names) / sizeof(names[0]))
		return;
	fprintf(stderr, "\r%s", names[progress->phase]);
	if (progress->phase == WEIR_CLIENT_SENDING && progress->total > 0)
		fprintf(stderr, " %3.0f %%, %.1f MB/s",
			100.0 * (double)progress->done / (double)progress->total,
			progress->rate / 1e6);
	if (progress->phase == WEIR_CLIENT_COLLECTING)
		fprintf(stderr, " %llu of %llu", (unsigned long long)progress->done,
			(unsigned long long)progress->total);
	fputs("\033[K", stderr);
	fflush(stderr);
	has_progress_line = true;
}

int session_open(struct session *session, const char *config)
{
	char path[4096];
	const char *home = getenv("HOME");
	if (config == NULL) {
		snprintf(
			path, sizeof(path), "%s/.config/weir/client.cfg", home == NULL ? "" : home);
		config = path;
	}
	if (weir_client_open(config, &session->client) != 0) {
		command_fail(0, "%s", weir_client_error(session->client));
		weir_client_close(session->client);
		session->client = NULL;
		return EXIT_USAGE;
	}
	interruptible = session->client;
	weir_client_on_progress(session->client, show, NULL);
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return EXIT_DONE;
}

void session_close(struct session *session)
{
	session_end_progress();
	interruptible = NULL;
	weir_client_close(session->client);
	session->client = NULL;
}

int session_fail(const struct session *session)
{
	session_end_progress();
	return command_fail(EXIT_FAILED, "%s", weir_client_error(session->client));
}

// Completes the beginning of an id.
static int complete_id(struct session *session, const char *text, char *id)
{
	struct weir_client_event *events;
	size_t count, found = 0, length = strlen(text);
	uint64_t after = 0;
	if (weir_client_events(session->client, &after, 0, &events, &count) != 0)
		return session_fail(session);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(events[i].id, text, length) != 0)
			continue;
		found++;
		memcpy(id, events[i].id, WEIR_CLIENT_ID_SIZE);
	}
	weir_client_free(events);
	if (found == 1)
		return EXIT_DONE;
	return command_fail(EXIT_FAILED,
		found == 0 ? "no event's id begins with '%s'; weir events lists them"
			   : "several events' ids begin with '%s'; give more of it",
		text);
}

int session_event(struct session *session, const char *text, unsigned wait_seconds, char *id)
{
	if (strcmp(text, "latest") == 0) {
		if (weir_client_latest(session->client, wait_seconds, id) != 0)
			return session_fail(session);
		return EXIT_DONE;
	}
	size_t length = strlen(text);
	bool is_hex = strspn(text, "0123456789abcdef") == length;
	if (length == 0 || length >= WEIR_CLIENT_ID_SIZE || !is_hex)
		return command_fail(EXIT_USAGE,
			"--event %s: write an event's id (lower-case hexadecimal), its beginning, "
			"or "
			"latest",
			text);
	if (length == WEIR_CLIENT_ID_SIZE - 1) {
		strcpy(id, text);
		return EXIT_DONE;
	}
	return complete_id(session, text, id);
}
