// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Small changes to a JSON text that a strict parser must refuse: every key of an object missing,
// given twice, of another type, negative, too large or with a fraction; a key too many.
#pragma once

#include <jansson.h>

// Parses; returns what the function under test returned, having asserted that it says why it
// refused and that it left its output zeroed.
typedef int parse_function(const char *text);

// A value of the object replaced by raw text, which need not be valid JSON; malloc'd.
char *text_with(json_t *root, json_t *object, const char *key, const char *raw);

void assert_refused(parse_function *parse, const char *text);
void assert_accepted(parse_function *parse, const char *text);

// With one value replaced.
void assert_value_refused(
	parse_function *parse, json_t *root, json_t *object, const char *key, const char *raw);
void assert_value_accepted(
	parse_function *parse, json_t *root, json_t *object, const char *key, const char *raw);

// All of the changes above to every key of object, which is root or somewhere in it.
void assert_strict(parse_function *parse, json_t *root, json_t *object);

// Texts that are wrong as a whole, made from a right one: garbage around it, other encodings.
void assert_whole_texts_refused(parse_function *parse, const char *text);

// Spaces up to the limit are accepted, one more is not.
void assert_limit(parse_function *parse, const char *text, size_t limit);

// Random bytes changed: nothing breaks (the sanitizers look).
void assert_survives_noise(parse_function *parse, const char *text, unsigned rounds);

// Asserts what a parse_function promises of its output.
void check_outcome(int rc, const char *message, const void *output, size_t size);
