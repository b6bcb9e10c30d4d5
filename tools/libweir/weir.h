// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// libweir: take part in secure aggregation from a program of your own.
//
//   struct weir_client *client;
//   if (weir_client_open("client.cfg", &client) != 0)
//           fail(weir_client_error(client));
//   struct weir_client_submission submission = {.event = id,
//           .vector = {WEIR_CLIENT_REALS, values, count}, .weight = 1};
//   if (weir_client_submit(client, &submission, &receipt) != 0)
//           fail(weir_client_error(client));
//   weir_client_close(client);
//
// A client splits a vector into one share for each aggregator, so that no aggregator sees it, sends
// the shares over UDP, and ends with every aggregator's signature that it is in the sum. A collector
// fetches the aggregate shares and adds them up. Build with `pkg-config --cflags --libs weir`.
//
// Functions that can fail return 0 or -errno, and then weir_client_error() has a sentence that names
// what failed and what to do. A context serves one thread at a time; only weir_client_cancel may be
// called from elsewhere. Nothing is printed, no signal handler is set, and no thread is started.
// Structs that a caller fills must be zeroed first, so that fields added later keep their default.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_CLIENT_ID_SIZE   65 // 64 lower-case hexadecimal digits and a NUL
#define WEIR_CLIENT_NAME_SIZE 64
#define WEIR_CLIENT_TEXT_SIZE 512

struct weir_client; // a key, the aggregators it requires, and a folder for its state

// ---- Contexts ----

struct weir_client_aggregator {
	const char *name;     // for messages; NULL: the URL
	const char *identity; // 64 hexadecimal digits
	const char *url;      // "http://192.0.2.1:9347"
};

struct weir_client_options {
	const char *key_file; // PEM, mode 0600, as weir_client_keygen writes it
	const char *state;    // folder for joins, splits and receipts; made (mode 0700) if missing
	// The leader first, 2 to 16; events with any others are refused.
	const struct weir_client_aggregator *aggregators;
	size_t aggregator_count;
	uint64_t timeout_ms; // give up when nothing has moved for so long; 0: 60 s
};

// Opens a context from a config file (config/client.cfg explains it) or from options, which are
// copied. *client is set on failure as well, so that weir_client_error works, unless memory ran out
// (NULL, -ENOMEM); close it either way. After a failed open only error and close may be called.
int weir_client_open(const char *config_file, struct weir_client **client);
int weir_client_open_options(
	const struct weir_client_options *options, struct weir_client **client);

// Another timeout than the context was opened with; 0: 60 s.
void weir_client_set_timeout(struct weir_client *client, uint64_t timeout_ms);

// Wipes the key and frees. NULL is allowed.
void weir_client_close(struct weir_client *client);

// What went wrong last, one line without a newline; "" if nothing has. Valid until the next call.
// "out of memory" for NULL.
const char *weir_client_error(const struct weir_client *client);

// The context's own identity, 64 hexadecimal digits.
const char *weir_client_identity(const struct weir_client *client);

// Makes the call under way return -ECANCELED soon, and every later one at once. May be called from
// a signal handler or another thread. A submission that was cancelled is continued by submitting
// the same vector to the same event again, in this process or a later one.
void weir_client_cancel(struct weir_client *client);

// Makes a new key and writes it to path (mode 0600, never over an existing file). identity has
// WEIR_CLIENT_ID_SIZE bytes. Returns 0, -EEXIST, or another -errno.
int weir_client_keygen(const char *path, char *identity);

// The identity of a key file. -EACCES also when group or others may read it; -EBADMSG when it is
// no key.
int weir_client_key_identity(const char *path, char *identity);

// ---- Progress ----

enum weir_client_phase {
	WEIR_CLIENT_SPLITTING,  // encoding and splitting; done and total are 0
	WEIR_CLIENT_JOINING,    // waiting for every aggregator to accept the join
	WEIR_CLIENT_WAITING,    // waiting for a slot
	WEIR_CLIENT_SENDING,    // chunks received by the aggregators, of all
	WEIR_CLIENT_CONFIRMING, // everything arrived; waiting for the receipts
	WEIR_CLIENT_COLLECTING, // aggregate shares fetched, of all
	WEIR_CLIENT_RETRYING, // nothing moves; text says what is waited for, and for how long still
};

struct weir_client_progress {
	enum weir_client_phase phase;
	uint64_t done, total;
	double rate;      // bytes a second, SENDING only
	const char *text; // a sentence, RETRYING only, else NULL; valid during the call
};

// Calls back at each change of phase and at most about ten times a second in between, from within
// the call under way. RETRYING comes in any phase, once for each thing that is waited for, and
// does not end the phase. NULL: not at all.
typedef void weir_client_progress_fn(void *opaque, const struct weir_client_progress *progress);
void weir_client_on_progress(struct weir_client *client, weir_client_progress_fn *fn, void *opaque);

// ---- Events ----

struct weir_client_event {
	uint64_t sequence;               // of the last change of its state
	char id[WEIR_CLIENT_ID_SIZE];    // a digest of its terms
	char state[16];                  // "open", "frozen", "published" or "failed"
	char job[WEIR_CLIENT_NAME_SIZE]; // not verified here: see weir_client_terms
	uint32_t round;
};

// The events whose state changed after *after (0: all), in that order, as the leader tells it; with
// wait_seconds > 0 waits for one if there is none. *after becomes the value for the next call.
// *events is to be freed by weir_client_free; NULL if there are none.
int weir_client_events(struct weir_client *client, uint64_t *after, unsigned wait_seconds,
	struct weir_client_event **events, size_t *count);

// The event that was opened last among those that are open now; waits for one so long if there is
// none. id has WEIR_CLIENT_ID_SIZE bytes. -ENOENT: there is none.
int weir_client_latest(struct weir_client *client, unsigned wait_seconds, char *id);

struct weir_client_terms {
	char id[WEIR_CLIENT_ID_SIZE];
	char state[16];
	char reason[256]; // why it failed, "" otherwise
	char job[WEIR_CLIENT_NAME_SIZE];
	uint32_t round;
	char modulus[8];     // "2^31-1", "2^61-1", "2^32" or "2^64"
	size_t element_size; // 4 or 8 bytes
	uint64_t dimension;
	bool is_fixed_point, is_signed;
	double scale, clip; // fixed point only
	uint64_t bound;     // of a value's absolute value, as an integer
	uint32_t max_clients, min_clients, target_clients, max_weight;
	uint64_t announced_ms, deadline_ms;  // since 1970, UTC
	uint64_t sealed, under_way, aborted; // clients, as the leader counts them: in the sum, not
					     // there yet, in no sum
};

// Fetches an event's announcement and verifies it: the id, the leader's signature, every
// aggregator's signed offer, that the sum cannot wrap, and that the aggregators are exactly the
// required ones. -EBADMSG: something of this does not hold; nothing may be submitted to it.
// -EACCES: this identity may not see it, or there is no such event.
int weir_client_terms(
	struct weir_client *client, const char *event, struct weir_client_terms *terms);

// ---- Submitting ----

enum weir_client_kind {
	WEIR_CLIENT_REALS = 1, // double
	WEIR_CLIENT_INTEGERS,  // int64_t
	WEIR_CLIENT_UNSIGNED,  // uint64_t
	WEIR_CLIENT_ELEMENTS,  // uint32_t or uint64_t (element_size), encoded already: each below
			       // the modulus and standing for a value within the bound
};

struct weir_client_vector {
	enum weir_client_kind kind;
	const void *values;
	size_t count;
};

struct weir_client_submission {
	const char *event;                // id
	struct weir_client_vector vector; // not kept after the call
	uint32_t weight;                  // 0 means 1
	bool again; // allow a vector that was submitted to another event. The difference of two
		    // sums can reveal a vector that is in one with other company than in the other.
	// Send everything once and listen to no aggregator: only in events with forward error
	// correction, which makes up for what is lost on the way.
	bool one_shot;
	bool no_wait;  // one_shot: do not wait for the receipts either
	uint64_t rate; // one_shot: bytes a second to each aggregator; 0: 1.25 million
};

struct weir_client_receipt {
	uint32_t client;  // this client's index in the event
	uint32_t batch;   // the batch it was added in
	size_t clipped;   // coordinates that were cut to -clip .. clip
	bool already;     // it was submitted before: nothing was sent by this call
	char file[4096];  // where the aggregators' signatures are kept
	bool unconfirmed; // no_wait: sent, but whether it is in the sum is not known yet; the same
			  // call without no_wait tells
};

// Submits a vector and returns once every aggregator's receipt has been verified and stored.
//
// Real values in an event of integers must be whole and at most 2^53 in absolute value; integers in
// a fixed-point event are taken as reals. The split is on disk before the first share leaves. If the
// process dies, the same call with the same vector continues with the same bytes.
//
// -EINVAL   the vector does not suit the event (dimension, weight, kind)
// -ERANGE   a value is beyond the event's bound, NaN or infinite; the sentence names its index
// -EEXIST   the vector was submitted to another event, or another vector is under way to this one
// -EBADMSG  the announcement, an answer or a receipt does not verify
// -EACCES   an aggregator refused the join (not in its roster, say)
// -ESHUTDOWN  the event ended, or counted this client nowhere, or failed after it had the receipts
// -EOPNOTSUPP  one_shot, but the event has no forward error correction
// -ETIMEDOUT  nothing moved for the context's timeout; the same call continues
int weir_client_submit(struct weir_client *client, const struct weir_client_submission *submission,
	struct weir_client_receipt *receipt);

struct weir_client_status {
	uint32_t client;
	char state
		[16]; // "joined", "admitted", "committed", "sealed", "aborted"; "none": no join known
	uint32_t batch;    // 0 until committed
	uint32_t receipts; // how many verified
	char reason[256];
};

// This client's own state in an event, from its stored join or receipt and the leader.
int weir_client_status(
	struct weir_client *client, const char *event, struct weir_client_status *status);

// ---- Collecting ----

struct weir_client_aggregate {
	struct weir_client_terms terms;
	uint64_t clients, weight;             // in the sum, and the sum of their weights
	char set_digest[WEIR_CLIENT_ID_SIZE]; // who is in it; the same at every aggregator
	uint64_t dimension;
	int64_t *integers; // the exact sums; if !terms.is_signed to be read as uint64_t
};

// Fetches every aggregator's aggregate share, verifies signatures and that all are about the same
// set of clients, and adds them up. Waits for publication as long as wait_seconds and then gives
// -EAGAIN. -ESHUTDOWN: the event failed. -EBADMSG: a share does not verify or differs from the
// others in more than its elements. To be freed by weir_client_aggregate_free.
int weir_client_collect(struct weir_client *client, const char *event, unsigned wait_seconds,
	struct weir_client_aggregate *aggregate);

// The aggregate as reals: integers / scale for fixed point, else the integers, in double (exact up
// to 2^53). reals has room for aggregate->dimension values.
void weir_client_aggregate_reals(const struct weir_client_aggregate *aggregate, double *reals);
void weir_client_aggregate_free(struct weir_client_aggregate *aggregate);

// Frees what a function above says it frees. NULL is allowed.
void weir_client_free(void *memory);

#ifdef __cplusplus
}
#endif
