// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The store's file, with the whole event of the test vectors in it, as a control process finds it when
// it starts: each input is what somebody did to it meanwhile. Lines are SQL, or "#OFFSET HEX" for bytes
// written over the file; an input that begins with "SQLite" is the file. What is taken is restored,
// replayed and read.

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "control_rig.h"
#include "event_log.h"
#include "vectors.h"

#define SQL_STEPS_MOST 20000
#define SQL_SIZE_MOST  100000
#define FILE_MOST      (1 << 20)

static uint8_t *template;
static size_t template_size;
static char path[256];

static void check(int status)
{
	FUZZ_CHECK(status == 0);
}

// The event of the vectors, and one more that is a draft.
static void fill(struct weir_store *store, const json_t *documents)
{
	const json_t *event = vectors_member(documents, "event"), *entry;
	const json_t *log = vectors_member(documents, "log");
	const char *text = vectors_text(event, "text");
	struct weir_document_error error;
	struct weir_event_terms terms;
	struct weir_digest digest, other = {{1}};
	uint8_t signature[WEIR_SIGNATURE_SIZE] = {1}, key[32] = {2};
	uint64_t sequence;
	size_t i;

	check(weir_event_parse(text, &terms, &digest, &error));
	check(weir_store_event_add(
		store, &digest, &terms.aggregators[0], terms.job, terms.round, text, 1));
	check(weir_store_event_add(store, &other, &terms.aggregators[0], "other", 1, text, 2));
	json_array_foreach(log, i, entry)
	{
		vectors_bytes(entry, "signature", signature, sizeof(signature));
		check(weir_store_log_append(
			store, &digest, i, vectors_text(entry, "text"), signature));
	}
	check(weir_store_event_set_state(store, &digest, "open", "", 1));
	check(weir_store_event_set_state(store, &other, "failed", "cancelled", 2));
	check(weir_store_key_put(store, &digest, key));
	check(weir_store_share_put(store, &digest, "share", 5));
	check(weir_store_roster_add(store, &terms.collectors[0], "carol"));
	check(weir_store_receipt_put(store, &digest, 1, &terms.aggregators[0], signature));
	check(weir_store_counter_next(store, "event_sequence", &sequence));
	check(weir_store_commit(store));
}

static void make_template(const json_t *documents)
{
	char message[512];
	struct weir_store *store = weir_store_open(control_rig_state(), message, sizeof(message));
	FILE *file;

	FUZZ_CHECK(store);
	fill(store, documents);
	weir_store_close(store);
	template = malloc(FILE_MOST);
	file = fopen(path, "rb");
	FUZZ_CHECK(template && file);
	template_size = fread(template, 1, FILE_MOST, file);
	fclose(file);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	json_t *documents = vectors_load("documents.json");
	uint8_t secret[32];

	(void)count, (void)arguments;
	control_rig_start();
	control_rig_stop();
	// This appliance is the one that led the event.
	vectors_bytes(json_array_get(vectors_member(documents, "identities"), 0), "secret", secret,
		sizeof(secret));
	weir_signing_key_free(control_rig_keys[RIG_SELF]);
	control_rig_keys[RIG_SELF] = weir_signing_key_from_secret(secret);
	snprintf(path, sizeof(path), "%s/control.db", control_rig_state());
	make_template(documents);
	json_decref(documents);
	return 0;
}

static void write_file(const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

// No other files, and no functions that reach beyond this one.
static int authorize(
	void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
	(void)context, (void)a, (void)b, (void)c, (void)d;
	return action == SQLITE_ATTACH || action == SQLITE_CREATE_VTABLE ? SQLITE_DENY : SQLITE_OK;
}

static int stop(void *context)
{
	(void)context;
	return 1;
}

static void run_sql(const char *sql)
{
	sqlite3 *database;

	if (sqlite3_open(path, &database) == SQLITE_OK) {
		sqlite3_limit(database, SQLITE_LIMIT_LENGTH, SQL_SIZE_MOST);
		sqlite3_set_authorizer(database, authorize, NULL);
		sqlite3_progress_handler(database, SQL_STEPS_MOST, stop, NULL);
		sqlite3_exec(database, "PRAGMA writable_schema = ON", NULL, NULL, NULL);
		sqlite3_exec(database, sql, NULL, NULL, NULL);
	}
	sqlite3_close(database);
}

static void patch(const char *line)
{
	char *hex;
	unsigned long offset = strtoul(line, &hex, 10) % FILE_MOST;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	unsigned byte;

	for (hex += *hex == ' '; sscanf(hex, "%2x", &byte) == 1 && hex[1]; hex += 2) {
		uint8_t value = (uint8_t)byte;

		FUZZ_CHECK(pwrite(fd, &value, 1, (off_t)offset++) == 1);
	}
	close(fd);
}

static int see_entry(void *context, uint64_t index, const char *text, const uint8_t *signature)
{
	(void)index;
	*(size_t *)context += strlen(text) + signature[0] + signature[WEIR_SIGNATURE_SIZE - 1];
	return 0;
}

static int recall(void *context, const struct weir_stored_event *stored)
{
	struct event *event;

	(void)context;
	event_find(control, &stored->digest, &event);
	return 0;
}

static void read_everything(void)
{
	weir_store_events(control->store, 0, 100, recall, NULL);
	for (struct event *event = control->book.first; event; event = event->next) {
		size_t length = 0, size;
		void *share;

		if (!event->loaded)
			event_log_replay(event, SIZE_MAX);
		weir_store_log_read(control->store, &event->digest, 0, 1000, see_entry, &length);
		if (weir_store_share_get(control->store, &event->digest, &share, &size) == 0)
			free(share);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *line;

	if (!strncmp(text, "SQLite", 6)) {
		write_file(data, size);
	} else {
		write_file(template, template_size);
		while ((line = strsep(&rest, "\n"))) {
			if (*line == '#')
				patch(line + 1);
			else
				run_sql(line);
		}
	}
	if (control_rig_open()) {
		read_everything();
		control_rig_pass(1000);
	}
	control_rig_stop();
	free(text);
	return 0;
}
