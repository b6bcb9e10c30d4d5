// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Members of a roster in a file, one a line: IDENTITY [NAME]. Empty lines and what follows a '#' at
// the beginning of a line or behind a space are left out.
#pragma once

#include <stddef.h>

#include "appliance_config.h"
#include "config_error.h"

struct roster_line {
	char identity[WEIR_HEX_ID];
	char name[64]; // "" if none
	size_t number;
};

struct roster_file {
	struct roster_line *lines; // those with a member
	size_t count;
};

// Returns 0, with the file's content to be freed by roster_file_free, or -errno with "FILE:LINE:
// what; what to do" in error and nothing to free. "-" is standard input.
int roster_file_read(const char *path, struct roster_file *file, struct weir_config_error *error);
void roster_file_free(struct roster_file *file);

// What is wrong with an identity or a name, or NULL.
const char *roster_check_identity(const char *text);
const char *roster_check_name(const char *text);
