// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Many clients that join one event and do nothing else: what join_rate.py measures a leader with. The
// identities follow from a number, so that a roster can be made of them beforehand. Every join is made
// and signed before the clock starts; each then comes over a connection of its own, as from a client.
//
//   join_load N                         prints N identities, one a line
//   join_load N CONFIG EVENT PARALLEL   joins them, at most so many at once, and prints JSON

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agreement.h"
#include "leader_calls.h"
#include "random.h"

#define CLIENTS_MAX  1000000
#define PARALLEL_MAX 1000

struct load {
	struct weir_client *client; // any identity: its config says who leads
	struct weir_digest event;
	struct weir_event_view view;
	char target[128];
	uint64_t *took_us; // [clients], shared by all processes; 0: the join failed
	unsigned clients, parallel;
};

static struct weir_signing_key *key_of(unsigned number)
{
	struct weir_digest secret;

	if (weir_digest("weir-join-load", &number, sizeof(number), &secret))
		return NULL;
	return weir_signing_key_from_secret(secret.bytes);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int print_identities(unsigned clients)
{
	char hex[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];

	for (unsigned i = 0; i < clients; i++) {
		struct weir_signing_key *key = key_of(i);

		if (!key)
			return 1;
		weir_hex_encode(weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, hex);
		weir_signing_key_free(key);
		puts(hex);
	}
	return 0;
}

// The body of the client's POST; NULL if that fails.
static char *make_body(const struct load *load, const struct weir_signing_key *key)
{
	struct weir_join join = {.event = load->event,
		.offers = load->view.announcement.offers_digest,
		.identity = *weir_signing_key_identity(key),
		.weight = 1};
	char hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	struct weir_agreement_pair pair;
	char *text, *body = NULL;
	json_t *root;

	if (weir_agreement_generate(&pair))
		return NULL;
	memcpy(join.key, pair.public_key, sizeof(join.key));
	weir_wipe(&pair, sizeof(pair));
	text = weir_join_format(&join);
	if (text && !weir_sign(key, WEIR_CONTEXT_JOIN, text, strlen(text), signature)) {
		weir_hex_encode(signature, sizeof(signature), hex);
		root = json_pack("{s:s, s:s}", "join", text, "signature", hex);
		body = json_dumps(root, JSON_COMPACT);
		json_decref(root);
	}
	free(text);
	return body;
}

// Asks until the join is settled. Returns 0, or -errno with the sentence in message.
static int post(const struct load *load, struct weir_http *http, const char *body, char *message)
{
	const struct weir_http_request request = {
		.method = "POST", .target = load->target, .body = body, .wait_s = 10};
	long status = 202;
	json_t *root;
	int error = 0;

	while (!error && status == 202) {
		error = weir_http_call(http, &load->client->aggregators[0], &request, &root,
			&status, NULL, message);
		json_decref(root);
	}
	return error;
}

// One process's part: every parallel-th client. It says on ready that its joins are made, and begins
// when go comes to its end.
static int join_part(const struct load *load, unsigned first, int ready, int go)
{
	unsigned count = (load->clients - first + load->parallel - 1) / load->parallel;
	struct weir_signing_key **keys = calloc(count, sizeof(*keys));
	char **bodies = calloc(count, sizeof(*bodies)), message[WEIR_CLIENT_TEXT_SIZE], byte;

	if (!keys || !bodies)
		return 1;
	for (unsigned n = 0; n < count; n++) {
		keys[n] = key_of(first + n * load->parallel);
		bodies[n] = keys[n] ? make_body(load, keys[n]) : NULL;
		if (!bodies[n])
			return 1;
	}
	if (write(ready, "", 1) != 1 || read(go, &byte, 1) != 0)
		return 1;
	for (unsigned n = 0; n < count; n++) {
		struct weir_http *http =
			weir_http_new(keys[n], &load->client->cancelled, load->client->timeout_ms);
		uint64_t started = now_us();

		if (!http)
			return 1;
		if (post(load, http, bodies[n], message)) {
			fprintf(stderr, "join_load: %s\n", message);
			return 1;
		}
		load->took_us[first + n * load->parallel] = now_us() - started;
		weir_http_free(http);
	}
	return 0;
}

// Starts the processes and lets them go together. Returns how long it took them, or 0 if any failed.
static uint64_t join_all(const struct load *load)
{
	int ready[2], go[2], status;
	uint64_t started;
	bool failed = false;
	char byte;

	if (pipe(ready) || pipe(go))
		return 0;
	for (unsigned i = 0; i < load->parallel; i++) {
		pid_t child = fork();

		if (child == 0) {
			close(ready[0]);
			close(go[1]);
			_exit(join_part(load, i, ready[1], go[0]));
		}
		failed |= child < 0;
	}
	close(ready[1]);
	for (unsigned i = 0; i < load->parallel; i++)
		failed |= read(ready[0], &byte, 1) != 1;
	started = now_us();
	close(go[1]);
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed ? 0 : now_us() - started;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int run(struct load *load, const char *config, const char *id)
{
	size_t size = load->clients * sizeof(*load->took_us);
	uint64_t took_us;

	load->took_us = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (load->took_us == MAP_FAILED || weir_client_open(config, &load->client) ||
		weir_event_id(load->client, id, &load->event) ||
		weir_leader_event(load->client, &load->event, &load->view)) {
		fprintf(stderr, "join_load: %s\n", weir_client_error(load->client));
		return 1;
	}
	snprintf(load->target, sizeof(load->target), "/v1/events/%s/join", id);
	took_us = join_all(load);
	if (!took_us)
		return 1;
	qsort(load->took_us, load->clients, sizeof(*load->took_us), compare);
	printf("{\"joins\": %u, \"parallel\": %u, \"seconds\": %.6f, \"joins_per_second\": %.1f, "
	       "\"join_ms_median\": %.3f, \"join_ms_p99\": %.3f}\n",
		load->clients, load->parallel, (double)took_us / 1e6,
		load->clients * 1e6 / (double)took_us,
		(double)load->took_us[load->clients / 2] / 1e3,
		(double)load->took_us[(uint64_t)load->clients * 99 / 100] / 1e3);
	weir_event_view_clear(&load->view);
	weir_client_close(load->client);
	return 0;
}

int main(int argc, char **argv)
{
	struct load load = {0};

	load.clients = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	load.parallel = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1;
	if ((argc != 2 && argc != 5) || load.clients < 1 || load.clients > CLIENTS_MAX ||
		load.parallel < 1 || load.parallel > PARALLEL_MAX || load.parallel > load.clients) {
		fprintf(stderr, "usage: join_load N [CONFIG EVENT PARALLEL]\n");
		return 2;
	}
	return argc == 2 ? print_identities(load.clients) : run(&load, argv[2], argv[3]);
}
