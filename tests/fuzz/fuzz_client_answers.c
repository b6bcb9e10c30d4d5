// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a leader answers to libweir. The first line names the call: events, latest, terms, client, join,
// join_now or collect; the lines behind it are the answers (answers.h). @E is the id of the test vectors' event,
// @X its announcement, @J the digest of a join.

#include <errno.h>
#include <string.h>

#include "answers.h"
#include "fuzz.h"
#include "leader_calls.h"
#include "vectors.h"

static struct weir_client client;
static char *announcement, id[WEIR_CLIENT_ID_SIZE];
static struct weir_digest event;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	json_t *documents = vectors_load("documents.json");
	static struct fuzz_name names[3];

	(void)count, (void)arguments;
	vectors_bytes(vectors_member(documents, "event"), "digest", event.bytes, WEIR_DIGEST_SIZE);
	weir_hex_encode(event.bytes, WEIR_DIGEST_SIZE, id);
	announcement = strdup(vectors_text(vectors_member(documents, "announcement"), "text"));
	names[0] = (struct fuzz_name){'E', id};
	names[1] = (struct fuzz_name){'X', announcement};
	names[2] = (struct fuzz_name){'J', id};
	answers_name(names, 3);
	for (size_t i = 0; i < 2; i++) {
		struct weir_http_peer *peer = &client.aggregators[client.aggregator_count++];
		json_t *who = json_array_get(vectors_member(documents, "identities"), i);

		snprintf(peer->name, sizeof(peer->name), "a%zu", i);
		strcpy(peer->url, "http://192.0.2.1:9347");
		vectors_bytes(who, "identity", peer->identity.bytes, WEIR_IDENTITY_SIZE);
	}
	client.timeout_ms = 1000;
	client.kernels = weir_kernels_select(NULL);
	json_decref(documents);
	return 0;
}

static void call(const char *name)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE] = {0};
	struct weir_client_aggregate aggregate;
	struct weir_client_event *events;
	struct weir_client_terms terms;
	struct weir_client_view view;
	uint64_t after = 0;
	size_t count;
	uint32_t index;
	char latest[WEIR_CLIENT_ID_SIZE];

	if (!strcmp(name, "events")) {
		if (weir_client_events(&client, &after, 0, &events, &count) == 0)
			free(events);
	} else if (!strcmp(name, "latest")) {
		weir_client_latest(&client, 0, latest);
	} else if (!strcmp(name, "terms")) {
		weir_client_terms(&client, id, &terms);
	} else if (!strcmp(name, "client")) {
		weir_leader_client(&client, &event, 1, 0, &view);
	} else if (!strcmp(name, "join") || !strcmp(name, "join_now")) {
		weir_leader_join(&client, &event, "{}", signature, name[4] == '_', &index);
	} else if (weir_client_collect(&client, id, 0, &aggregate) == 0) {
		weir_client_aggregate_free(&aggregate);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *name = strsep(&rest, "\n");

	client.message[0] = '\0';
	answers_begin(rest);
	call(name);
	answers_check_plain(client.message, false);
	free(text);
	return 0;
}
