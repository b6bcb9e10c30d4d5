// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "checks.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *check_identity(const char *text)
{
	if (strlen(text) != WEIR_HEX_ID - 1 || strspn(text, "0123456789abcdef") != WEIR_HEX_ID - 1)
		return "is not an identity; write its 64 lower-case hexadecimal digits, as "
		       "`weir keygen` prints them";
	return NULL;
}

const char *check_modulus(const char *text)
{
	enum weir_modulus modulus;

	return weir_modulus_parse(text, &modulus) == 0
		       ? NULL
		       : "is not a modulus; write \"2^31-1\", \"2^61-1\", \"2^32\" or \"2^64\"";
}

const char *check_name(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("._-", text[n])))
		n++;
	return n && !text[n] ? NULL : "is not a name; write letters, digits, '.', '_' and '-' only";
}

const char *check_label(const char *text)
{
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return "has a control character; write printable text";
	return NULL;
}

// The port after the last colon, 1 .. 65535, or 0.
static unsigned port_of(const char *text)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (!colon || !isdigit((unsigned char)colon[1]) || strlen(colon + 1) > 5)
		return 0;
	unsigned long port = strtoul(colon + 1, &end, 10);
	return *end || port > 65535 ? 0 : (unsigned)port;
}

const char *check_url(const char *text)
{
	regex_t pattern;
	regmatch_t match[3];
	const char *wrong = "is not a URL of an appliance; write http://HOST:PORT with nothing "
			    "behind it";

	if (regcomp(&pattern,
		    "^https?://(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9]([A-Za-z0-9.-]*))(:[0-9]+)?$",
		    REG_EXTENDED) != 0)
		return "could not be checked: out of memory";
	if (regexec(&pattern, text, 3, match, 0) == 0) {
		const char *host_end = text + match[1].rm_eo;
		wrong = *host_end && !port_of(host_end)
				? "has a port that is not 1 to 65535; write http://HOST:PORT"
				: NULL;
	}
	regfree(&pattern);
	return wrong;
}

struct address {
	int family; // 0: not an address
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

// The address before the last colon.
static struct address address_of(const char *text)
{
	struct address address = {0};
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2];

	if (!length || length >= sizeof(host))
		return address;
	memcpy(host, text, length);
	host[length] = '\0';
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &address.v6) == 1)
			address.family = AF_INET6;
	} else if (inet_pton(AF_INET, host, &address.v4) == 1) {
		address.family = AF_INET;
	}
	return address;
}

const char *check_listen(const char *text)
{
	if (!address_of(text).family)
		return "is not an address and a port; write one such as \"192.0.2.1:9347\" or "
		       "\"[2001:db8::1]:9347\"";
	if (!port_of(text))
		return "has a port that is not 1 to 65535; write one such as \"192.0.2.1:9347\"";
	return NULL;
}

bool is_wildcard(const char *text)
{
	struct address address = address_of(text);

	return address.family == AF_INET ? address.v4.s_addr == INADDR_ANY
					 : IN6_IS_ADDR_UNSPECIFIED(&address.v6);
}

const char *check_endpoint(const char *text)
{
	const char *wrong = check_listen(text);

	if (!wrong && is_wildcard(text))
		wrong = "is not an address that clients can send to; write the dataplane's own";
	return wrong;
}

static const struct setting_rule peer_rules[] = {
	{"identity", SETTING_TEXT, true, SETTING_FIELD(struct weir_peer_config, identity),
		.example = "\"64 hexadecimal digits\"", .check = check_identity},
	{"name", SETTING_TEXT, true, SETTING_FIELD(struct weir_peer_config, name),
		.example = "\"hospital-b\"", .check = check_name},
	{"url", SETTING_TEXT, true, SETTING_FIELD(struct weir_peer_config, url),
		.example = "\"http://192.0.2.1:9347\"", .check = check_url},
};

int read_peers(
	struct config_file *file, const config_setting_t *list, struct weir_peer_config *peers)
{
	size_t n = (size_t)config_setting_length(list);
	int status = 0;

	for (size_t i = 0; status == 0 && i < n; i++)
		status = setting_read_group(
			file, setting_element(list, i), peer_rules, 3, &peers[i]);
	for (size_t r = 0; status == 0 && r < 3; r++)
		status = setting_check_distinct(file, list, peer_rules[r].name, peers,
			sizeof(*peers), peer_rules[r].offset);
	return status;
}

static const struct setting_rule member_rules[] = {
	{"identity", SETTING_TEXT, true, SETTING_FIELD(struct weir_member_config, identity),
		.example = "\"64 hexadecimal digits\"", .check = check_identity},
	{"name", SETTING_TEXT, false, SETTING_FIELD(struct weir_member_config, name),
		.example = "\"alice\"", .check = check_label},
};

int read_members(struct config_file *file, const config_setting_t *list,
	struct weir_member_config **members, size_t *count)
{
	size_t n = (size_t)config_setting_length(list);
	int status = 0;

	if (n == 0)
		return 0;
	*members = calloc(n, sizeof(**members));
	if (!*members) {
		config_file_error(file, NULL, 0, "out of memory; free some or write less");
		return -ENOMEM;
	}
	*count = n;
	for (size_t i = 0; status == 0 && i < n; i++)
		status = setting_read_group(
			file, setting_element(list, i), member_rules, 2, &(*members)[i]);
	if (status == 0)
		status = setting_check_distinct(file, list, "identity", *members, sizeof(**members),
			offsetof(struct weir_member_config, identity));
	return status;
}

int read_identities(
	struct config_file *file, const config_setting_t *list, char (*identities)[WEIR_HEX_ID])
{
	static const struct setting_rule rule = {"identity", SETTING_TEXT, .size = WEIR_HEX_ID,
		.example = "\"64 hexadecimal digits\"", .check = check_identity};
	size_t n = (size_t)config_setting_length(list);
	int status = 0;

	for (size_t i = 0; status == 0 && i < n; i++)
		status = setting_read_element(file, setting_element(list, i), &rule, identities[i]);
	if (status == 0)
		status = setting_check_distinct(file, list, NULL, identities, WEIR_HEX_ID, 0);
	return status;
}
