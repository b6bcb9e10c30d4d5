// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Strict reading of JSON objects into C variables, for the documents and for the bodies of the HTTP
// API: every key that is named must be there with the right type and in range, and no other key may
// be. Duplicate keys, NUL characters and invalid UTF-8 are refused by the parser.
//
// All functions return 0, -EBADMSG or -ENOMEM with a sentence in error, which is printable ASCII
// whatever the input was, so that it may go to a log or into an answer as it is.
#pragma once

#include <jansson.h>

#include "documents.h"

enum weir_json_kind {
	WEIR_JSON_U32,    // uint32_t, least .. most
	WEIR_JSON_U64,    // uint64_t, least .. most, and always below 2^63
	WEIR_JSON_NUMBER, // double; an integer or a real
	WEIR_JSON_BOOL,   // bool
	WEIR_JSON_HEX,    // uint8_t[size], from 2 * size lower-case digits
	WEIR_JSON_TEXT,   // char[size]: copied, with its NUL
	WEIR_JSON_STRING, // const char *: borrowed from the JSON value, at most size bytes without NUL
	WEIR_JSON_OBJECT, // json_t *: borrowed
	WEIR_JSON_ARRAY,  // json_t *: borrowed, at most size values
};

struct weir_json_field {
	const char *key;
	enum weir_json_kind kind;
	void *out;
	size_t size;
	uint64_t least, most; // most 0: no limit but the type's
};

// Writes a sentence into error and returns -EBADMSG.
int weir_document_refuse(struct weir_document_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

// Says in error that memory ran out and returns -ENOMEM.
int weir_document_no_memory(struct weir_document_error *error);

// Parses text, of at most limit bytes, which must be one JSON object; `what` names it in messages.
// *root is to be given back with json_decref, and NULL on error.
int weir_json_load(const char *text, size_t limit, const char *what, json_t **root,
	struct weir_document_error *error);

// Reads exactly these fields of value, which must be an object. Outputs may have been written in
// part when it fails.
int weir_json_read(json_t *value, const char *what, const struct weir_json_field *fields,
	size_t count, struct weir_document_error *error);

// One value, named `key` in messages: field->key is not looked up.
int weir_json_read_value(json_t *value, const char *what, const struct weir_json_field *field,
	struct weir_document_error *error);

// The JSON as a malloc'd text (compact, reals with 17 significant digits); root is given back in
// any case and may be NULL. NULL with errno EINVAL (root NULL: some string was no UTF-8, or memory
// ran out while it was built), ENOMEM, or EMSGSIZE if it is longer than limit.
char *weir_json_text(json_t *root, size_t limit);

// `bytes` in hexadecimal as a JSON string.
json_t *weir_json_hex(const void *bytes, size_t size);
