// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// NumPy's .npy (NEP 1), versions 1 and 2: magic, version, length of the header, the header as a
// Python dictionary with exactly `descr`, `fortran_order` and `shape`, then the values.

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vector_file.h"

#define MAGIC      "\x93NUMPY"
#define MAGIC_SIZE 6
#define WORD_SIZE  16

struct scanner {
	const char *at, *end;
};

struct header {
	char descr[WORD_SIZE];
	bool fortran_order;
	uint64_t count;
	bool has_descr, has_order, has_shape;
};

static void skip_blanks(struct scanner *scanner)
{
	while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\n'))
		scanner->at++;
}

static bool take(struct scanner *scanner, char c)
{
	skip_blanks(scanner);
	if (scanner->at == scanner->end || *scanner->at != c)
		return false;
	scanner->at++;
	return true;
}

static bool take_word(struct scanner *scanner, const char *word)
{
	size_t length = strlen(word);
	skip_blanks(scanner);
	if ((size_t)(scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0)
		return false;
	scanner->at += length;
	return true;
}

static bool take_string(struct scanner *scanner, char out[WORD_SIZE])
{
	size_t n = 0;
	skip_blanks(scanner);
	if (scanner->at == scanner->end || (*scanner->at != '\'' && *scanner->at != '"'))
		return false;
	char quote = *scanner->at++;
	for (; scanner->at < scanner->end && *scanner->at != quote; scanner->at++) {
		if (n + 1 == WORD_SIZE || *scanner->at == '\\' || *scanner->at == '\0')
			return false;
		out[n++] = *scanner->at;
	}
	out[n] = '\0';
	return take(scanner, quote);
}

// "(30,)": one dimension, without a leading zero or anything but digits.
static bool take_shape(struct scanner *scanner, uint64_t *count)
{
	if (!take(scanner, '('))
		return false;
	skip_blanks(scanner);
	const char *start = scanner->at;
	for (*count = 0; scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
		scanner->at++)
		if (__builtin_mul_overflow(*count, UINT64_C(10), count) ||
			__builtin_add_overflow(*count, (uint64_t)(*scanner->at - '0'), count))
			return false;
	size_t digits = (size_t)(scanner->at - start);
	return digits > 0 && (digits == 1 || *start != '0') && take(scanner, ',') &&
	       take(scanner, ')');
}

static bool take_item(struct scanner *scanner, struct header *header)
{
	char key[WORD_SIZE];
	if (!take_string(scanner, key) || !take(scanner, ':'))
		return false;
	if (strcmp(key, "descr") == 0 && !header->has_descr) {
		header->has_descr = true;
		return take_string(scanner, header->descr);
	}
	if (strcmp(key, "fortran_order") == 0 && !header->has_order) {
		header->has_order = true;
		header->fortran_order = take_word(scanner, "True");
		return header->fortran_order || take_word(scanner, "False");
	}
	if (strcmp(key, "shape") == 0 && !header->has_shape) {
		header->has_shape = true;
		return take_shape(scanner, &header->count);
	}
	return false;
}

static bool parse_header(const char *text, size_t length, struct header *header)
{
	struct scanner scanner = {text, text + length};
	memset(header, 0, sizeof(*header));
	if (!take(&scanner, '{'))
		return false;
	do {
		if (!take_item(&scanner, header))
			return false;
	} while (take(&scanner, ',') &&
		 !(header->has_descr && header->has_order && header->has_shape));
	if (!take(&scanner, '}'))
		return false;
	skip_blanks(&scanner);
	return scanner.at == scanner.end && header->has_descr && header->has_order &&
	       header->has_shape;
}

// Value i of a type like "f8"; integers as int64, or as uint64 for u8.
static void convert(char kind, unsigned size, const char *from, size_t count, void *out)
{
	for (size_t i = 0; i < count; i++, from += size) {
		uint64_t bits = 0;
		memcpy(&bits, from, size); // little-endian, like the machine
		bits = le64toh(bits);
		if (kind == 'f' && size == 4) {
			uint32_t half = (uint32_t)bits;
			float narrow;
			memcpy(&narrow, &half, sizeof(narrow));
			((double *)out)[i] = narrow;
			continue;
		}
		unsigned shift = 64 - 8 * size;
		if (kind == 'i')
			bits = (uint64_t)((int64_t)(bits << shift) >> shift);
		((uint64_t *)out)[i] = bits;
	}
}

// The header's place: 0, or -EBADMSG.
static int find_header(const char *name, const uint8_t *bytes, size_t length, const char **text,
	size_t *text_length, char *message)
{
	if (length < MAGIC_SIZE + 4 || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
		return weir_file_refuse(message, "%s: not a .npy file", name);
	uint8_t major = bytes[MAGIC_SIZE], minor = bytes[MAGIC_SIZE + 1];
	if ((major != 1 && major != 2) || minor != 0)
		return weir_file_refuse(message,
			"%s: .npy version %u.%u; 1.0 and 2.0 are understood", name, major, minor);
	size_t field = major == 1 ? 2 : 4, start = MAGIC_SIZE + 2 + field;
	uint32_t size = 0;
	if (length >= start)
		memcpy(&size, bytes + MAGIC_SIZE + 2, field);
	size = le32toh(size);
	if (length < start || size > length - start)
		return weir_file_refuse(message, "%s: the .npy header is cut off", name);
	*text = (const char *)bytes + start;
	*text_length = size;
	return 0;
}

int weir_npy_read(const char *name, const void *bytes, size_t length, struct weir_file_vector *out,
	char *message)
{
	static const char *const types[] = {
		"f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"};
	const char *text = NULL, *type = NULL;
	size_t text_length = 0;
	struct header header;
	int error = find_header(name, bytes, length, &text, &text_length, message);
	if (error != 0)
		return error;
	if (!parse_header(text, text_length, &header))
		return weir_file_refuse(message,
			"%s: the .npy header is not that of a one-dimensional array", name);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(header.descr + 1, types[i]) == 0 &&
			(header.descr[0] == '<' || (header.descr[0] == '|' && types[i][1] == '1')))
			type = types[i];
	if (type == NULL)
		return weir_file_refuse(message,
			"%s: values of type '%s'; <f8, <f4, <i8, <i4, <i2, |i1 and the unsigned "
			"ones "
			"are understood: convert with astype",
			name, header.descr);
	if (header.fortran_order)
		return weir_file_refuse(message, "%s: Fortran order; save it in C order", name);
	unsigned size = (unsigned)(type[1] - '0');
	size_t start = (size_t)(text - (const char *)bytes) + text_length;
	if (header.count == 0 || header.count != (length - start) / size ||
		(length - start) % size != 0)
		return weir_file_refuse(message,
			"%s: %zu bytes of values, but the header says %" PRIu64 " of %u bytes",
			name, length - start, header.count, size);
	enum weir_client_kind kind = type[0] == 'f'                ? WEIR_CLIENT_REALS
				     : type[0] == 'u' && size == 8 ? WEIR_CLIENT_UNSIGNED
								   : WEIR_CLIENT_INTEGERS;
	error = weir_file_allocate(out, kind, header.count, message);
	if (error == 0)
		convert(type[0], size, text + text_length, header.count,
			(void *)out->vector.values);
	return error;
}
