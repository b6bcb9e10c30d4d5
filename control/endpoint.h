// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Where an aggregator is reached: "10.77.0.2:9347", "[2001:db8::1]:9347" for shares, a base URL for
// its control plane.
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

// A numeric address and a port of 1 .. 65535, never a name to be resolved. Fills address (a
// sockaddr_in or sockaddr_in6) and its length. Returns 0, or -EINVAL with address zeroed.
int weir_endpoint_parse(const char *text, struct sockaddr_storage *address, socklen_t *length);

// True for http:// or https://, a host (a name, or an address, IPv6 in brackets), perhaps a port,
// and nothing behind it.
bool weir_url_is_valid(const char *url);
