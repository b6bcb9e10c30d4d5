// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "http_connections.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "timers.h"

// While connections are scarce, who has nothing to ask gives way sooner.
#define PATIENCE_CROWDED_MS 5000
#define BODY_BYTES_PER_MS   16
#define BUCKETS             1024

struct address {
	struct address *next;
	uint64_t key;
	size_t count, charged;
};

struct http_connection {
	struct http_connection *next, **link; // among those that a request is awaited from
	struct address *address;
	int descriptor;
	bool shut;
	uint64_t since_ms;
	size_t received;
};

struct http_connections {
	size_t limit, each;
	uint64_t patience_ms;
	struct http_connections_figures figures;
	struct http_connection *awaited;
	uint64_t seed; // so that nobody can choose addresses that meet in one bucket
	struct address *buckets[BUCKETS];
};

// Who has one IPv6 address has 2^64 of them.
static uint64_t key_of(const struct sockaddr *address)
{
	const struct in6_addr *ipv6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
	uint32_t ipv4;
	uint64_t key;

	if (address->sa_family == AF_INET)
		return ((const struct sockaddr_in *)address)->sin_addr.s_addr;
	if (address->sa_family != AF_INET6)
		return UINT64_MAX;
	if (IN6_IS_ADDR_V4MAPPED(ipv6)) {
		memcpy(&ipv4, ipv6->s6_addr + 12, sizeof(ipv4));
		return ipv4;
	}
	memcpy(&key, ipv6->s6_addr, sizeof(key));
	return key;
}

static struct address **bucket_of(struct http_connections *connections, uint64_t key)
{
	return &connections->buckets[((key ^ key >> 32) * connections->seed) >> 54];
}

static struct address *find(struct http_connections *connections, uint64_t key)
{
	struct address *address = *bucket_of(connections, key);

	while (address && address->key != key)
		address = address->next;
	return address;
}

static struct address *find_or_make(struct http_connections *connections, uint64_t key)
{
	struct address *address = find(connections, key);
	struct address **bucket = bucket_of(connections, key);

	if (address)
		return address;
	address = calloc(1, sizeof(*address));
	if (!address)
		return NULL;
	address->key = key;
	address->next = *bucket;
	*bucket = address;
	return address;
}

static void leave(struct http_connections *connections, struct address *address)
{
	struct address **at = bucket_of(connections, address->key);

	if (--address->count)
		return;
	while (*at != address)
		at = &(*at)->next;
	*at = address->next;
	free(address);
}

static void unlink_awaited(struct http_connection *connection)
{
	if (!connection->link)
		return;
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	connection->link = NULL;
}

static void await(struct http_connections *connections, struct http_connection *connection)
{
	connection->since_ms = clock_monotonic_ms();
	connection->received = 0;
	connection->next = connections->awaited;
	connection->link = &connections->awaited;
	if (connection->next)
		connection->next->link = &connection->next;
	connections->awaited = connection;
}

struct http_connections *http_connections_open(size_t limit, size_t each, uint64_t patience_ms)
{
	struct http_connections *connections = calloc(1, sizeof(*connections));

	if (!connections)
		return NULL;
	connections->limit = limit;
	connections->each = each;
	connections->patience_ms = patience_ms;
	if (weir_random_bytes(&connections->seed, sizeof(connections->seed))) {
		free(connections);
		return NULL;
	}
	connections->seed |= 1;
	return connections;
}

void http_connections_close(struct http_connections *connections)
{
	free(connections);
}

bool http_connections_admit(struct http_connections *connections, const struct sockaddr *address)
{
	const struct address *known = find(connections, key_of(address));

	if (!known || known->count < connections->each)
		return true;
	connections->figures.turned_away++;
	return false;
}

struct http_connection *http_connections_add(
	struct http_connections *connections, const struct sockaddr *address, int descriptor)
{
	struct http_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->address = find_or_make(connections, key_of(address));
	if (!connection->address) {
		free(connection);
		return NULL;
	}
	connection->address->count++;
	connection->descriptor = descriptor;
	connections->figures.open++;
	await(connections, connection);
	return connection;
}

void http_connections_remove(
	struct http_connections *connections, struct http_connection *connection)
{
	unlink_awaited(connection);
	leave(connections, connection->address);
	connections->figures.open--;
	free(connection);
}

void http_connection_received(struct http_connection *connection, size_t bytes)
{
	connection->received += bytes;
}

bool http_connection_charge(struct http_connection *connection, size_t bytes, size_t most)
{
	if (connection->address->charged + bytes > most)
		return false;
	connection->address->charged += bytes;
	return true;
}

void http_connection_discharge(struct http_connection *connection, size_t bytes)
{
	connection->address->charged -= bytes;
}

void http_connection_whole(struct http_connections *connections, struct http_connection *connection)
{
	unlink_awaited(connection);
}

void http_connection_again(struct http_connections *connections, struct http_connection *connection)
{
	unlink_awaited(connection);
	await(connections, connection);
}

void http_connections_sweep(struct http_connections *connections)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t patience = connections->patience_ms;

	if (http_connections_crowded(connections) && patience > PATIENCE_CROWDED_MS)
		patience = PATIENCE_CROWDED_MS;
	for (struct http_connection *connection = connections->awaited; connection;
		connection = connection->next) {
		if (connection->shut || now - connection->since_ms <
						patience + connection->received / BODY_BYTES_PER_MS)
			continue;
		connection->shut = true;
		connections->figures.cut++;
		shutdown(connection->descriptor, SHUT_RDWR);
	}
}

bool http_connections_crowded(const struct http_connections *connections)
{
	return 4 * connections->figures.open > 3 * connections->limit;
}

void http_connections_figures(
	const struct http_connections *connections, struct http_connections_figures *figures)
{
	*figures = connections->figures;
}
