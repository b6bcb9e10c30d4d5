// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "emulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "say.h"

#define PATIENCE_MS 60000 // of requests, while appliances start

struct weir_signing_key *emulate_key(const struct weir_emulated_config *config, uint32_t number)
{
	uint8_t message[sizeof(config->seed) + sizeof(number)];
	struct weir_digest secret;
	struct weir_signing_key *key = NULL;

	number = htole32(number);
	memcpy(message, config->seed, sizeof(config->seed));
	memcpy(message + sizeof(config->seed), &number, sizeof(number));
	if (weir_digest("weirgen client", message, sizeof(message), &secret) == 0)
		key = weir_signing_key_from_secret(secret.bytes);
	else
		errno = EIO;
	weir_wipe(message, sizeof(message));
	weir_wipe(&secret, sizeof(secret));
	return key;
}

static int write_members(const struct weir_emulated_config *config, FILE *file)
{
	char hex[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];

	fprintf(file, "# The clients of a traffic generator: weirgen --write-roster.\nroster = (");
	for (uint32_t i = 0; i < config->clients; i++) {
		struct weir_signing_key *key = emulate_key(config, config->first + i);

		if (!key)
			return -errno;
		weir_hex_encode(weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, hex);
		weir_signing_key_free(key);
		fprintf(file, "%s\n\t{ identity = \"%s\"; name = \"weirgen-%" PRIu32 "\"; }",
			i > 0 ? "," : "", hex, config->first + i);
	}
	fprintf(file, "\n);\n");
	return ferror(file) ? -EIO : 0;
}

int emulate_write_roster(const struct weir_emulated_config *config, const char *path)
{
	FILE *file = fopen(path, "we");
	int error = file ? write_members(config, file) : -errno;

	if (file && fclose(file) != 0 && error == 0)
		error = -errno;
	if (error != 0)
		say("%s: cannot be written: %s", path, strerror(-error));
	return error;
}

static int add_aggregators(struct weir_client *client, const struct weir_emulated_config *config)
{
	for (size_t i = 0; i < config->aggregator_count; i++) {
		struct weir_http_peer *peer = &client->aggregators[client->aggregator_count++];

		snprintf(peer->name, sizeof(peer->name), "%s", config->aggregators[i].name);
		snprintf(peer->url, sizeof(peer->url), "%s", config->aggregators[i].url);
		if (weir_hex_decode(config->aggregators[i].identity, peer->identity.bytes,
			    WEIR_IDENTITY_SIZE) != 0)
			return -EINVAL;
	}
	return 0;
}

struct weir_client *emulate_context(const struct weir_emulated_config *config,
	struct weir_signing_key *key, const _Atomic bool *cancelled)
{
	struct weir_client *client = calloc(1, sizeof(*client));

	if (!client) {
		weir_signing_key_free(key);
		say("out of memory");
		return NULL;
	}
	client->key = key;
	client->timeout_ms = PATIENCE_MS;
	client->kernels = weir_kernels_select(NULL);
	weir_hex_encode(
		weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, client->identity);
	client->http = weir_http_new(key, cancelled, PATIENCE_MS);
	if (client->http && client->kernels && add_aggregators(client, config) == 0)
		return client;
	say("cannot call the leader: %s", strerror(errno));
	weir_client_close(client);
	return NULL;
}
