// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "log_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "announcement_json.h"
#include "control_link.h"
#include "event_machine.h"
#include "json_read.h"

_Static_assert(WEIR_BATCH_LIST_MAX == WEIR_LINK_LIST_MAX, "a batch fits one COMMIT of the link");

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define COMMON_FIELDS 3
#define FIELDS_MAX    (COMMON_FIELDS + 4)

static const char *const type_names[] = {
	[WEIR_ENTRY_ANNOUNCE] = "ANNOUNCE",
	[WEIR_ENTRY_JOIN] = "JOIN",
	[WEIR_ENTRY_ADMIT] = "ADMIT",
	[WEIR_ENTRY_COMMIT] = "COMMIT",
	[WEIR_ENTRY_ROLLBACK] = "ROLLBACK",
	[WEIR_ENTRY_SEALED] = "SEALED",
	[WEIR_ENTRY_ABORT] = "ABORT",
	[WEIR_ENTRY_FREEZE] = "FREEZE",
	[WEIR_ENTRY_PUBLISHED] = "PUBLISHED",
	[WEIR_ENTRY_FAILED] = "FAILED",
};

const char *weir_entry_type_name(enum weir_entry_type type)
{
	return (size_t)type < COUNT(type_names) ? type_names[type] : NULL;
}

static enum weir_entry_type type_of(const char *name)
{
	for (size_t i = 0; i < COUNT(type_names); i++)
		if (name != NULL && type_names[i] != NULL && strcmp(name, type_names[i]) == 0)
			return (enum weir_entry_type)i;
	return 0;
}

void weir_log_entry_clear(struct weir_log_entry *entry)
{
	weir_announcement_clear(&entry->announcement);
	free(entry->join_text.text);
	free(entry->clients);
	memset(entry, 0, sizeof(*entry));
}

static int compare_indexes(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static int check_list(const struct weir_log_entry *entry, struct weir_document_error *error)
{
	const char *name = type_names[entry->type];
	int rc = 0;

	if (entry->client_count == 0)
		return weir_document_refuse(error, "entry: %s of no clients", name);
	if (entry->type == WEIR_ENTRY_COMMIT && entry->client_count > WEIR_BATCH_LIST_MAX)
		return weir_document_refuse(error, "entry: COMMIT of %zu clients, above %d",
			entry->client_count, WEIR_BATCH_LIST_MAX);
	uint32_t *sorted = malloc(entry->client_count * sizeof(*sorted));
	if (sorted == NULL)
		return weir_document_no_memory(error);
	memcpy(sorted, entry->clients, entry->client_count * sizeof(*sorted));
	qsort(sorted, entry->client_count, sizeof(*sorted), compare_indexes);
	for (size_t i = 1; rc == 0 && i < entry->client_count; i++)
		if (sorted[i] == sorted[i - 1])
			rc = weir_document_refuse(
				error, "entry: %s names client %" PRIu32 " twice", name, sorted[i]);
	free(sorted);
	return rc;
}

// What holds of an entry by itself, in whichever direction it goes; fills `join` of a JOIN.
static int check_entry(struct weir_log_entry *entry, struct weir_document_error *error)
{
	switch (entry->type) {
	case WEIR_ENTRY_JOIN:
		if (entry->join_text.text == NULL)
			return weir_document_refuse(error, "entry: JOIN without a join");
		if (entry->acceptance_count > WEIR_AGGREGATORS_MAX)
			return weir_document_refuse(error, "entry: JOIN with too many acceptances");
		return weir_join_parse(entry->join_text.text, &entry->join, error);
	case WEIR_ENTRY_COMMIT:
	case WEIR_ENTRY_ROLLBACK:
	case WEIR_ENTRY_SEALED:
		if (entry->batch == 0)
			return weir_document_refuse(error, "entry: batch is 0");
		return entry->type == WEIR_ENTRY_COMMIT ? check_list(entry, error) : 0;
	case WEIR_ENTRY_ADMIT:
	case WEIR_ENTRY_ABORT: return check_list(entry, error);
	default: return 0;
	}
}

// JSON values that are read further, borrowed from the entry's.
struct parts {
	json_t *announcement;
	json_t *acceptances;
	json_t *clients;
	const char *join;
};

// Appends the keys of the entry's type to fields; returns how many.
static size_t fields_of(
	struct weir_log_entry *entry, struct parts *parts, struct weir_json_field *fields)
{
	const struct weir_json_field announcement = {
		"announcement", WEIR_JSON_OBJECT, &parts->announcement};
	const struct weir_json_field clients = {
		"clients", WEIR_JSON_ARRAY, &parts->clients, UINT32_MAX};
	const struct weir_json_field batch = {"batch", WEIR_JSON_U32, &entry->batch, .least = 1};
	const struct weir_json_field reason = {
		"reason", WEIR_JSON_TEXT, entry->reason, sizeof(entry->reason)};
	const struct weir_json_field set_digest = {"set_digest", WEIR_JSON_HEX,
		entry->set_digest.bytes, sizeof(entry->set_digest.bytes)};
	size_t n = 0;

	switch (entry->type) {
	case WEIR_ENTRY_ANNOUNCE: fields[n++] = announcement; break;
	case WEIR_ENTRY_JOIN:
		fields[n++] = (struct weir_json_field){"client", WEIR_JSON_U32, &entry->client};
		fields[n++] = (struct weir_json_field){
			"join", WEIR_JSON_STRING, &parts->join, WEIR_JOIN_TEXT_MAX};
		fields[n++] = (struct weir_json_field){"signature", WEIR_JSON_HEX,
			entry->join_text.signature, sizeof(entry->join_text.signature)};
		fields[n++] = (struct weir_json_field){
			"acceptances", WEIR_JSON_ARRAY, &parts->acceptances, WEIR_AGGREGATORS_MAX};
		break;
	case WEIR_ENTRY_COMMIT: fields[n++] = batch; // fall through
	case WEIR_ENTRY_ADMIT: fields[n++] = clients; break;
	case WEIR_ENTRY_ROLLBACK:
	case WEIR_ENTRY_SEALED: fields[n++] = batch; break;
	case WEIR_ENTRY_ABORT: fields[n++] = clients; // fall through
	case WEIR_ENTRY_FAILED: fields[n++] = reason; break;
	case WEIR_ENTRY_FREEZE:
		fields[n++] = (struct weir_json_field){"count", WEIR_JSON_U64, &entry->count};
		fields[n++] = (struct weir_json_field){"weight", WEIR_JSON_U64, &entry->weight};
		// fall through
	case WEIR_ENTRY_PUBLISHED: fields[n++] = set_digest; break;
	}
	return n;
}

static int read_clients(
	json_t *array, struct weir_log_entry *entry, struct weir_document_error *error)
{
	const size_t count = json_array_size(array);

	if (count == 0)
		return 0; // refused by check_list
	entry->clients = malloc(count * sizeof(*entry->clients));
	if (entry->clients == NULL)
		return weir_document_no_memory(error);
	entry->client_count = count;
	for (size_t i = 0; i < count; i++) {
		const struct weir_json_field field = {"clients", WEIR_JSON_U32, &entry->clients[i]};
		const int rc =
			weir_json_read_value(json_array_get(array, i), "entry", &field, error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_join(
	const struct parts *parts, struct weir_log_entry *entry, struct weir_document_error *error)
{
	entry->join_text.text = strdup(parts->join);
	if (entry->join_text.text == NULL)
		return weir_document_no_memory(error);
	entry->acceptance_count = json_array_size(parts->acceptances);
	for (size_t i = 0; i < entry->acceptance_count; i++) {
		const struct weir_json_field field = {
			"acceptances", WEIR_JSON_HEX, entry->acceptances[i], WEIR_SIGNATURE_SIZE};
		const int rc = weir_json_read_value(
			json_array_get(parts->acceptances, i), "entry", &field, error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_entry(json_t *root, struct weir_log_entry *entry, struct weir_document_error *error)
{
	struct parts parts = {0};
	const char *name = json_string_value(json_object_get(root, "type"));
	struct weir_json_field fields[FIELDS_MAX] = {
		{"index", WEIR_JSON_U64, &entry->index},
		{"prev", WEIR_JSON_HEX, entry->previous.bytes, sizeof(entry->previous.bytes)},
		{"type", WEIR_JSON_STRING, &name, 16},
	};
	int rc;

	entry->type = type_of(name);
	if (entry->type == 0)
		return weir_document_refuse(error, "entry: no type, or an unknown one");
	const size_t count = COMMON_FIELDS + fields_of(entry, &parts, fields + COMMON_FIELDS);
	rc = weir_json_read(root, "entry", fields, count, error);
	if (rc == 0 && parts.announcement != NULL)
		rc = weir_announcement_from_json(parts.announcement, &entry->announcement, error);
	if (rc == 0 && parts.join != NULL)
		rc = read_join(&parts, entry, error);
	if (rc == 0 && parts.clients != NULL)
		rc = read_clients(parts.clients, entry, error);
	return rc;
}

int weir_log_entry_parse(
	const char *text, struct weir_log_entry *entry, struct weir_document_error *error)
{
	json_t *root;
	int rc;

	memset(entry, 0, sizeof(*entry));
	rc = weir_json_load(text, WEIR_ENTRY_TEXT_MAX, "entry", &root, error);
	if (rc == 0)
		rc = read_entry(root, entry, error);
	json_decref(root);
	if (rc == 0)
		rc = check_entry(entry, error);
	if (rc == 0 && weir_digest(WEIR_CONTEXT_LOG, text, strlen(text), &entry->hash) != 0)
		rc = weir_document_no_memory(error);
	if (rc != 0)
		weir_log_entry_clear(entry);
	return rc;
}

static json_t *clients_json(const struct weir_log_entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->client_count; i++)
		if (json_array_append_new(array, json_integer(entry->clients[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *acceptances_json(const struct weir_log_entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->acceptance_count; i++)
		if (json_array_append_new(array,
			    weir_json_hex(entry->acceptances[i], WEIR_SIGNATURE_SIZE)) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

// The keys that only this type has.
static json_t *body_json(const struct weir_log_entry *entry)
{
	const json_int_t batch = entry->batch;

	switch (entry->type) {
	case WEIR_ENTRY_ANNOUNCE:
		return json_pack(
			"{s:o}", "announcement", weir_announcement_to_json(&entry->announcement));
	case WEIR_ENTRY_JOIN:
		return json_pack("{s:I, s:s, s:o, s:o}", "client", (json_int_t)entry->client,
			"join", entry->join_text.text, "signature",
			weir_json_hex(entry->join_text.signature, WEIR_SIGNATURE_SIZE),
			"acceptances", acceptances_json(entry));
	case WEIR_ENTRY_ADMIT: return json_pack("{s:o}", "clients", clients_json(entry));
	case WEIR_ENTRY_COMMIT:
		return json_pack("{s:I, s:o}", "batch", batch, "clients", clients_json(entry));
	case WEIR_ENTRY_ROLLBACK:
	case WEIR_ENTRY_SEALED: return json_pack("{s:I}", "batch", batch);
	case WEIR_ENTRY_ABORT:
		return json_pack(
			"{s:o, s:s}", "clients", clients_json(entry), "reason", entry->reason);
	case WEIR_ENTRY_FREEZE:
		return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)entry->count, "weight",
			(json_int_t)entry->weight, "set_digest",
			weir_json_hex(entry->set_digest.bytes, WEIR_DIGEST_SIZE));
	case WEIR_ENTRY_PUBLISHED:
		return json_pack("{s:o}", "set_digest",
			weir_json_hex(entry->set_digest.bytes, WEIR_DIGEST_SIZE));
	case WEIR_ENTRY_FAILED: return json_pack("{s:s}", "reason", entry->reason);
	}
	return NULL;
}

static bool can_be_written(struct weir_log_entry *entry)
{
	struct weir_document_error error;

	if (weir_entry_type_name(entry->type) == NULL || check_entry(entry, &error) != 0)
		return false;
	if (entry->type == WEIR_ENTRY_ANNOUNCE && entry->announcement.event_text == NULL)
		return false;
	return entry->index <= INT64_MAX && entry->count <= INT64_MAX &&
	       entry->weight <= INT64_MAX &&
	       strnlen(entry->reason, sizeof(entry->reason)) < sizeof(entry->reason);
}

char *weir_log_entry_format(struct weir_log_entry *entry)
{
	if (!can_be_written(entry)) {
		errno = EINVAL;
		return NULL;
	}
	json_t *root = json_pack("{s:I, s:o, s:s}", "index", (json_int_t)entry->index, "prev",
		weir_json_hex(entry->previous.bytes, sizeof(entry->previous.bytes)), "type",
		type_names[entry->type]);
	json_t *body = body_json(entry);
	if (root == NULL || body == NULL || json_object_update(root, body) != 0) {
		json_decref(root);
		root = NULL; // reads as EINVAL: most likely a reason that is not UTF-8
	}
	json_decref(body);
	char *text = weir_json_text(root, WEIR_ENTRY_TEXT_MAX);
	if (text != NULL && weir_digest(WEIR_CONTEXT_LOG, text, strlen(text), &entry->hash) != 0) {
		free(text);
		errno = ENOMEM;
		return NULL;
	}
	return text;
}

bool weir_log_verify(const struct weir_identity *leader, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	return weir_verify(leader, WEIR_CONTEXT_LOG, text, strlen(text), signature);
}

int weir_log_sign(const struct weir_signing_key *leader, const char *text,
	uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	return weir_sign(leader, WEIR_CONTEXT_LOG, text, strlen(text), signature);
}
