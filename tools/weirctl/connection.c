// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "connection.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

#define DEFAULT_CONFIG "/etc/weir/appliance.cfg"
#define SLICE_MS       50

// A signal handler has no other way.
static atomic_bool interrupted;

static void on_signal(int number)
{
	atomic_store(&interrupted, true);
}

bool connection_interrupted(void)
{
	return atomic_load(&interrupted);
}

void connection_pause(uint64_t ms)
{
	for (uint64_t slept = 0; slept < ms && !connection_interrupted(); slept += SLICE_MS)
		nanosleep(&(struct timespec){.tv_nsec = SLICE_MS * 1000000L}, NULL);
}

bool connection_option(int option, const char *value, struct connection_options *options)
{
	switch (option) {
	case 'c': options->config = value; break;
	case 'u': options->url = value; break;
	case 'i': options->identity = value; break;
	case 'k': options->key = value; break;
	case 'j': options->json = true; break;
	default: return false;
	}
	return true;
}

static int load_key(struct connection *connection)
{
	const char *advice;

	connection->key = weir_signing_key_load(connection->key_path);
	if (connection->key != NULL)
		return EXIT_DONE;
	switch (errno) {
	case ENOENT: advice = "there is no such key; make one with weir keygen"; break;
	case EACCES:
		advice =
			"cannot be read, or others can read it; run as its owner, and chmod 600 it";
		break;
	case EBADMSG: advice = "not an unencrypted Ed25519 private key; see weir keygen"; break;
	default: advice = strerror(errno);
	}
	return command_fail(EXIT_USAGE, "%s: %s", connection->key_path, advice);
}

// The name is the URL without its scheme: what a person recognises in a message.
static int set_peer(struct connection *connection, const char *url, const char *identity)
{
	struct weir_http_peer *peer = &connection->peer;
	const char *host = strstr(url, "://");
	size_t length = strlen(url);

	if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
		length >= sizeof(peer->url) || host[3 + strcspn(host + 3, "/?#@")] != '\0' ||
		host[3] == '\0')
		return command_fail(
			EXIT_USAGE, "--url %s: write http://HOST:PORT with nothing behind it", url);
	if (weir_hex_decode(identity, peer->identity.bytes, sizeof(peer->identity.bytes)) != 0)
		return command_fail(EXIT_USAGE,
			"--identity %s: write the 64 hexadecimal digits of the appliance's "
			"identity",
			identity);
	strcpy(peer->url, url);
	snprintf(peer->name, sizeof(peer->name), "%s", host + 3);
	return EXIT_DONE;
}

static int open_config(struct connection *connection, const char *path)
{
	struct weir_config_error error;
	char hex[WEIR_HEX_ID];

	connection->config =
		weir_appliance_config_load(path == NULL ? DEFAULT_CONFIG : path, &error);
	if (connection->config == NULL)
		return command_fail(EXIT_USAGE, "%s%s", error.message,
			path == NULL ? " (no --config and no --url was given)" : "");
	if (!weir_appliance_has_control(connection->config))
		return command_fail(EXIT_USAGE,
			"%s: has no control section, so there is nobody to ask",
			connection->config->path);
	connection->key_path = connection->config->control.identity_file;
	int code = load_key(connection);
	if (code != EXIT_DONE)
		return code;
	weir_hex_encode(weir_signing_key_identity(connection->key)->bytes, WEIR_IDENTITY_SIZE, hex);
	return set_peer(connection, connection->config->control.url, hex);
}

static int open_remote(struct connection *connection, const struct connection_options *options)
{
	if (options->url == NULL || options->identity == NULL || options->key == NULL)
		return command_fail(
			EXIT_USAGE, "--url, --identity and --key go together; one is missing");
	if (options->config != NULL)
		return command_fail(EXIT_USAGE,
			"give either --config or --url, --identity and --key, not both");
	int code = set_peer(connection, options->url, options->identity);
	connection->key_path = options->key;
	return code == EXIT_DONE ? load_key(connection) : code;
}

int connection_open(struct connection *connection, const struct connection_options *options)
{
	bool is_remote = options->url != NULL || options->identity != NULL || options->key != NULL;
	struct sigaction action = {.sa_handler = on_signal};

	*connection = (struct connection){.code = ""};
	int code = is_remote ? open_remote(connection, options)
			     : open_config(connection, options->config);
	if (code == EXIT_DONE) {
		connection->http = weir_http_new(connection->key, &interrupted, 0);
		if (connection->http == NULL)
			code = command_fail(
				EXIT_FAILED, "cannot start libcurl: %s", strerror(errno));
	}
	if (code != EXIT_DONE) {
		connection_close(connection);
		return code;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return EXIT_DONE;
}

void connection_close(struct connection *connection)
{
	weir_http_free(connection->http);
	weir_signing_key_free(connection->key);
	weir_appliance_config_free(connection->config);
	connection->http = NULL;
	connection->key = NULL;
	connection->config = NULL;
}

// The identity that the appliance itself tells, unauthenticated, for advice only. "" if it does not.
static void told_identity(struct connection *connection, char *hex)
{
	struct weir_http_request request = {.method = "GET", .target = "/v1/appliance"};
	char ignored[WEIR_CLIENT_TEXT_SIZE];
	json_t *root = NULL;

	hex[0] = '\0';
	if (weir_http_call(
		    connection->http, &connection->peer, &request, &root, NULL, NULL, ignored) != 0)
		return;
	const char *told = json_string_value(json_object_get(root, "identity"));
	struct weir_identity identity;
	if (told != NULL && weir_hex_decode(told, identity.bytes, sizeof(identity.bytes)) == 0)
		strcpy(hex, told);
	json_decref(root);
}

// A refusal of the key or the recipient, in the words of the one who chose them.
static void explain_refusal(struct connection *connection, int error)
{
	const struct weir_http_peer *peer = &connection->peer;
	char told[WEIR_HEX_ID], asked[WEIR_HEX_ID], own[WEIR_HEX_ID];
	const struct weir_identity *identity = weir_signing_key_identity(connection->key);

	weir_hex_encode(identity->bytes, sizeof(identity->bytes), own);
	weir_hex_encode(peer->identity.bytes, sizeof(peer->identity.bytes), asked);
	if (strcmp(connection->code, "identity") == 0) {
		weir_text_fail(connection->message, error,
			"%s refused: the key in %s, %s, is not an operator's there; use the "
			"appliance's own key or list this one in its `operators`",
			peer->name, connection->key_path, own);
	} else if (strcmp(connection->code, "signature") == 0) {
		told_identity(connection, told);
		if (told[0] != '\0' && strcmp(told, asked) != 0)
			weir_text_fail(connection->message, error,
				"%s says it is %s, not %s; check %s", peer->name, told, asked,
				connection->config == NULL ? "--url and --identity"
							   : connection->config->path);
	}
}

int connection_call(struct connection *connection, const char *method, const char *target,
	unsigned wait_s, json_t *body, json_t **root)
{
	struct weir_http_request request = {.method = method,
		.target = target,
		.wait_s = wait_s,
		.any_status = true,
		.answer_limit = (size_t)256 << 20};
	char *text = NULL;
	int error;

	*root = NULL;
	connection->code[0] = '\0';
	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT);
		json_decref(body);
		if (text == NULL)
			return weir_text_fail(connection->message, -ENOMEM, "out of memory");
		request.body = text;
	}
	error = weir_http_call(connection->http, &connection->peer, &request, root, NULL,
		connection->code, connection->message);
	free(text);
	if (error != 0)
		explain_refusal(connection, error);
	return error;
}

int connection_health(struct connection *connection, char *text)
{
	struct weir_http_request request = {
		.method = "GET", .target = "/healthz", .any_status = true};
	struct weir_http_answer answer;
	int error = weir_http_exchange(
		connection->http, &connection->peer, &request, &answer, connection->message);

	text[0] = '\0';
	if (error != 0)
		return error;
	snprintf(text, 64, "%s", answer.body == NULL ? "" : answer.body);
	text[strcspn(text, "\r\n")] = '\0';
	long status = answer.status;
	weir_http_answer_free(&answer);
	if (status == 200)
		return 0;
	if (status == 503)
		return -EAGAIN;
	return weir_text_fail(connection->message, -EPROTO,
		"%s: /healthz answered with HTTP status %ld; is that a weir-control?",
		connection->peer.name, status);
}

int connection_fail(const struct connection *connection)
{
	return command_fail(EXIT_FAILED, "%s", connection->message);
}
