// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inside config/: what texts in settings must look like, and the people in them.
//
// The checks return what is wrong and what to write instead, to follow the quoted text, or NULL.
#pragma once

#include "setting_reader.h"

const char *check_identity(const char *text); // 64 lower-case hexadecimal digits
const char *check_modulus(const char *text);  // "2^31-1" and so on
const char *check_name(const char *text);     // [A-Za-z0-9._-]+
const char *check_label(const char *text);    // anything printable
const char *check_url(const char *text);      // http(s)://host[:port], nothing behind it
const char *check_endpoint(const char *text); // address:port that others can send to
const char *check_listen(const char *text);   // address:port; any address will do

// True for "0.0.0.0:..." and "[::]:...". text has passed check_listen.
bool is_wildcard(const char *text);

// Reads a list of { name, identity, url } into peers (as many as the list has), all distinct.
int read_peers(
	struct config_file *file, const config_setting_t *list, struct weir_peer_config *peers);

// Reads a list of { identity, name } into a new array (NULL if the list is empty), all distinct.
int read_members(struct config_file *file, const config_setting_t *list,
	struct weir_member_config **members, size_t *count);

// Reads a list of identities, all distinct.
int read_identities(
	struct config_file *file, const config_setting_t *list, char (*identities)[WEIR_HEX_ID]);
