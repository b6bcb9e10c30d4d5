// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The HTTP server: libmicrohttpd driven by the event loop, without threads of its own.
//
// A request is handled when its whole body is there. A handler answers it, or lets it wait on a list
// (a long-poll); woken or at its deadline it is handled again. What a handler answers while the
// store has uncommitted writes leaves only after the turn's commit.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <microhttpd.h>

#include "http_connections.h"
#include "identity.h"
#include "wait_list.h"

struct control;
struct event;
struct route;

struct request {
	struct request *next, **link;            // in a wait list, the ready or the held list
	struct request *next_waiting, **waiting; // among all that wait, for the deadlines
	struct http_server *server;
	struct control *control;
	struct MHD_Connection *connection;
	struct http_connection *open;
	char *target;       // as sent: path and query
	const char *method; // GET, POST, DELETE, or another
	char *body;         // with a NUL behind it; NULL if there is none
	size_t length, capacity, limit;
	size_t charged; // of the room that large bodies share
	bool began, too_large, no_memory, suspended;
	struct MHD_Response *response; // the answer, once there is one
	unsigned status;
	uint64_t deadline_ms; // monotonic, of the wait; 0: not waited yet
	// filled by the API's dispatcher
	const struct route *route;
	bool has_event, bad_index; // the path names an event; a client, but not by a number
	struct weir_identity caller;
	unsigned access; // what the caller is, enum api_access
	struct event *event;
	uint32_t index;
	uint64_t after, wait_s;
};

struct http_server_figures {
	uint64_t requests, refused; // answered; of them with a 4xx or 5xx
	size_t waiting;
	struct http_connections_figures connections;
};

struct http_server;

// Listens on control's configured address. NULL with a line logged.
struct http_server *http_server_open(struct control *control);
// Answers all that wait with 503 and closes.
void http_server_close(struct http_server *server);
int http_server_descriptor(const struct http_server *server);
// Milliseconds until the server must run again; -1: only when its descriptor is ready.
int http_server_timeout(const struct http_server *server);
// Accepts, reads, handles and writes what it can without waiting.
void http_server_run(struct http_server *server);
// After the turn's commit: lets the held answers go and handles woken requests again.
void http_server_answer(struct http_server *server);
void http_server_figures(const struct http_server *server, struct http_server_figures *figures);

// Answers; body is taken over. Each ends the request's handling.
void request_answer(struct request *request, unsigned status, json_t *body);
void request_error(struct request *request, unsigned status, const char *code, const char *format,
	...) __attribute__((format(printf, 4, 5)));
// bytes are malloc'd and taken over.
void request_bytes(
	struct request *request, unsigned status, const char *type, void *bytes, size_t size);
// Lets the request wait on the list: at most wait_s of its query (or default_s if that is 0), and never
// longer than the config's poll time. False: it has waited long enough (or must not), answer now.
bool request_wait(struct request *request, struct wait_list *list, uint64_t default_s);
// The same for what the caller has not asked to wait for: at most as long as a long-poll may.
bool request_delay(struct request *request, struct wait_list *list);
