// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What is kept beside the logs: keys, aggregate shares, the roster, receipts, counters.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log_store_internal.h"

#define KEY_SIZE 32

// A write statement with the event as its first parameter; NULL if the turn is spoiled.
static sqlite3_stmt *begin_of_event(
	struct weir_store *store, enum store_statement which, const struct weir_digest *event)
{
	sqlite3_stmt *statement = store_begin(store, which);

	if (statement != NULL)
		store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	return statement;
}

int weir_store_key_put(
	struct weir_store *store, const struct weir_digest *event, const uint8_t key[32])
{
	sqlite3_stmt *statement = begin_of_event(store, STORE_KEY_FIND, event);

	if (statement == NULL)
		return -EIO;
	const int found = store_find(store, statement);
	store_done(statement);
	if (found != 0)
		return found == 1 ? -EEXIST : found;
	statement = begin_of_event(store, STORE_KEY_PUT, event);
	if (statement == NULL)
		return -EIO;
	store_bind(statement, 2, key, KEY_SIZE);
	return store_run(store, statement);
}

int weir_store_key_get(struct weir_store *store, const struct weir_digest *event, uint8_t key[32])
{
	sqlite3_stmt *statement = store_query(store, "SELECT key FROM event_key WHERE event = ?1");

	memset(key, 0, KEY_SIZE);
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	int rc = store_first(store, statement);
	if (rc == 0) {
		const void *stored = store_column(statement, 0, KEY_SIZE);
		if (stored != NULL)
			memcpy(key, stored, KEY_SIZE);
		else
			rc = store_damaged(store);
	}
	sqlite3_finalize(statement);
	return rc;
}

int weir_store_key_wipe(struct weir_store *store, const struct weir_digest *event)
{
	static const enum store_statement steps[] = {STORE_KEY_ZERO, STORE_KEY_DELETE};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *statement = begin_of_event(store, steps[i], event);
		if (statement == NULL || store_run(store, statement) != 0)
			return -EIO;
	}
	store->key_was_wiped = true;
	return 0;
}

int weir_store_offer_put(
	struct weir_store *store, const struct weir_digest *event, const char *text)
{
	sqlite3_stmt *statement = begin_of_event(store, STORE_OFFER_PUT, event);

	if (statement == NULL)
		return -EIO;
	store_bind_text(statement, 2, text);
	return store_run(store, statement);
}

int weir_store_offer_get(struct weir_store *store, const struct weir_digest *event, char **text)
{
	sqlite3_stmt *statement = store_query(store, "SELECT text FROM offer WHERE event = ?1");

	*text = NULL;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	int rc = store_first(store, statement);
	if (rc == 0) {
		const char *stored = (const char *)sqlite3_column_text(statement, 0);
		*text = stored != NULL ? strdup(stored) : NULL;
		if (*text == NULL)
			rc = -ENOMEM;
	}
	sqlite3_finalize(statement);
	return rc;
}

int weir_store_share_put(
	struct weir_store *store, const struct weir_digest *event, const void *share, size_t size)
{
	sqlite3_stmt *statement = begin_of_event(store, STORE_SHARE_FIND, event);

	if (statement == NULL)
		return -EIO;
	int found = store_find(store, statement);
	if (found == 1) {
		const void *stored = store_column(statement, 0, size);
		if (stored == NULL || memcmp(stored, share, size) != 0)
			found = -EEXIST;
	}
	store_done(statement);
	if (found != 0)
		return found == 1 ? 0 : found;
	statement = begin_of_event(store, STORE_SHARE_PUT, event);
	if (statement == NULL)
		return -EIO;
	store_bind(statement, 2, share, size);
	return store_run(store, statement);
}

int weir_store_share_get(
	struct weir_store *store, const struct weir_digest *event, void **share, size_t *size)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT share FROM aggregate_share WHERE event = ?1");

	*share = NULL;
	*size = 0;
	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	int rc = store_first(store, statement);
	if (rc == 0) {
		const void *stored = sqlite3_column_blob(statement, 0);
		const size_t stored_size = (size_t)sqlite3_column_bytes(statement, 0);
		*share = stored != NULL ? malloc(stored_size) : NULL;
		if (*share != NULL) {
			memcpy(*share, stored, stored_size);
			*size = stored_size;
		} else {
			rc = stored != NULL ? -ENOMEM : store_damaged(store);
		}
	}
	sqlite3_finalize(statement);
	return rc;
}

int weir_store_roster_add(
	struct weir_store *store, const struct weir_identity *identity, const char *name)
{
	sqlite3_stmt *statement = store_begin(store, STORE_ROSTER_ADD);

	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, identity->bytes, sizeof(identity->bytes));
	store_bind_text(statement, 2, name);
	const int rc = store_run(store, statement);
	return rc == 0 && sqlite3_changes(store->writer) == 0 ? -EEXIST : rc;
}

int weir_store_roster_remove(struct weir_store *store, const struct weir_identity *identity)
{
	sqlite3_stmt *statement = store_begin(store, STORE_ROSTER_REMOVE);

	if (statement == NULL)
		return -EIO;
	store_bind(statement, 1, identity->bytes, sizeof(identity->bytes));
	const int rc = store_run(store, statement);
	return rc == 0 && sqlite3_changes(store->writer) == 0 ? -ENOENT : rc;
}

struct roster_visit {
	weir_roster_visit *visit;
	void *context;
};

static int roster_row(struct weir_store *store, sqlite3_stmt *statement, void *context)
{
	const struct roster_visit *visit = context;
	const struct weir_identity *identity = store_column(statement, 0, sizeof(*identity));
	const char *name = (const char *)sqlite3_column_text(statement, 1);

	if (identity == NULL || name == NULL)
		return store_damaged(store);
	return visit->visit(visit->context, identity, name);
}

int weir_store_roster(struct weir_store *store, weir_roster_visit *visit, void *context)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT identity, name FROM roster ORDER BY rowid");

	return store_each(store, statement, roster_row, &(struct roster_visit){visit, context});
}

int weir_store_receipt_put(struct weir_store *store, const struct weir_digest *event,
	uint32_t client, const struct weir_identity *aggregator,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	sqlite3_stmt *statement = begin_of_event(store, STORE_RECEIPT_PUT, event);

	if (statement == NULL)
		return -EIO;
	sqlite3_bind_int64(statement, 2, client);
	store_bind(statement, 3, aggregator->bytes, sizeof(aggregator->bytes));
	store_bind(statement, 4, signature, WEIR_SIGNATURE_SIZE);
	return store_run(store, statement);
}

struct receipt_visit {
	weir_receipt_visit *visit;
	void *context;
};

static int receipt_row(struct weir_store *store, sqlite3_stmt *statement, void *context)
{
	const struct receipt_visit *visit = context;
	const struct weir_identity *aggregator = store_column(statement, 1, sizeof(*aggregator));
	const uint8_t *signature = store_column(statement, 2, WEIR_SIGNATURE_SIZE);

	if (aggregator == NULL || signature == NULL)
		return store_damaged(store);
	return visit->visit(visit->context, (uint32_t)sqlite3_column_int64(statement, 0),
		aggregator, signature);
}

int weir_store_receipts(struct weir_store *store, const struct weir_digest *event, uint32_t from,
	weir_receipt_visit *visit, void *context)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT client, aggregator, signature FROM receipt"
				   " WHERE event = ?1 AND client >= ?2"
				   " ORDER BY client, aggregator");

	store_bind(statement, 1, event->bytes, sizeof(event->bytes));
	sqlite3_bind_int64(statement, 2, from);
	return store_each(store, statement, receipt_row, &(struct receipt_visit){visit, context});
}

int weir_store_counter_next(struct weir_store *store, const char *name, uint64_t *value)
{
	sqlite3_stmt *statement = store_begin(store, STORE_COUNTER_NEXT);

	if (statement == NULL)
		return -EIO;
	store_bind_text(statement, 1, name);
	if (store_find(store, statement) != 1) {
		store_done(statement);
		return -EIO;
	}
	*value = (uint64_t)sqlite3_column_int64(statement, 0);
	return store_run(store, statement);
}
