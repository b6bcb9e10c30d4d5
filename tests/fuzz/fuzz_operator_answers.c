// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What an appliance answers to weirctl, and what a person gets to see of it. The first line names what
// is asked for: events, find or status; the lines behind it are the answers (answers.h).

#include <string.h>

#include "answers.h"
#include "event_list.h"
#include "fuzz.h"
#include "stats_table.h"
#include "status.h"

#define NOW_MS INT64_C(1767225600000)

static struct connection connection = {
	.key_path = "key.pem",
	.peer = {.name = "appliance", .url = "http://192.0.2.1:9347"},
};

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	static const uint8_t secret[32] = {1};

	(void)count, (void)arguments;
	connection.key = weir_signing_key_from_secret(secret);
	FUZZ_CHECK(connection.key);
	return 0;
}

static void list(FILE *out)
{
	json_t *events = json_array();
	json_int_t next = 0;

	if (event_list_update(&connection, events, &next) == 0) {
		event_list_trim(events, 3);
		if (event_list_complete(&connection, events) == 0)
			event_list_print(out, events, NOW_MS);
	}
	json_decref(events);
}

static void show_status(FILE *out)
{
	json_t *status, *stats;

	status_fetch(&connection, &status, &stats);
	status_print(out, status);
	if (stats)
		stats_table_print(out, json_object_get(stats, "workers"), true);
	json_decref(status);
	json_decref(stats);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *name = strsep(&rest, "\n");
	char *shown = NULL, id[WEIR_HEX_ID];
	size_t length = 0;
	FILE *out = open_memstream(&shown, &length);

	FUZZ_CHECK(out);
	connection.message[0] = '\0';
	answers_begin(rest);
	if (!strcmp(name, "events"))
		list(out);
	else if (!strcmp(name, "find"))
		event_find_id(&connection, "0", id);
	else
		show_status(out);
	fclose(out);
	answers_check_plain(shown, true);
	answers_check_plain(connection.message, false);
	free(shown);
	free(text);
	return 0;
}
