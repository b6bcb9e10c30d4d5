// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "vectors.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

static void require(bool holds, const char *what, const char *name)
{
	if (holds)
		return;
	fprintf(stderr, "test vectors: %s %s\n", name, what);
	abort();
}

json_t *vectors_load(const char *name)
{
	char path[4096];
	json_error_t error;

	snprintf(path, sizeof(path), WEIR_VECTORS "/%s", name);
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	require(root != NULL, error.text, path);
	return root;
}

json_t *vectors_member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	require(value != NULL, "is missing", key);
	return value;
}

const char *vectors_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(vectors_member(object, key));

	require(text != NULL, "is no string", key);
	return text;
}

uint64_t vectors_integer(const json_t *object, const char *key)
{
	const json_t *value = vectors_member(object, key);

	require(json_is_integer(value), "is no integer", key);
	return (uint64_t)json_integer_value(value);
}

void vectors_bytes(const json_t *object, const char *key, void *bytes, size_t size)
{
	require(weir_hex_decode(vectors_text(object, key), bytes, size) == 0,
		"is not hexadecimal of that size", key);
}

uint8_t *vectors_alloc_value(const json_t *value, size_t *size)
{
	const char *hex = json_string_value(value);

	require(hex != NULL, "is no string", "value");
	*size = strlen(hex) / 2;
	uint8_t *bytes = malloc(*size + 1); // + 1: never NULL for want of bytes
	require(bytes != NULL && weir_hex_decode(hex, bytes, *size) == 0, "is not hexadecimal",
		hex);
	return bytes;
}

uint8_t *vectors_alloc(const json_t *object, const char *key, size_t *size)
{
	return vectors_alloc_value(vectors_member(object, key), size);
}
