// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "store_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

char directory[64];
char message[512];

void make_directory(void)
{
	strcpy(directory, "/tmp/weir-store-XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
}

void remove_directory(void)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	while (entries != NULL && (entry = readdir(entries)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
	rmdir(directory);
}

struct weir_store *open_store(void)
{
	struct weir_store *store = weir_store_open(directory, message, sizeof(message));
	cr_assert_not_null(store, "%s", message);
	return store;
}

const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

struct weir_digest digest_of(unsigned char first)
{
	return (struct weir_digest){{first, 0, 7}};
}

struct weir_identity identity_of(unsigned char first)
{
	return (struct weir_identity){{first, 0, 9}};
}

int append(struct weir_store *store, unsigned char event, uint64_t index, const char *text)
{
	const struct weir_digest digest = digest_of(event);
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	memset(signature, (int)(index + 1), sizeof(signature));
	return weir_store_log_append(store, &digest, index, text, signature);
}

int see_entry(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct log_seen *seen = context;
	const size_t used = strlen(seen->text);
	snprintf(seen->text + used, sizeof(seen->text) - used, "%d:%s ", (int)index, text);
	cr_assert_eq(signature[0], (uint8_t)(index + 1));
	cr_assert_eq(signature[WEIR_SIGNATURE_SIZE - 1], (uint8_t)(index + 1));
	return ++seen->rows == seen->stop_after ? 77 : 0;
}

void assert_log(
	struct weir_store *store, unsigned char event, uint64_t from, size_t limit, const char *is)
{
	const struct weir_digest digest = digest_of(event);
	struct log_seen seen = {.text = ""};
	cr_assert_eq(weir_store_log_read(store, &digest, from, limit, see_entry, &seen), 0);
	cr_assert_str_eq(seen.text, is);
}

int add_event(struct weir_store *store, unsigned char event, unsigned char leader, const char *job,
	uint32_t round)
{
	const struct weir_digest digest = digest_of(event);
	const struct weir_identity identity = identity_of(leader);
	char text[32];
	snprintf(text, sizeof(text), "event %d", event);
	return weir_store_event_add(store, &digest, &identity, job, round, text, event + 100u);
}

int see_event(void *context, const struct weir_stored_event *event)
{
	char *seen = context;
	sprintf(seen + strlen(seen), "%d/%d/%s/%s%s%s/%u ", event->digest.bytes[0],
		event->leader.bytes[0], event->text, event->state, *event->reason ? ": " : "",
		event->reason, event->number);
	return 0;
}

void assert_events(struct weir_store *store, const char *is)
{
	char seen[1024] = "";
	cr_assert_eq(weir_store_events(store, 0, SIZE_MAX, see_event, seen), 0);
	cr_assert_str_eq(seen, is);
}
