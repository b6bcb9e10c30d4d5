// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inside config/: reads a group of settings into a struct by a table of rules, strictly.
//
// A section's file is its table, its defaults (a struct), and the checks that concern more than one
// setting. Unknown settings, wrong types, values out of range and missing required settings are
// reported here, all in the same words.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config_file.h"

enum setting_type {
	SETTING_BOOL,     // bool
	SETTING_COUNT,    // int, uint16_t, uint32_t or uint64_t; a whole number, least .. most
	SETTING_REAL,     // double; finite and above 0
	SETTING_TEXT,     // char[size]
	SETTING_PATH,     // char[size]; relative ones are put behind the file's folder
	SETTING_BYTES,    // uint64_t; "64 MiB", least .. most
	SETTING_DURATION, // uint32_t or uint64_t, milliseconds; "30 s", least .. most
	SETTING_RATE,     // uint64_t, bytes a second; "100 Mbit/s", least .. most
	SETTING_CHOICE,   // an enum; one of the words in choices
	SETTING_GROUP,    // { ... }, by read
	SETTING_LIST,     // ( ... ) or [ ... ], by read
};

struct setting_choice {
	const char *word; // NULL ends the list
	int value;
};

struct setting_rule {
	const char *name;
	enum setting_type type;
	bool required;
	size_t offset, size;  // of the field in the target
	uint64_t least, most; // of the value as stored; of a list, its length
	const char *example;  // what a person could write, as it is written
	const struct setting_choice *choices;
	// SETTING_TEXT: what is wrong with the text and what to write instead, or NULL.
	const char *(*check)(const char *text);
	// SETTING_GROUP and _LIST: the setting into target, the struct that the table fills.
	int (*read)(struct config_file *file, const config_setting_t *setting, void *target);
};

#define SETTING_FIELD(type, field)                                                                 \
	.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

// Reads a group (the root is one). target holds the defaults. Returns 0, or -EINVAL or -ENOMEM with
// the message in the file's error.
int setting_read_group(struct config_file *file, const config_setting_t *group,
	const struct setting_rule *rules, size_t rule_count, void *target);

// One element of a list of numbers or of texts, by a rule of its own (name is not used).
int setting_read_element(struct config_file *file, const config_setting_t *element,
	const struct setting_rule *rule, void *target);

// -EINVAL with "FILE:LINE: SETTING format...", where SETTING is like "dataplane.ports[0].mtu".
int setting_error(struct config_file *file, const config_setting_t *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// The same for a member of the group, whether it is written (then at its line) or not.
int setting_error_in(struct config_file *file, const config_setting_t *group, const char *member,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

// The i-th element of a list; i is below its length.
const config_setting_t *setting_element(const config_setting_t *list, size_t i);

// Refuses two elements of the list with the same key (the array's elements are stride bytes apart
// and each begins with its key, a string, at offset). member is the setting that holds it, NULL if
// the elements are plain strings. Returns 0, -EINVAL or -ENOMEM.
int setting_check_distinct(struct config_file *file, const config_setting_t *list,
	const char *member, const void *array, size_t stride, size_t offset);
