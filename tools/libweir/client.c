// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client_config.h"
#include "endpoint.h"
#include "random.h"

#define TIMEOUT_MS 60000

// What a terminal may obey: control characters, U+0080 .. U+009F (two bytes each) among them.
static void make_plain(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
}

static int text_fail(char *message, int error, const char *format, va_list arguments)
{
	vsnprintf(message, WEIR_CLIENT_TEXT_SIZE, format, arguments);
	make_plain(message);
	return error;
}

int weir_text_fail(char *message, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_fail(message, error, format, arguments);
	va_end(arguments);
	return error;
}

int weir_client_fail(struct weir_client *client, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_fail(client->message, error, format, arguments);
	va_end(arguments);
	return error;
}

uint64_t weir_monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int weir_client_pause(struct weir_client *client, uint64_t ms)
{
	uint64_t end = weir_monotonic_ms() + ms;
	for (;;) {
		if (atomic_load(&client->cancelled))
			return weir_client_fail(client, -ECANCELED, "interrupted");
		uint64_t now = weir_monotonic_ms();
		if (now >= end)
			return 0;
		uint64_t slice = end - now > 50 ? 50 : end - now;
		nanosleep(&(struct timespec){.tv_nsec = (long)slice * 1000000}, NULL);
	}
}

void weir_client_report(
	struct weir_client *client, enum weir_client_phase phase, uint64_t done, uint64_t total)
{
	struct weir_client_progress progress = {.phase = phase, .done = done, .total = total};
	if (client->progress != NULL)
		client->progress(client->progress_opaque, &progress);
}

uint64_t weir_jitter(uint64_t time)
{
	uint64_t draw;
	// Without random bytes: no jitter.
	if (time < 2 || weir_random_bytes(&draw, sizeof(draw)) != 0)
		return time;
	return time - draw % (time / 2 + 1);
}

void weir_client_tell(struct weir_client *client, const char *sentence)
{
	struct weir_client_progress progress = {.phase = WEIR_CLIENT_RETRYING, .text = sentence};
	if (client->progress != NULL)
		client->progress(client->progress_opaque, &progress);
}

static void on_retry(void *opaque, const char *sentence)
{
	weir_client_tell(opaque, sentence);
}

void weir_client_on_progress(struct weir_client *client, weir_client_progress_fn *fn, void *opaque)
{
	client->progress = fn;
	client->progress_opaque = opaque;
}

void weir_client_cancel(struct weir_client *client)
{
	atomic_store(&client->cancelled, true);
}

void weir_client_set_timeout(struct weir_client *client, uint64_t timeout_ms)
{
	client->timeout_ms = timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
	weir_http_set_patience(client->http, client->timeout_ms);
}

const char *weir_client_error(const struct weir_client *client)
{
	return client == NULL ? "out of memory" : client->message;
}

const char *weir_client_identity(const struct weir_client *client)
{
	return client->identity;
}

void weir_client_free(void *memory)
{
	free(memory);
}

void weir_client_close(struct weir_client *client)
{
	if (client == NULL)
		return;
	weir_http_free(client->http);
	weir_signing_key_free(client->key);
	free(client);
}

static int load_key(struct weir_client *client, const char *path)
{
	client->key = weir_signing_key_load(path);
	if (client->key == NULL) {
		int error = errno;
		const char *what =
			error == EACCES    ? "cannot read it, or others can: chmod 600"
			: error == ENOENT  ? "there is no such file: make a key with weir keygen"
			: error == EBADMSG ? "it is not an unencrypted Ed25519 private key"
					   : strerror(error);
		return weir_client_fail(client, -error, "%s: %s", path, what);
	}
	weir_hex_encode(weir_signing_key_identity(client->key)->bytes, WEIR_IDENTITY_SIZE,
		client->identity);
	return 0;
}

static int add_aggregator(
	struct weir_client *client, const char *name, const char *identity, const char *url)
{
	struct weir_http_peer *peer = &client->aggregators[client->aggregator_count];
	if (weir_hex_decode(identity, peer->identity.bytes, WEIR_IDENTITY_SIZE) != 0)
		return weir_client_fail(client, -EINVAL,
			"aggregator %s: the identity must be 64 lower-case hexadecimal digits",
			name == NULL ? url : name);
	for (size_t i = 0; i < client->aggregator_count; i++)
		if (weir_identity_equal(&client->aggregators[i].identity, &peer->identity))
			return weir_client_fail(client, -EINVAL,
				"two aggregators have the same identity %.8s...", identity);
	if (!weir_url_is_valid(url))
		return weir_client_fail(client, -EINVAL,
			"aggregator %.16s: %.200s is not a URL like http://192.0.2.1:9347",
			identity, url);
	snprintf(peer->name, sizeof(peer->name), "%s", name == NULL || *name == '\0' ? url : name);
	snprintf(peer->url, sizeof(peer->url), "%s", url);
	client->aggregator_count++;
	return 0;
}

static int set_up(
	struct weir_client *client, const char *key_file, const char *state, uint64_t timeout_ms)
{
	client->timeout_ms = timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
	if (snprintf(client->state, sizeof(client->state), "%s", state) >=
		(int)sizeof(client->state))
		return weir_client_fail(client, -ENAMETOOLONG, "the path of the state is too long");
	int error = load_key(client, key_file);
	if (error != 0)
		return error;
	client->kernels = weir_kernels_select(getenv("WEIR_KERNELS_MASK"));
	if (client->kernels == NULL)
		return weir_client_fail(client, -EIO,
			"the vector kernels fail their known-answer test on this processor");
	client->http = weir_http_new(client->key, &client->cancelled, client->timeout_ms);
	if (client->http == NULL)
		return weir_client_fail(client, -errno, "libcurl: %s", strerror(errno));
	weir_http_on_retry(client->http, on_retry, client);
	return 0;
}

int weir_client_open_options(const struct weir_client_options *options, struct weir_client **out)
{
	struct weir_client *client = *out = calloc(1, sizeof(*client));
	if (client == NULL)
		return -ENOMEM;
	if (options->key_file == NULL || options->state == NULL)
		return weir_client_fail(
			client, -EINVAL, "a key file and a state folder are needed");
	if (options->aggregator_count < 2 || options->aggregator_count > WEIR_AGGREGATORS_MAX)
		return weir_client_fail(client, -EINVAL, "%zu aggregators: 2 to %d are possible",
			options->aggregator_count, WEIR_AGGREGATORS_MAX);
	for (size_t i = 0; i < options->aggregator_count; i++) {
		const struct weir_client_aggregator *one = &options->aggregators[i];
		if (one->identity == NULL || one->url == NULL)
			return weir_client_fail(client, -EINVAL,
				"aggregator %zu: an identity and a URL are needed", i + 1);
		int error = add_aggregator(client, one->name, one->identity, one->url);
		if (error != 0)
			return error;
	}
	return set_up(client, options->key_file, options->state, options->timeout_ms);
}

int weir_client_open(const char *config_file, struct weir_client **out)
{
	struct weir_client *client = *out = calloc(1, sizeof(*client));
	if (client == NULL)
		return -ENOMEM;
	struct weir_config_error config_error;
	struct weir_client_config *config = weir_client_config_load(config_file, &config_error);
	if (config == NULL)
		return weir_client_fail(client, -errno, "%s", config_error.message);
	int error = 0;
	for (size_t i = 0; i < config->aggregator_count && error == 0; i++)
		error = add_aggregator(client, config->aggregators[i].name,
			config->aggregators[i].identity, config->aggregators[i].url);
	if (error == 0)
		error = set_up(client, config->identity_file, config->state, config->timeout_ms);
	weir_client_config_free(config);
	return error;
}

int weir_client_keygen(const char *path, char *identity)
{
	struct weir_signing_key *key = weir_signing_key_generate();
	if (key == NULL)
		return -errno;
	int error = weir_signing_key_save(key, path);
	if (error == 0)
		weir_hex_encode(
			weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, identity);
	weir_signing_key_free(key);
	return error;
}

int weir_client_key_identity(const char *path, char *identity)
{
	struct weir_signing_key *key = weir_signing_key_load(path);
	if (key == NULL)
		return -errno;
	weir_hex_encode(weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, identity);
	weir_signing_key_free(key);
	return 0;
}
