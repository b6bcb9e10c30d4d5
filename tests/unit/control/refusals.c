// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "refusals.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define PLACE "@here@"

static char *dump(json_t *root)
{
	return json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
}

// text with the first `from` replaced.
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *made = NULL;
	cr_assert_not_null(at);
	cr_assert_geq(
		asprintf(&made, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
	return made;
}

char *text_with(json_t *root, json_t *object, const char *key, const char *raw)
{
	json_t *kept = json_incref(json_object_get(object, key));
	json_object_set_new(object, key, json_string(PLACE));
	char *marked = dump(root);
	if (kept != NULL)
		json_object_set_new(object, key, kept);
	else
		json_object_del(object, key);
	char *made = replaced(marked, "\"" PLACE "\"", raw);
	free(marked);
	return made;
}

void assert_refused(parse_function *parse, const char *text)
{
	cr_assert_eq(parse(text), -EBADMSG, "accepted: %.3000s", text);
}

void assert_accepted(parse_function *parse, const char *text)
{
	cr_assert_eq(parse(text), 0, "refused: %.3000s", text);
}

void assert_value_refused(
	parse_function *parse, json_t *root, json_t *object, const char *key, const char *raw)
{
	char *text = text_with(root, object, key, raw);
	assert_refused(parse, text);
	free(text);
}

void assert_value_accepted(
	parse_function *parse, json_t *root, json_t *object, const char *key, const char *raw)
{
	char *text = text_with(root, object, key, raw);
	assert_accepted(parse, text);
	free(text);
}

static void assert_without_key(parse_function *parse, json_t *root, json_t *object, const char *key)
{
	json_t *kept = json_incref(json_object_get(object, key));
	json_object_del(object, key);
	char *text = dump(root);
	assert_refused(parse, text);
	free(text);
	// in place of it: as many keys as before
	json_object_set(object, "surplus", kept);
	text = dump(root);
	assert_refused(parse, text);
	free(text);
	json_object_del(object, "surplus");
	json_object_set_new(object, key, kept);
}

static void assert_key_twice(parse_function *parse, json_t *root, json_t *object, const char *key)
{
	char *value = json_dumps(json_object_get(object, key), JSON_ENCODE_ANY);
	char *twice = NULL;
	cr_assert_geq(asprintf(&twice, "%s,\"%s\":%s", value, key, value), 0);
	assert_value_refused(parse, root, object, key, twice);
	free(twice);
	free(value);
}

// Values that have no place where an integer, a real, a string and so on belongs.
static void assert_type(parse_function *parse, json_t *root, json_t *object, const char *key)
{
	static const char *const never[] = {"null", "", "nul", "1e400", "-1", "'x'", "\"\\u0000\"",
		"\"\xff\"", "\"\xc0\x80\"", "{\"a\":1}", "[null]"};
	static const char *const no_integer[] = {"1.0", "1.5", "1e0", "9223372036854775808",
		"18446744073709551616", "\"1\"", "01", "+1", "0x1", "true", "[]", "{}",
		"-9223372036854775808", "-0.0"};
	static const char *const no_real[] = {"\"1\"", "true", "[]", "{}", "NaN", "Infinity", "1."};
	static const char *const no_string[] = {"1", "1.5", "true", "[]", "{}", "\"a"};
	static const char *const no_bool[] = {"0", "1", "\"true\"", "True", "[]", "{}"};
	static const char *const no_array[] = {"1", "1.5", "true", "\"\"", "{}", "[1.5]", "["};
	static const char *const no_object[] = {"1", "1.5", "true", "\"\"", "[]", "{"};
#define TRY(list)                                                                                  \
	for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)                              \
	assert_value_refused(parse, root, object, key, (list)[i])
	TRY(never);
	switch (json_typeof(json_object_get(object, key))) {
	case JSON_INTEGER: TRY(no_integer); break;
	case JSON_REAL: TRY(no_real); break;
	case JSON_STRING: TRY(no_string); break;
	case JSON_ARRAY: TRY(no_array); break;
	case JSON_OBJECT: TRY(no_object); break;
	default: TRY(no_bool); break;
	}
#undef TRY
}

// An identity, a key, a digest or a signature is hexadecimal of one length and case.
static void assert_hex(parse_function *parse, json_t *root, json_t *object, const char *key)
{
	const char *right = json_string_value(json_object_get(object, key));
	if (right == NULL || (strlen(right) != 64 && strlen(right) != 128) ||
		strspn(right, "0123456789abcdef") != strlen(right))
		return;
	char wrong[160];
	const int length = (int)strlen(right);
	snprintf(wrong, sizeof(wrong), "\"%.*s\"", length - 1, right);
	assert_value_refused(parse, root, object, key, wrong);
	snprintf(wrong, sizeof(wrong), "\"%s0\"", right);
	assert_value_refused(parse, root, object, key, wrong);
	snprintf(wrong, sizeof(wrong), "\"%.*sA\"", length - 1, right);
	assert_value_refused(parse, root, object, key, wrong);
	snprintf(wrong, sizeof(wrong), "\"%.*sg\"", length - 1, right);
	assert_value_refused(parse, root, object, key, wrong);
	assert_value_refused(parse, root, object, key, "\"\"");
}

void assert_strict(parse_function *parse, json_t *root, json_t *object)
{
	char *keys[32];
	size_t count = 0;
	const char *key;
	json_t *value;
	char *text = dump(root);
	assert_accepted(parse, text);
	free(text);
	json_object_foreach(object, key, value) keys[count++] = strdup(key);
	for (size_t i = 0; i < count; i++) {
		assert_without_key(parse, root, object, keys[i]);
		assert_key_twice(parse, root, object, keys[i]);
		assert_type(parse, root, object, keys[i]);
		assert_hex(parse, root, object, keys[i]);
		free(keys[i]);
	}
	assert_value_refused(parse, root, object, "surplus", "1");
	assert_value_refused(parse, root, object, "", "1");
}

void assert_whole_texts_refused(parse_function *parse, const char *text)
{
	static const char *const wrong[] = {"", " ", "null", "1", "\"\"", "[]", "{}", "{", "}"};
	static const char *const formats[] = {"%s%s", "%s{}", "%s,", "[%s]", "\xef\xbb\xbf%s",
		"%s]", "// \n%s", "%sx", "{\"a\":%s}"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(parse, wrong[i]);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const size_t size = 2 * strlen(text) + 16;
		char *made = malloc(size);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(made, size, formats[i], text, text);
#pragma GCC diagnostic pop
		assert_refused(parse, made);
		free(made);
	}
	for (size_t length = 0; length < strlen(text); length += 1 + length / 64) {
		char *cut = strndup(text, length);
		assert_refused(parse, cut);
		free(cut);
	}
}

void assert_limit(parse_function *parse, const char *text, size_t limit)
{
	char *padded = malloc(limit + 2);
	memset(padded, ' ', limit + 2);
	memcpy(padded, text, strlen(text));
	padded[limit] = '\0';
	assert_accepted(parse, padded);
	padded[limit] = ' ';
	padded[limit + 1] = '\0';
	assert_refused(parse, padded);
	free(padded);
}

void assert_survives_noise(parse_function *parse, const char *text, unsigned rounds)
{
	uint64_t random = 88172645463325252u; // xorshift64
	char *noisy = strdup(text);
	for (unsigned i = 0; i < rounds; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		const size_t at = random % strlen(text);
		noisy[at] = random & 1 << 20 ? (char)(random >> 32)
					     : text[(random >> 24) % strlen(text)];
		if (noisy[at] == '\0')
			noisy[at] = ' ';
		parse(noisy);
		if (i % 3 == 0)
			memcpy(noisy, text, strlen(text));
	}
	free(noisy);
}

void check_outcome(int rc, const char *message, const void *output, size_t size)
{
	const unsigned char *bytes = output;
	if (rc == 0)
		return;
	cr_assert_eq(rc, -EBADMSG);
	cr_assert_neq(message[0], '\0');
	for (const char *c = message; *c != '\0'; c++)
		cr_assert(*c >= ' ' && *c <= '~', "%s", message);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(bytes[i], 0, "byte %zu of the output", i);
}
