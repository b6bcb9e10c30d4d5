// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The HTTP server's open connections: how many an address has, and how long each has kept it waiting
// for a whole request. Requests that are whole may wait as long as they like; there is a limit for
// those elsewhere (poll).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_connections;
struct http_connection;

struct http_connections_figures {
	size_t open;
	uint64_t turned_away; // their address had as many as it may have
	uint64_t cut;         // no whole request in time
};

// limit: all together; each: of one address (IPv6: of one /64). patience_ms: a request must be whole so
// long after its connection was made or the answer before it had left, and a body a second later for
// every 16 kB of it. NULL: out of memory.
struct http_connections *http_connections_open(size_t limit, size_t each, uint64_t patience_ms);
void http_connections_close(struct http_connections *connections);

// May this address have one more? Counts it as turned away if not.
bool http_connections_admit(struct http_connections *connections, const struct sockaddr *address);

// A connection, which waits for its first request from now on. NULL: out of memory.
struct http_connection *http_connections_add(
	struct http_connections *connections, const struct sockaddr *address, int descriptor);
void http_connections_remove(
	struct http_connections *connections, struct http_connection *connection);

// It has sent so much of a body; the whole request; its answer has left and the next may come.
void http_connection_received(struct http_connection *connection, size_t bytes);
void http_connection_whole(
	struct http_connections *connections, struct http_connection *connection);
void http_connection_again(
	struct http_connections *connections, struct http_connection *connection);

// Bytes that the connection's address holds of something shared. False: it would be more than most.
bool http_connection_charge(struct http_connection *connection, size_t bytes, size_t most);
void http_connection_discharge(struct http_connection *connection, size_t bytes);

// Shuts down those that have taken too long, so that the server closes them. To be called every
// second or so.
void http_connections_sweep(struct http_connections *connections);

// More than three quarters of the limit are open.
bool http_connections_crowded(const struct http_connections *connections);
void http_connections_figures(
	const struct http_connections *connections, struct http_connections_figures *figures);
