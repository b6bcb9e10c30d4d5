// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// To which appliance weirctl speaks, and with whose key: from the appliance's own config, or from
// --url, --identity and --key.
#pragma once

#include "appliance_config.h"
#include "command.h"
#include "http.h"
#include "weir.h"

// Options that every command takes.
struct connection_options {
	const char *config, *url, *identity, *key;
	bool json;
};

#define CONNECTION_OPTIONS                                                                         \
	{"config", required_argument, NULL, 'c'}, {"url", required_argument, NULL, 'u'},           \
		{"identity", required_argument, NULL, 'i'}, {"key", required_argument, NULL, 'k'}, \
		{"json", no_argument, NULL, 'j'},                                                  \
	{                                                                                          \
		"help", no_argument, NULL, 'h'                                                     \
	}

#define CONNECTION_HELP                                                                            \
	"\n"                                                                                       \
	"  --config FILE   the appliance's own config, for its key and URL\n"                      \
	"                  (default /etc/weir/appliance.cfg)\n"                                    \
	"  --url URL --identity HEX --key FILE\n"                                                  \
	"                  instead of --config: another appliance, its identity, and the key of\n" \
	"                  one of its operators\n"

#define JSON_HELP "  --json          for programs\n"

struct connection {
	struct weir_appliance_config *config; // NULL with --url
	struct weir_signing_key *key;
	const char *key_path;
	struct weir_http_peer peer;
	struct weir_http *http;
	char code[32];                       // the last refusal's word, or ""
	char message[WEIR_CLIENT_TEXT_SIZE]; // the last failure's sentence
};

// Takes one option. False: it is none of these.
bool connection_option(int option, const char *value, struct connection_options *options);

// Loads config and key; sends nothing. From then on SIGINT and SIGTERM end what is under way.
// Returns EXIT_DONE, or EXIT_USAGE after a report, with nothing to close.
int connection_open(struct connection *connection, const struct connection_options *options);
void connection_close(struct connection *connection);

// One signed request, with the answer as a JSON object in *root (NULL on error). body, which may be
// NULL, is given back in any case. Nothing is tried twice, for an operator sees the failure. Returns 0
// or -errno (as weir_http_call does) with code and message set.
int connection_call(struct connection *connection, const char *method, const char *target,
	unsigned wait_s, json_t *body, json_t **root);

// The appliance's own word on its health: 0 healthy, -EAGAIN not (text says why), or another -errno
// with the message. text has 64 bytes.
int connection_health(struct connection *connection, char *text);

// Reports the message. Returns EXIT_FAILED.
int connection_fail(const struct connection *connection);

// True once a signal asked for the end; and a pause that ends early then.
bool connection_interrupted(void);
void connection_pause(uint64_t ms);
