// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "json_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int weir_document_refuse(struct weir_document_error *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	for (char *c = error->message; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return -EBADMSG;
}

int weir_document_no_memory(struct weir_document_error *error)
{
	weir_document_refuse(error, "out of memory");
	return -ENOMEM;
}

int weir_json_load(const char *text, size_t limit, const char *what, json_t **root,
	struct weir_document_error *error)
{
	json_error_t reason;
	const size_t length = strnlen(text, limit + 1);

	*root = NULL;
	if (length > limit)
		return weir_document_refuse(error, "%s: longer than %zu bytes", what, limit);
	*root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
	if (*root == NULL) {
		if (json_error_code(&reason) == json_error_out_of_memory)
			return weir_document_no_memory(error);
		return weir_document_refuse(
			error, "%s: not JSON at byte %d: %s", what, reason.position, reason.text);
	}
	if (!json_is_object(*root)) {
		json_decref(*root);
		*root = NULL;
		return weir_document_refuse(error, "%s: not a JSON object", what);
	}
	return 0;
}

static int read_integer(const json_t *value, const char *what, const struct weir_json_field *field,
	struct weir_document_error *error)
{
	const uint64_t type_most = field->kind == WEIR_JSON_U32 ? UINT32_MAX : INT64_MAX;
	const uint64_t most = field->most != 0 ? field->most : type_most;

	if (!json_is_integer(value))
		return weir_document_refuse(error, "%s: %s is not an integer", what, field->key);
	const json_int_t number = json_integer_value(value);
	if (number < 0 || (uint64_t)number < field->least || (uint64_t)number > most)
		return weir_document_refuse(error,
			"%s: %s is %" JSON_INTEGER_FORMAT ", not in %" PRIu64 " .. %" PRIu64, what,
			field->key, number, field->least, most);
	if (field->kind == WEIR_JSON_U32)
		*(uint32_t *)field->out = (uint32_t)number;
	else
		*(uint64_t *)field->out = (uint64_t)number;
	return 0;
}

static int read_string(const json_t *value, const char *what, const struct weir_json_field *field,
	struct weir_document_error *error)
{
	const char *text = json_string_value(value);

	if (text == NULL)
		return weir_document_refuse(error, "%s: %s is not a string", what, field->key);
	const size_t length = json_string_length(value);
	switch (field->kind) {
	case WEIR_JSON_HEX:
		if (weir_hex_decode(text, field->out, field->size) != 0)
			return weir_document_refuse(error,
				"%s: %s is not %zu lower-case hexadecimal digits", what, field->key,
				2 * field->size);
		return 0;
	case WEIR_JSON_TEXT:
		if (length >= field->size)
			return weir_document_refuse(error, "%s: %s is longer than %zu bytes", what,
				field->key, field->size - 1);
		memcpy(field->out, text, length + 1);
		return 0;
	default:
		if (length > field->size)
			return weir_document_refuse(error, "%s: %s is longer than %zu bytes", what,
				field->key, field->size);
		*(const char **)field->out = text;
		return 0;
	}
}

static int read_other(json_t *value, const char *what, const struct weir_json_field *field,
	struct weir_document_error *error)
{
	switch (field->kind) {
	case WEIR_JSON_NUMBER:
		if (!json_is_number(value))
			return weir_document_refuse(
				error, "%s: %s is not a number", what, field->key);
		*(double *)field->out = json_number_value(value);
		return 0;
	case WEIR_JSON_BOOL:
		if (!json_is_boolean(value))
			return weir_document_refuse(
				error, "%s: %s is not true or false", what, field->key);
		*(bool *)field->out = json_is_true(value);
		return 0;
	case WEIR_JSON_OBJECT:
		if (!json_is_object(value))
			return weir_document_refuse(
				error, "%s: %s is not an object", what, field->key);
		break;
	default:
		if (!json_is_array(value))
			return weir_document_refuse(
				error, "%s: %s is not an array", what, field->key);
		if (json_array_size(value) > field->size)
			return weir_document_refuse(error, "%s: %s has more than %zu values", what,
				field->key, field->size);
		break;
	}
	*(json_t **)field->out = value;
	return 0;
}

int weir_json_read_value(json_t *value, const char *what, const struct weir_json_field *field,
	struct weir_document_error *error)
{
	switch (field->kind) {
	case WEIR_JSON_U32:
	case WEIR_JSON_U64: return read_integer(value, what, field, error);
	case WEIR_JSON_HEX:
	case WEIR_JSON_TEXT:
	case WEIR_JSON_STRING: return read_string(value, what, field, error);
	default: return read_other(value, what, field, error);
	}
}

static bool is_named(const char *key, const struct weir_json_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(key, fields[i].key) == 0)
			return true;
	return false;
}

int weir_json_read(json_t *object, const char *what, const struct weir_json_field *fields,
	size_t count, struct weir_document_error *error)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return weir_document_refuse(error, "%s: not a JSON object", what);
	for (size_t i = 0; i < count; i++) {
		value = json_object_get(object, fields[i].key);
		if (value == NULL)
			return weir_document_refuse(
				error, "%s: %s is missing", what, fields[i].key);
		const int rc = weir_json_read_value(value, what, &fields[i], error);
		if (rc != 0)
			return rc;
	}
	if (json_object_size(object) == count)
		return 0;
	json_object_foreach(object, key,
		value) if (!is_named(key, fields, count)) return weir_document_refuse(error,
		"%s: unknown key %s", what, key);
	return weir_document_refuse(error, "%s: too many keys", what);
}

char *weir_json_text(json_t *root, size_t limit)
{
	if (root == NULL) {
		errno = EINVAL;
		return NULL;
	}
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
	json_decref(root);
	if (text == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (strlen(text) > limit) {
		free(text);
		errno = EMSGSIZE;
		return NULL;
	}
	return text;
}

json_t *weir_json_hex(const void *bytes, size_t size)
{
	char hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];

	if (size > WEIR_SIGNATURE_SIZE)
		return NULL;
	weir_hex_encode(bytes, size, hex);
	return json_string(hex);
}
