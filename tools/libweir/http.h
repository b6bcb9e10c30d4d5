// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Signed requests to a control plane (control/README.md "HTTP"), by libcurl. One exchange includes
// its retries: of what may be a passing failure (no connection, a broken one, a 5xx answer) with
// back-off, and once with the server's clock if it says that ours is wrong. That is safe because
// requests are idempotent.
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"

struct weir_http;

struct weir_http_peer {
	char name[64]; // for messages
	char url[256]; // base, without a slash at the end
	struct weir_identity identity;
};

struct weir_http_request {
	const char *method;  // "GET", "POST", "DELETE"
	const char *target;  // path and query
	const char *body;    // JSON; NULL: none
	unsigned wait_s;     // how long the server may take by agreement (wait=S in the target)
	size_t answer_limit; // most bytes of an answer; 0: 8 MiB
	bool any_status;     // a 5xx answer is an answer too, not a failure that may pass
};

struct weir_http_answer {
	long status;
	char *body; // length bytes and a NUL
	size_t length;
};

// The key is borrowed. cancelled ends an exchange; patience_ms is how long failures are retried.
// NULL with errno.
struct weir_http *weir_http_new(
	const struct weir_signing_key *key, const atomic_bool *cancelled, uint64_t patience_ms);
void weir_http_free(struct weir_http *http);

void weir_http_set_patience(struct weir_http *http, uint64_t patience_ms);

// Signs with another key from now on: one connection for several identities.
void weir_http_set_key(struct weir_http *http, const struct weir_signing_key *key);

// Calls back, once an exchange, when it begins to try again: with a sentence that names the peer, what
// failed and how long it goes on.
typedef void weir_http_retry_fn(void *opaque, const char *sentence);
void weir_http_on_retry(struct weir_http *http, weir_http_retry_fn *fn, void *opaque);

// Returns 0 with an answer, of whatever status below 500 (any_status: of any), to be freed by
// weir_http_answer_free.
// -ECANCELED, -ETIMEDOUT (still failing after patience_ms), -EMSGSIZE, -ENOMEM or -EIO with a
// sentence in message (WEIR_CLIENT_TEXT_SIZE bytes) and *answer zeroed.
int weir_http_exchange(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, struct weir_http_answer *answer, char *message);
void weir_http_answer_free(struct weir_http_answer *answer);

// The answer as a JSON object; for a status other than 200 and 202 the peer's own refusal instead:
// its sentence in message, its code word in code (32 bytes; may be NULL), and -EACCES (403),
// -ENOENT (404), -EEXIST (409), -ESHUTDOWN (410), -EBUSY (429) or -EPROTO. -EBADMSG: not what it
// should be. *root is NULL on error, else to be given back with json_decref.
int weir_http_json(const struct weir_http_peer *peer, const struct weir_http_answer *answer,
	json_t **root, char *code, char *message);

// Both at once: the body of the answer as JSON.
int weir_http_call(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, json_t **root, long *status, char *code,
	char *message);
