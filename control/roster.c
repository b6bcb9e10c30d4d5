// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "roster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "request_signature.h"
#include "timers.h"

// A request may be ahead of our clock by the window, and is good until it is behind by the window.
#define CHANGE_KEPT_MS (2 * WEIR_REQUEST_TIME_WINDOW_MS)

struct roster_member {
	char name[64];
};

struct roster_change {
	uint64_t until_ms;
	struct roster_counts counts;
	uint8_t signature[WEIR_SIGNATURE_SIZE];
};

static int put(struct roster *roster, const struct weir_identity *identity, const char *name)
{
	struct roster_member *member = key_table_get(&roster->members, identity->bytes);

	if (!member) {
		member = calloc(1, sizeof(*member));
		if (!member || key_table_put(&roster->members, identity->bytes, member)) {
			free(member);
			return -ENOMEM;
		}
	}
	snprintf(member->name, sizeof(member->name), "%s", name);
	return 0;
}

static int put_stored(void *context, const struct weir_identity *identity, const char *name)
{
	return put(context, identity, name ? name : "");
}

int roster_init(
	struct roster *roster, const struct weir_control_config *config, struct weir_store *store)
{
	struct weir_identity identity;
	int error = key_table_init(&roster->members);

	roster->store = store;
	for (size_t i = 0; i < config->roster_count && !error; i++) {
		error = weir_hex_decode(
			config->roster[i].identity, identity.bytes, sizeof(identity.bytes));
		if (!error)
			error = put(roster, &identity, config->roster[i].name);
	}
	if (!error)
		error = weir_store_roster(store, put_stored, roster);
	if (error) {
		log_line("cannot load the roster: %s", strerror(-error));
		roster_clear(roster);
	}
	return error;
}

void roster_clear(struct roster *roster)
{
	for (size_t i = 0; i < roster->members.capacity; i++)
		free(roster->members.entries[i].value);
	key_table_clear(&roster->members);
	free(roster->changes);
	roster->changes = NULL;
	roster->change_count = 0;
}

bool roster_has(const struct roster *roster, const struct weir_identity *identity)
{
	return key_table_get(&roster->members, identity->bytes);
}

size_t roster_size(const struct roster *roster)
{
	return roster->members.count;
}

int roster_add(struct roster *roster, const struct weir_identity *identity, const char *name)
{
	int error = put(roster, identity, name);

	if (!error)
		error = weir_store_roster_add(roster->store, identity, name);
	return error == -EEXIST ? 0 : error;
}

int roster_remove(struct roster *roster, const struct weir_identity *identity)
{
	int error;

	free(key_table_remove(&roster->members, identity->bytes));
	error = weir_store_roster_remove(roster->store, identity);
	return error == -ENOENT ? 0 : error;
}

int roster_note_change(struct roster *roster, const uint8_t signature[WEIR_SIGNATURE_SIZE],
	struct roster_counts **counts)
{
	uint64_t now = clock_monotonic_ms();
	struct roster_change *grown;
	size_t kept = 0;

	for (size_t i = 0; i < roster->change_count; i++) {
		struct roster_change *change = &roster->changes[i];

		if (!memcmp(change->signature, signature, WEIR_SIGNATURE_SIZE)) {
			*counts = &change->counts;
			return -EEXIST;
		}
		if (change->until_ms >= now)
			roster->changes[kept++] = *change;
	}
	roster->change_count = kept;
	grown = reallocarray(roster->changes, kept + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	roster->changes = grown;
	grown[kept].until_ms = now + CHANGE_KEPT_MS;
	grown[kept].counts = (struct roster_counts){0};
	*counts = &grown[kept].counts;
	memcpy(grown[kept].signature, signature, WEIR_SIGNATURE_SIZE);
	roster->change_count++;
	return 0;
}

void roster_forget_change(struct roster *roster)
{
	roster->change_count--;
}

json_t *roster_list(const struct roster *roster)
{
	json_t *list = json_array();

	for (size_t i = 0; i < roster->members.capacity; i++) {
		const struct key_table_entry *entry = &roster->members.entries[i];
		const struct roster_member *member = entry->value;
		char hex[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];

		if (!member)
			continue;
		weir_hex_encode(entry->key, KEY_TABLE_KEY, hex);
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "identity", hex, "name", member->name));
	}
	return list;
}
