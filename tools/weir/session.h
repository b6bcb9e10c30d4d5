// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the commands of weir share: the context from --config, interruption, progress.
#pragma once

#include "command.h"
#include "weir.h"

#define OPTION_CONFIG                                                                              \
	{                                                                                          \
		"config", required_argument, NULL, 'c'                                             \
	}
#define OPTION_JSON                                                                                \
	{                                                                                          \
		"json", no_argument, NULL, 'j'                                                     \
	}
#define OPTION_HELP                                                                                \
	{                                                                                          \
		"help", no_argument, NULL, 'h'                                                     \
	}

extern const struct command command_keygen, command_identity, command_events, command_submit,
	command_state, command_collect;

struct session {
	struct weir_client *client;
};

// Opens the context: config, or ~/.config/weir/client.cfg if it is NULL. From then on SIGINT and
// SIGTERM cancel what is under way. Returns EXIT_DONE, or EXIT_USAGE after a report.
int session_open(struct session *session, const char *config);
void session_close(struct session *session);

// Reports the context's error and returns EXIT_FAILED.
int session_fail(const struct session *session);

// Shows progress on stderr if that is a terminal; that an appliance cannot be reached is said there
// always.
void session_show_progress(void);
void session_end_progress(void);

// An event's id from what a person gives: the id, "latest", or the beginning of an id of an event
// that the leader lists. Waits for "latest". Returns EXIT_DONE or EXIT_FAILED after a report.
int session_event(struct session *session, const char *text, unsigned wait_seconds, char *id);
