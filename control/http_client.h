// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Signed JSON requests to the control planes of other appliances, over libcurl's multi interface.
//
// A call is repeated, newly signed and with growing pauses, until it gets an answer that repeating
// would not change: 2xx or 4xx. A peer that is away only delays.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <jansson.h>

#include "appliance_config.h"
#include "identity.h"
#include "timers.h"

#define WEIR_INSTANCE_SIZE 17 // 16 digits, random at each start, in the header Weir-Instance

// Another appliance. One each in struct control, for as long as it lives.
struct peer {
	const struct weir_peer_config *config;
	struct weir_identity identity;
	int64_t clock_offset_ms;           // its clock less ours, as far as it had to tell us
	bool complained;                   // it is away, and we said so
	char instance[WEIR_INSTANCE_SIZE]; // of its last answer; "" before
};

struct http_client;
struct http_call;

// How long to ask a peer to hold a long-poll: whole seconds, at least one.
static inline uint64_t http_client_wait_ms(const struct weir_appliance_config *config)
{
	return config->control.poll_ms < 1000 ? 1000 : config->control.poll_ms / 1000 * 1000;
}

// The answer: status and the JSON body (NULL if it was none), which stays the client's.
typedef void http_call_done(void *context, long status, const json_t *body);

// key and timers are borrowed. NULL with errno.
struct http_client *http_client_open(const struct weir_signing_key *key, struct timers *timers);
// Cancels all calls.
void http_client_close(struct http_client *client);

CURLM *http_client_multi(const struct http_client *client);
// Moves all transfers on and calls back what is done.
void http_client_run(struct http_client *client);

// body is taken over; NULL for none. wait_ms: how long the peer may hold the answer back. The request
// leaves after this turn of the event loop, so after its commit. Returns NULL with errno ENOMEM
// (done is then never called); else the call, which is gone once done has been called.
struct http_call *http_client_send(struct http_client *client, struct peer *peer,
	const char *method, const char *target, json_t *body, uint64_t wait_ms,
	http_call_done *done, void *context);
// done is not called. NULL is allowed.
void http_call_cancel(struct http_call *call);
