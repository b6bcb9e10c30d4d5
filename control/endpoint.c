// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define HOST   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS ".-"

// The port that text is, or 0.
static in_port_t port_of(const char *text)
{
	const size_t digits = strspn(text, DIGITS);

	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return 0;
	const unsigned long port = strtoul(text, NULL, 10);
	return port <= UINT16_MAX ? (in_port_t)port : 0;
}

// The address in brackets that text begins with; returns what is behind it, or NULL.
static const char *bracketed(const char *text, struct in6_addr *address)
{
	char host[INET6_ADDRSTRLEN];
	const char *end = strchr(text, ']');

	if (text[0] != '[' || end == NULL || (size_t)(end - text) > sizeof(host))
		return NULL;
	const size_t length = (size_t)(end - text) - 1;
	memcpy(host, text + 1, length);
	host[length] = '\0';
	return inet_pton(AF_INET6, host, address) == 1 ? end + 1 : NULL;
}

static int parse_ipv4(const char *text, struct sockaddr_in *address)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	address->sin_family = AF_INET;
	address->sin_port = htons(port_of(colon + 1));
	return inet_pton(AF_INET, host, &address->sin_addr) == 1 && address->sin_port != 0
		       ? 0
		       : -EINVAL;
}

static int parse_ipv6(const char *text, struct sockaddr_in6 *address)
{
	const char *rest = bracketed(text, &address->sin6_addr);

	if (rest == NULL || *rest != ':')
		return -EINVAL;
	address->sin6_family = AF_INET6;
	address->sin6_port = htons(port_of(rest + 1));
	return address->sin6_port != 0 ? 0 : -EINVAL;
}

int weir_endpoint_parse(const char *text, struct sockaddr_storage *address, socklen_t *length)
{
	int rc;

	memset(address, 0, sizeof(*address));
	if (text[0] == '[') {
		*length = sizeof(struct sockaddr_in6);
		rc = parse_ipv6(text, (struct sockaddr_in6 *)address);
	} else {
		*length = sizeof(struct sockaddr_in);
		rc = parse_ipv4(text, (struct sockaddr_in *)address);
	}
	if (rc != 0)
		memset(address, 0, sizeof(*address));
	return rc;
}

bool weir_url_is_valid(const char *url)
{
	struct in6_addr address;
	const char *host = NULL;

	if (strncmp(url, "http://", 7) == 0)
		host = url + 7;
	else if (strncmp(url, "https://", 8) == 0)
		host = url + 8;
	else
		return false;
	const char *rest = host[0] == '[' ? bracketed(host, &address) : host + strspn(host, HOST);
	if (rest == NULL || rest == host || host[0] == '.' || host[0] == '-')
		return false;
	return *rest == '\0' || (*rest == ':' && port_of(rest + 1) != 0);
}
