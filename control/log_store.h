// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a control plane must not forget: SQLite, synchronous = FULL, one transaction for each turn of
// the event loop (group commit). The interface to the log is small on purpose, so that a replicated
// log can serve instead: append if the last entry is N - 1, read from N, wait (the event loop's).
//
// Every read (log_read, events, key_get, share_get, roster, receipts) sees only what
// weir_store_commit has made durable; checks for what exists already also see the current turn.
// A visit may call the store again, and may write.
//
// A write that fails spoils its turn: further writes and the commit give -EIO, and nothing of the
// turn is kept. weir_store_error then says why.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "identity.h"

struct weir_store;

// Opens or makes DIRECTORY/control.db (directory mode 0700, file 0600), checks the file and the
// schema's version, and locks the directory against a second process. NULL with errno (EACCES: the
// directory is open to others; EBUSY: in use; EBADMSG: damaged or not ours; ENOTSUP: of a newer
// version) and a sentence in message (size bytes).
struct weir_store *weir_store_open(const char *directory, char *message, size_t size);
// What was not committed is gone.
void weir_store_close(struct weir_store *store);

// Writes since the last commit become durable, or none of them: 0 or -EIO.
int weir_store_commit(struct weir_store *store);
// Once a wiped key's commit has been made and nobody waits: sees to it that no file has the key any
// more, which takes the disk several times as long as the commit. Else nothing.
void weir_store_tidy(struct weir_store *store);

// A sentence on the last -EIO.
const char *weir_store_error(const struct weir_store *store);

// Log. append: 0; -EEXIST if entry `index` exists with the same text (nothing is written); -ESTALE if
// it exists with another text (a fork) or index is not the next; -EIO.
int weir_store_log_append(struct weir_store *store, const struct weir_digest *event, uint64_t index,
	const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE]);
// Calls visit for durable entries from `from` on, in order, at most limit; stops when visit returns
// non-zero, and returns that; else 0 or -EIO.
typedef int weir_log_visit(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);
int weir_store_log_read(struct weir_store *store, const struct weir_digest *event, uint64_t from,
	size_t limit, weir_log_visit *visit, void *context);

// Events known here, in state "draft" at first. text: the event document. -EEXIST if (leader, job, round) or the
// digest was ever used: an aggregator takes part in each once.
int weir_store_event_add(struct weir_store *store, const struct weir_digest *event,
	const struct weir_identity *leader, const char *job, uint32_t round, const char *text,
	uint32_t number);
// changed: the event_sequence counter's value for this change. 0, -ENOENT or -EIO.
int weir_store_event_set_state(struct weir_store *store, const struct weir_digest *event,
	const char *state, const char *reason, uint64_t changed);
struct weir_stored_event {
	struct weir_digest digest;
	struct weir_identity leader;
	const char *job, *text, *state, *reason; // the store's, until the visit returns
	uint32_t round, number;
	uint64_t changed; // when its state last did
};
typedef int weir_event_visit(void *context, const struct weir_stored_event *event);
// Those whose changed is from or later, in the order of their changes, at most limit; stops as log_read
// does.
int weir_store_events(struct weir_store *store, uint64_t from, size_t limit,
	weir_event_visit *visit, void *context);
// One: what visit returns, -ENOENT or -EIO.
int weir_store_event_get(struct weir_store *store, const struct weir_digest *event,
	weir_event_visit *visit, void *context);

// The per-event X25519 private key, until the event ends: then it is overwritten and removed, and after
// the commit and weir_store_tidy no file of the store has it any more. put: -EEXIST if there is one;
// get: -ENOENT, key zeroed; wipe: 0 also if there is none.
int weir_store_key_put(
	struct weir_store *store, const struct weir_digest *event, const uint8_t key[32]);
int weir_store_key_get(struct weir_store *store, const struct weir_digest *event, uint8_t key[32]);
int weir_store_key_wipe(struct weir_store *store, const struct weir_digest *event);

// The text of our own offer: put once. get: malloc'd copy, or -ENOENT.
int weir_store_offer_put(
	struct weir_store *store, const struct weir_digest *event, const char *text);
int weir_store_offer_get(struct weir_store *store, const struct weir_digest *event, char **text);

// The aggregate share, durable before its first byte leaves: put fails with -EEXIST if another is
// there, and is 0 if the same is. get: malloc'd copy, or -ENOENT.
int weir_store_share_put(
	struct weir_store *store, const struct weir_digest *event, const void *share, size_t size);
int weir_store_share_get(
	struct weir_store *store, const struct weir_digest *event, void **share, size_t *size);

// The roster that the API manages, beside the config's. -EEXIST / -ENOENT are not errors to act on.
int weir_store_roster_add(
	struct weir_store *store, const struct weir_identity *identity, const char *name);
int weir_store_roster_remove(struct weir_store *store, const struct weir_identity *identity);
typedef int weir_roster_visit(
	void *context, const struct weir_identity *identity, const char *name);
int weir_store_roster(struct weir_store *store, weir_roster_visit *visit, void *context);

// Receipts of all aggregators, kept by the leader for its clients. put keeps the first; receipts
// visits those of an event from a client on, by client.
int weir_store_receipt_put(struct weir_store *store, const struct weir_digest *event,
	uint32_t client, const struct weir_identity *aggregator,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);

typedef int weir_receipt_visit(void *context, uint32_t client,
	const struct weir_identity *aggregator, const uint8_t signature[WEIR_SIGNATURE_SIZE]);
int weir_store_receipts(struct weir_store *store, const struct weir_digest *event, uint32_t from,
	weir_receipt_visit *visit, void *context);

// A counter that only grows, from 1: event numbers, and the sequence of event changes.
int weir_store_counter_next(struct weir_store *store, const char *name, uint64_t *value);
