// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// CSV as RFC 4180 has it: commas, optional double quotes, LF or CRLF. A first line without any number
// is a header. Every line must have as many cells as the first; lines and columns (in bytes) of
// messages count from 1.

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "vector_file.h"

#define NUMBER_SIZE 512

struct reader {
	const char *name, *at, *end, *line_start;
	size_t line;
	char *message;
};

struct cell {
	const char *text; // trimmed; of a quoted cell what is between the quotes, "" still doubled
	size_t length;
	size_t line, column;
	bool is_last; // of its record
};

enum cell_kind { CELL_NUMBER, CELL_EMPTY, CELL_WORD };

static int refuse(const struct reader *reader, const struct cell *cell, const char *what)
{
	int shown = cell->length > 40 ? 40 : (int)cell->length;
	return weir_file_refuse(reader->message, "%s:%zu:%zu: '%.*s' %s", reader->name, cell->line,
		cell->column, shown, cell->text, what);
}

static size_t column_of(const struct reader *reader, const char *at)
{
	return (size_t)(at - reader->line_start) + 1;
}

static bool at_line_end(const struct reader *reader)
{
	return reader->at == reader->end || *reader->at == '\n' ||
	       (*reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n');
}

static void skip_line_end(struct reader *reader)
{
	if (reader->at < reader->end && *reader->at == '\r')
		reader->at++;
	if (reader->at < reader->end && *reader->at == '\n')
		reader->at++;
	reader->line++;
	reader->line_start = reader->at;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// The text of a quoted cell; at stands behind the opening quote.
static int read_quoted(struct reader *reader, struct cell *cell)
{
	cell->text = reader->at;
	for (; reader->at < reader->end; reader->at++) {
		if (*reader->at == '\n') {
			reader->line++;
			reader->line_start = reader->at + 1;
		}
		if (*reader->at != '"')
			continue;
		if (reader->at + 1 < reader->end && reader->at[1] == '"') {
			reader->at++;
			continue;
		}
		cell->length = (size_t)(reader->at++ - cell->text);
		while (reader->at < reader->end && is_blank(*reader->at))
			reader->at++;
		if (at_line_end(reader) || *reader->at == ',')
			return 0;
		return weir_file_refuse(reader->message,
			"%s:%zu:%zu: something follows a quoted cell", reader->name, reader->line,
			column_of(reader, reader->at));
	}
	return weir_file_refuse(reader->message, "%s:%zu:%zu: a quote is never closed",
		reader->name, cell->line, cell->column);
}

// The next cell. After the last one of a record at stands on the next line.
static int next_cell(struct reader *reader, struct cell *cell)
{
	while (reader->at < reader->end && is_blank(*reader->at))
		reader->at++;
	*cell = (struct cell){
		.text = reader->at, .line = reader->line, .column = column_of(reader, reader->at)};
	if (reader->at < reader->end && *reader->at == '"') {
		reader->at++;
		int error = read_quoted(reader, cell);
		if (error != 0)
			return error;
	} else {
		while (!at_line_end(reader) && *reader->at != ',')
			reader->at++;
		cell->length = (size_t)(reader->at - cell->text);
		while (cell->length > 0 && is_blank(cell->text[cell->length - 1]))
			cell->length--;
	}
	cell->is_last = at_line_end(reader);
	if (cell->is_last)
		skip_line_end(reader);
	else
		reader->at++; // the comma
	return 0;
}

static int read_integer(const struct reader *reader, const struct cell *cell, int64_t *value)
{
	const char *at = cell->text, *end = cell->text + cell->length;
	uint64_t size = 0;
	bool negative = at < end && *at == '-';
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (at == end)
		return refuse(reader, cell, "is not an integer");
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return refuse(
				reader, cell, "is not an integer, but the event sums integers");
		if (__builtin_mul_overflow(size, UINT64_C(10), &size) ||
			__builtin_add_overflow(size, (uint64_t)(*at - '0'), &size))
			return refuse(reader, cell, "does not fit 64 bits");
	}
	if (size > (uint64_t)INT64_MAX + negative)
		return refuse(reader, cell, "does not fit 64 bits");
	*value = (int64_t)(negative ? -size : size);
	return 0;
}

// What strtod would also take, such as "inf", "nan(1)" or "0x1p3", is no number here.
static bool has_number_form(const struct cell *cell)
{
	const char *at = cell->text, *end = cell->text + cell->length;
	size_t digits = 0;
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (; at < end && isdigit((unsigned char)*at); at++)
		digits++;
	if (at < end && *at == '.')
		for (at++; at < end && isdigit((unsigned char)*at); at++)
			digits++;
	if (digits == 0)
		return false;
	if (at == end)
		return true;
	if (*at != 'e' && *at != 'E')
		return false;
	at++;
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (at == end)
		return false;
	while (at < end && isdigit((unsigned char)*at))
		at++;
	return at == end;
}

static int read_real(const struct reader *reader, const struct cell *cell, double *value)
{
	char text[NUMBER_SIZE];
	if (!has_number_form(cell))
		return refuse(reader, cell, "is not a finite number");
	if (cell->length >= sizeof(text))
		return refuse(reader, cell, "has too many digits");
	memcpy(text, cell->text, cell->length);
	text[cell->length] = '\0';
	*value = strtod(text, NULL);
	weir_wipe(text, sizeof(text));
	return isfinite(*value) ? 0 : refuse(reader, cell, "is too large for a double");
}

static enum cell_kind kind_of(const struct cell *cell)
{
	static const char *const odd[] = {"nan", "inf", "infinity"};
	const char *text = cell->text;
	size_t length = cell->length;
	if (length == 0)
		return CELL_EMPTY;
	if (has_number_form(cell))
		return CELL_NUMBER;
	if (*text == '-' || *text == '+')
		text++, length--;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (length == strlen(odd[i]) && strncasecmp(text, odd[i], length) == 0)
			return CELL_NUMBER; // so that it is refused as a value
	return CELL_WORD;
}

// Reads the first record: how many cells, and whether it is a header.
static int read_first(struct reader *reader, size_t *width, bool *is_header)
{
	size_t kinds[3] = {0};
	struct cell cell = {0}, word = {0};
	for (*width = 0; !cell.is_last; (*width)++) {
		int error = next_cell(reader, &cell);
		if (error != 0)
			return error;
		enum cell_kind kind = kind_of(&cell);
		if (kind == CELL_WORD && kinds[CELL_WORD] == 0)
			word = cell;
		kinds[kind]++;
	}
	*is_header = kinds[CELL_NUMBER] == 0 && kinds[CELL_WORD] > 0;
	if (kinds[CELL_WORD] > 0 && !*is_header)
		return refuse(reader, &word,
			"is not a number, and the line is no header, for it has numbers too");
	return 0;
}

// Reads one record of `width` cells; into out unless it is NULL.
static int read_record(
	struct reader *reader, size_t width, bool integers, struct weir_file_vector *out)
{
	struct cell cell = {0};
	size_t line = reader->line, i = 0;
	for (; !cell.is_last; i++) {
		int error = next_cell(reader, &cell);
		if (error != 0)
			return error;
		if (cell.length == 0)
			return weir_file_refuse(reader->message, "%s:%zu:%zu: the cell is empty",
				reader->name, cell.line, cell.column);
		if (i >= width || out == NULL)
			continue;
		error = integers ? read_integer(reader, &cell, (int64_t *)out->vector.values + i)
				 : read_real(reader, &cell, (double *)out->vector.values + i);
		if (error != 0)
			return error;
	}
	if (i != width)
		return weir_file_refuse(reader->message,
			"%s:%zu:1: %zu cells, but the first line has %zu", reader->name, line, i,
			width);
	return 0;
}

static bool only_blank_lines_follow(const struct reader *reader)
{
	for (const char *at = reader->at; at < reader->end; at++)
		if (*at != '\n' && *at != '\r')
			return false;
	return true;
}

int weir_csv_read(const char *name, const char *text, size_t length,
	const struct weir_file_options *options, struct weir_file_vector *out, char *message)
{
	struct reader reader = {.name = name, .message = message, .line = 1, .end = text + length};
	size_t width, rows = 0;
	bool is_header;
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; // a byte order mark
	reader.at = reader.line_start = text;
	if (only_blank_lines_follow(&reader))
		return weir_file_refuse(message, "%s:1:1: the file is empty", name);
	int error = read_first(&reader, &width, &is_header);
	if (error == 0)
		error = weir_file_allocate(out,
			options->integers ? WEIR_CLIENT_INTEGERS : WEIR_CLIENT_REALS, width,
			message);
	if (error == 0 && !is_header) {
		reader.at = reader.line_start = text;
		reader.line = 1;
	}
	while (error == 0 && !only_blank_lines_follow(&reader)) {
		bool wanted = ++rows == (options->row == 0 ? 1 : options->row);
		error = read_record(&reader, width, options->integers, wanted ? out : NULL);
	}
	if (error == 0 && rows == 0)
		error = weir_file_refuse(message, "%s: only a header, no values", name);
	if (error == 0 && options->row == 0 && rows != 1)
		error = weir_file_refuse(
			message, "%s: %zu rows of values; choose one with --row", name, rows);
	if (error == 0 && options->row > rows)
		error = weir_file_refuse(message, "%s: --row %zu, but there are %zu rows of values",
			name, options->row, rows);
	if (error != 0)
		weir_file_free(out);
	return error;
}
