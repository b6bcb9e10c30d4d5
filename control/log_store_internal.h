// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What log_store.c (opening, transactions), log_store_log.c and log_store_records.c share.
#pragma once

#include <sqlite3.h>

#include "log_store.h"

enum store_statement {
	STORE_LOG_FIND,
	STORE_LOG_APPEND,
	STORE_EVENT_FIND,
	STORE_EVENT_ADD,
	STORE_EVENT_STATE,
	STORE_KEY_FIND,
	STORE_KEY_PUT,
	STORE_KEY_ZERO,
	STORE_KEY_DELETE,
	STORE_OFFER_PUT,
	STORE_SHARE_FIND,
	STORE_SHARE_PUT,
	STORE_ROSTER_ADD,
	STORE_ROSTER_REMOVE,
	STORE_RECEIPT_PUT,
	STORE_COUNTER_NEXT,
	STORE_STATEMENT_COUNT,
};

struct weir_store {
	int lock; // descriptor that holds the directory's lock
	sqlite3 *writer;
	sqlite3 *reader;                                 // sees what is committed only
	sqlite3_stmt *statements[STORE_STATEMENT_COUNT]; // of the writer
	bool in_transaction;
	bool spoiled;       // a write of this turn failed
	bool key_was_wiped; // the old pages are to leave the write-ahead log
	char error[256];
};

// Each notes a sentence and returns -EIO: why the reader failed; the same for the writer, whose turn
// is then rolled back and spoiled; a row that the schema does not allow.
int store_read_failed(struct weir_store *store);
int store_write_failed(struct weir_store *store);
int store_damaged(struct weir_store *store);

// Writing. store_begin gives the writer's statement, and begins the turn's transaction if there is
// none; NULL if the turn is spoiled. What was bound must stay until store_find has been followed by
// store_done, or until store_run, which gives the statement back itself.
sqlite3_stmt *store_begin(struct weir_store *store, enum store_statement which);
int store_find(struct weir_store *store, sqlite3_stmt *statement); // 1 a row, 0 none, -EIO
int store_run(struct weir_store *store, sqlite3_stmt *statement);  // 0 or -EIO
void store_done(sqlite3_stmt *statement);

// Reading. A statement of the reader, of its own for each call, so that visits can nest; NULL on
// failure, which store_each and store_first take as well. store_each calls row for each row until
// that returns non-zero, and finalizes the statement; store_first steps to the first row: 0, -ENOENT
// or -EIO, and the caller finalizes.
typedef int store_row(struct weir_store *store, sqlite3_stmt *statement, void *context);
sqlite3_stmt *store_query(struct weir_store *store, const char *sql);
int store_each(struct weir_store *store, sqlite3_stmt *statement, store_row *row, void *context);
int store_first(struct weir_store *store, sqlite3_stmt *statement);

// Binds bytes that stay where they are. A binding fails only for lack of memory; the value is then
// NULL, which every column refuses and no comparison finds.
void store_bind(sqlite3_stmt *statement, int parameter, const void *bytes, size_t size);
void store_bind_text(sqlite3_stmt *statement, int parameter, const char *text);

// A blob of exactly this size, or NULL: then the file is damaged.
const void *store_column(sqlite3_stmt *statement, int column, size_t size);
