// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "roster_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

#define BLANKS " \t\r\n"

const char *roster_check_identity(const char *text)
{
	struct weir_identity identity;

	return weir_hex_decode(text, identity.bytes, sizeof(identity.bytes)) == 0
		       ? NULL
		       : "is not an identity; write the 64 lower-case hexadecimal digits that weir "
			 "keygen prints";
}

const char *roster_check_name(const char *text)
{
	json_t *json = json_string(text); // NULL if it is not UTF-8
	const char *wrong = NULL;

	if (json == NULL)
		wrong = "is not UTF-8; write the name in UTF-8";
	else if (strlen(text) >= sizeof(((struct roster_line *)0)->name))
		wrong = "is longer than 63 bytes; shorten the name";
	json_decref(json);
	for (const char *c = text; *c != '\0' && wrong == NULL; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			wrong = "has a control character; write printable text";
	return wrong;
}

static int fail(struct weir_config_error *error, const char *path, size_t line, int status,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

// Long paths and words lose their ends; the line stays one.
static int fail(struct weir_config_error *error, const char *path, size_t line, int status,
	const char *format, ...)
{
	char text[300];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (line == 0)
		snprintf(error->message, sizeof(error->message), "%.180s: %s", path, text);
	else
		snprintf(
			error->message, sizeof(error->message), "%.180s:%zu: %s", path, line, text);
	return status;
}

static void cut_comment(char *line)
{
	for (char *c = line; *c != '\0'; c++)
		if (*c == '#' && (c == line || strchr(BLANKS, c[-1]) != NULL)) {
			*c = '\0';
			return;
		}
}

// Returns 0, -EINVAL with what is wrong and the word it is about, or 1 if the line has no member.
static int parse_line(char *line, struct roster_line *member, const char **word, const char **wrong)
{
	cut_comment(line);
	for (size_t end = strlen(line); end > 0 && strchr(BLANKS, line[end - 1]) != NULL; end--)
		line[end - 1] = '\0';
	line += strspn(line, BLANKS);
	if (*line == '\0')
		return 1;
	char *name = line + strcspn(line, BLANKS);
	if (*name != '\0') {
		*name++ = '\0';
		name += strspn(name, BLANKS);
	}
	*word = line;
	*wrong = roster_check_identity(line);
	if (*wrong != NULL)
		return -EINVAL;
	*word = name;
	*wrong = roster_check_name(name);
	if (*wrong != NULL)
		return -EINVAL;
	strcpy(member->identity, line);
	strcpy(member->name, name);
	return 0;
}

static int by_identity(const void *a, const void *b)
{
	const struct roster_line *const *left = a, *const *right = b;
	int order = strcmp((*left)->identity, (*right)->identity);

	return order != 0 ? order : ((*left)->number > (*right)->number) * 2 - 1;
}

// Twice the same identity is a slip of whoever wrote the file: which name would count?
static int check_distinct(
	const struct roster_file *file, const char *path, struct weir_config_error *error)
{
	const struct roster_line **order = calloc(file->count + 1, sizeof(*order));
	int status = 0;

	if (order == NULL)
		return fail(error, path, 0, -ENOMEM, "out of memory");
	for (size_t i = 0; i < file->count; i++)
		order[i] = &file->lines[i];
	qsort(order, file->count, sizeof(*order), by_identity);
	for (size_t i = 1; i < file->count && status == 0; i++)
		if (strcmp(order[i - 1]->identity, order[i]->identity) == 0)
			status = fail(error, path, order[i]->number, -EINVAL,
				"%s stands in line %zu already; remove one of the two",
				order[i]->identity, order[i - 1]->number);
	free(order);
	return status;
}

static struct roster_line *next_line(struct roster_file *file, size_t *room)
{
	if (file->count == *room) {
		size_t more = *room == 0 ? 64 : *room * 2;
		void *grown = reallocarray(file->lines, more, sizeof(*file->lines));
		if (grown == NULL)
			return NULL;
		file->lines = grown;
		*room = more;
	}
	return &file->lines[file->count];
}

static int read_lines(
	FILE *in, const char *path, struct roster_file *file, struct weir_config_error *error)
{
	char *line = NULL;
	size_t line_room = 0, room = 0;
	int status = 0;
	ssize_t length;

	for (size_t number = 1; status == 0 && (length = getline(&line, &line_room, in)) >= 0;
		number++) {
		const char *word, *wrong;
		struct roster_line *member = next_line(file, &room);

		if (member == NULL) {
			status = fail(error, path, 0, -ENOMEM, "out of memory");
		} else if (strlen(line) != (size_t)length) {
			status = fail(error, path, number, -EINVAL,
				"has a NUL byte; write lines of text: IDENTITY [NAME]");
		} else {
			status = parse_line(line, member, &word, &wrong);
			member->number = number;
			if (status < 0)
				fail(error, path, number, status, "'%.80s' %s", word, wrong);
			else
				file->count += status == 0;
			status = status < 0 ? status : 0;
		}
	}
	if (status == 0 && ferror(in))
		status = fail(error, path, 0, -EIO, "cannot be read: %s", strerror(errno));
	free(line);
	return status;
}

int roster_file_read(const char *path, struct roster_file *file, struct weir_config_error *error)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "r");

	*file = (struct roster_file){0};
	if (in == NULL)
		return fail(error, path, 0, -errno, "cannot be opened: %s", strerror(errno));
	int status = read_lines(in, path, file, error);
	if (!is_stdin)
		fclose(in);
	if (status == 0)
		status = check_distinct(file, path, error);
	if (status != 0)
		roster_file_free(file);
	return status;
}

void roster_file_free(struct roster_file *file)
{
	free(file->lines);
	*file = (struct roster_file){0};
}
