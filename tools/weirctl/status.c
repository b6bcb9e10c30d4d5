// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "status.h"

#include <errno.h>
#include <string.h>

#include "plain_text.h"

#define MEBIBYTE (1024.0 * 1024.0)

static const char *const open_states[] = {"draft", "open", "frozen"};
#define OPEN_STATES (sizeof(open_states) / sizeof(open_states[0]))

static json_t *count_events(const json_t *events)
{
	json_int_t counts[OPEN_STATES] = {0};
	json_t *object = json_object();

	for (size_t i = 0; i < json_array_size(events); i++) {
		const char *state =
			json_string_value(json_object_get(json_array_get(events, i), "state"));
		for (size_t s = 0; s < OPEN_STATES && state != NULL; s++)
			counts[s] += strcmp(state, open_states[s]) == 0;
	}
	for (size_t s = 0; s < OPEN_STATES; s++)
		json_object_set_new(object, open_states[s], json_integer(counts[s]));
	return object;
}

static void take_stats(json_t *status, const json_t *stats)
{
	static const char *const of_dataplane[] = {
		"arena_bytes", "arena_used_bytes", "without_cipher"};
	static const char *const of_stats[] = {"version", "roster_members"};
	const json_t *dataplane = json_object_get(stats, "dataplane");
	size_t workers = json_array_size(json_object_get(stats, "workers"));

	json_object_set_new(status, "dataplane", json_boolean(json_is_object(dataplane)));
	json_object_set_new(status, "worker_count", json_integer((json_int_t)workers));
	for (size_t i = 0; i < 3; i++)
		json_object_set(
			status, of_dataplane[i], json_object_get(dataplane, of_dataplane[i]));
	for (size_t i = 0; i < 2; i++)
		json_object_set(status, of_stats[i], json_object_get(stats, of_stats[i]));
	json_object_set_new(status, "events", count_events(json_object_get(stats, "events")));
}

int status_fetch(struct connection *connection, json_t **status, json_t **stats)
{
	char health[64], identity[WEIR_HEX_ID];
	json_t *answer = NULL;
	int unhealthy = connection_health(connection, health), error = unhealthy;

	// Its health is anybody's to ask; that it is the appliance it should be, and the rest, is not.
	if (error == 0 || error == -EAGAIN)
		error = connection_call(connection, "GET", "/v1/stats", 0, NULL, &answer);
	weir_hex_encode(connection->peer.identity.bytes, WEIR_IDENTITY_SIZE, identity);
	*status = json_pack("{s:b, s:b, s:s, s:s, s:s}", "healthy", unhealthy == 0 && error == 0,
		"reachable", unhealthy == 0 || unhealthy == -EAGAIN, "health", health, "url",
		connection->peer.url, "identity", identity);
	if (*status == NULL) // the health was no UTF-8
		*status = json_pack("{s:b, s:b, s:s, s:s, s:s}", "healthy", 0, "reachable", 1,
			"health", "?", "url", connection->peer.url, "identity", identity);
	if (answer != NULL)
		take_stats(*status, answer);
	json_object_set_new(
		*status, "error", error == 0 ? json_null() : json_string(connection->message));
	if (stats != NULL)
		*stats = answer;
	else
		json_decref(answer);
	return error;
}

static double mebibytes(const json_t *status, const char *key)
{
	return (double)json_integer_value(json_object_get(status, key)) / MEBIBYTE;
}

static long long count_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_row(FILE *out, const json_t *status, const char *label, const char *key)
{
	const char *text = json_string_value(json_object_get(status, key));

	if (text == NULL || *text == '\0')
		return;
	fprintf(out, "%-10s ", label);
	plain_print(out, text);
	putc('\n', out);
}

void status_print(FILE *out, const json_t *status)
{
	const json_t *dataplane = json_object_get(status, "dataplane");
	const json_t *events = json_object_get(status, "events");

	print_row(out, status, "appliance", "url");
	print_row(out, status, "identity", "identity");
	print_row(out, status, "version", "version");
	if (!json_is_true(json_object_get(status, "reachable")))
		fputs("health     not reachable\n", out);
	else
		print_row(out, status, "health", "health");
	if (json_is_true(dataplane))
		fprintf(out,
			"dataplane  connected, %lld worker%s, %.1f of %.1f MiB of the arena used\n",
			count_of(status, "worker_count"),
			count_of(status, "worker_count") == 1 ? "" : "s",
			mebibytes(status, "arena_used_bytes"), mebibytes(status, "arena_bytes"));
	else if (json_is_false(dataplane))
		fputs("dataplane  not connected; does weir-dataplane run?\n", out);
	if (json_is_true(json_object_get(status, "without_cipher")))
		fputs("LABORATORY a static event has NO CIPHER: anybody can read and forge its "
		      "shares\n",
			out);
	if (events != NULL)
		fprintf(out,
			"events     %lld open, %lld draft, %lld frozen\n"
			"roster     %lld members\n",
			count_of(events, "open"), count_of(events, "draft"),
			count_of(events, "frozen"), count_of(status, "roster_members"));
}
