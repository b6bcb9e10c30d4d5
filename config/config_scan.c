// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What libconfig 1.5 must not be shown. It reads 4294967297 as 1, ends the process when an included
// path is a folder, and takes a comment that is never closed for the end of the file. This is not
// a parser: it only knows where strings, comments, numbers and includes begin and end.

#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCLUDE_DEPTH_MAX 8 // libconfig stops at 10
#define INCLUDES_MAX      64

struct scan {
	struct config_file *file;
	const char *source; // NULL for the file itself
	const char *at;
	unsigned line;
	unsigned depth;
	unsigned *includes; // so far, all files together
};

static int scan_text(struct scan *scan);

#define scan_error(scan, line, ...)                                                                \
	config_file_error((scan)->file, (scan)->source, (line), __VA_ARGS__)

// After the opening quote; to after the closing one.
static int skip_string(struct scan *scan)
{
	unsigned opened = scan->line;

	for (; *scan->at; scan->at++) {
		if (*scan->at == '"') {
			scan->at++;
			return 0;
		}
		if (*scan->at == '\\' && (scan->at[1] == '"' || scan->at[1] == '\\'))
			scan->at++;
		else if (*scan->at == '\n')
			scan->line++;
	}
	return scan_error(scan, opened, "string is never closed; add the missing \"");
}

static int skip_comment(struct scan *scan)
{
	unsigned opened = scan->line;

	for (; *scan->at; scan->at++) {
		if (scan->at[0] == '*' && scan->at[1] == '/') {
			scan->at += 2;
			return 0;
		}
		if (*scan->at == '\n')
			scan->line++;
	}
	return scan_error(scan, opened, "comment is never closed; add the missing */");
}

static size_t fraction_length(const char *p)
{
	const char *start = p;

	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	if (*p == 'e' || *p == 'E') {
		const char *exponent = p + 1 + (p[1] == '+' || p[1] == '-');
		if (isdigit((unsigned char)*exponent))
			p = exponent + strspn(exponent, "0123456789");
	}
	return (size_t)(p - start);
}

static int skip_number(struct scan *scan)
{
	const char *start = scan->at;
	const char *digits = start + (*start == '+' || *start == '-');
	size_t length = strspn(digits, "0123456789");
	char *end;

	if (length == 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
		scan->at = digits + 2 + strspn(digits + 2, "0123456789abcdefABCDEF");
		return scan_error(scan, scan->line, "%.*s is hexadecimal; write it in decimal",
			(int)(scan->at - start > 40 ? 40 : scan->at - start), start);
	}
	scan->at = digits + length;
	length = fraction_length(scan->at);
	scan->at += length;
	if (length)
		return 0;
	errno = 0;
	long long value = strtoll(start, &end, 10);
	if (*scan->at == 'L') {
		if (errno)
			return scan_error(scan, scan->line,
				"%.40s... does not fit 64 bits; write a smaller number", start);
		scan->at += 1 + (scan->at[1] == 'L');
	} else if (errno || value > INT32_MAX || value < INT32_MIN) {
		int shown = (int)(scan->at - start > 40 ? 40 : scan->at - start);
		return scan_error(scan, scan->line,
			"%.*s does not fit 32 bits; write it with an L behind it (%.*sL)", shown,
			start, shown, start);
	}
	return 0;
}

static const char *include_hint(int error)
{
	switch (error) {
	case ENOENT: return "there is no such file; paths are relative to the main file's folder";
	case EINVAL: return "it is not a regular file";
	case EILSEQ: return "it contains a NUL byte";
	}
	return strerror(error);
}

static int enter_include(struct scan *scan, const char *name)
{
	char path[WEIR_PATH_MAX];

	if (scan->depth == INCLUDE_DEPTH_MAX || ++*scan->includes > INCLUDES_MAX)
		return scan_error(scan, scan->line,
			"too many includes (does a file include itself?); at most %d deep, %d in "
			"all",
			INCLUDE_DEPTH_MAX, INCLUDES_MAX);
	// libconfig 1.5 would put the folder before it, later ones would not.
	if (name[0] == '/')
		return scan_error(scan, scan->line,
			"cannot include \"%.100s\"; write a path relative to the main file's "
			"folder",
			name);
	if (config_file_join(scan->file, name, path, sizeof(path)) != 0)
		return scan_error(scan, scan->line, "path of the include is too long; shorten it");
	char *text = config_file_slurp(path);
	if (!text)
		return scan_error(scan, scan->line, "cannot include \"%.100s\": %s", name,
			include_hint(errno));
	struct scan inner = {.file = scan->file,
		.source = path,
		.at = text,
		.line = 1,
		.depth = scan->depth + 1,
		.includes = scan->includes};
	int status = scan_text(&inner);
	free(text);
	return status;
}

// At the start of a line: an include if there is one, else nothing.
static int skip_include(struct scan *scan)
{
	const char *p = scan->at + strspn(scan->at, " \t");
	char name[WEIR_PATH_MAX];

	if (strncmp(p, "@include", 8) != 0)
		return 0;
	p += 8;
	size_t blanks = strspn(p, " \t");
	if (!blanks || p[blanks] != '"')
		return scan_error(scan, scan->line,
			"include without a name; write @include "
			"\"file.cfg\" on a line of its own");
	p += blanks + 1;
	size_t length = strcspn(p, "\"\\\n");
	if (p[length] != '"' || length == 0 || length >= sizeof(name))
		return scan_error(scan, scan->line,
			"name of the include is empty, too long, or "
			"not closed; write @include \"file.cfg\"");
	memcpy(name, p, length);
	name[length] = '\0';
	scan->at = p + length + 1;
	return enter_include(scan, name);
}

// To the end of the line, which libconfig wants to be there: without, it sees a syntax error.
static int skip_line(struct scan *scan)
{
	scan->at += strcspn(scan->at, "\n");
	if (!*scan->at)
		return scan_error(
			scan, scan->line, "file ends in a comment; add a newline behind it");
	return 0;
}

static void skip_name(struct scan *scan)
{
	while (isalnum((unsigned char)*scan->at) || (*scan->at && strchr("-_*", *scan->at)))
		scan->at++;
}

static int scan_token(struct scan *scan)
{
	char c = *scan->at, next = scan->at[1];

	if (c == '"') {
		scan->at++;
		return skip_string(scan);
	}
	if (c == '/' && next == '*') {
		scan->at += 2;
		return skip_comment(scan);
	}
	if (c == '#' || (c == '/' && next == '/'))
		return skip_line(scan);
	if (isdigit((unsigned char)c) || c == '.' ||
		((c == '+' || c == '-') && isdigit((unsigned char)next)))
		return skip_number(scan);
	if (isalpha((unsigned char)c) || c == '*')
		skip_name(scan);
	else
		scan->at++;
	return 0;
}

static int scan_text(struct scan *scan)
{
	int status = skip_include(scan);

	while (status == 0 && *scan->at) {
		if (*scan->at == '\n') {
			scan->at++;
			scan->line++;
			status = skip_include(scan);
		} else {
			status = scan_token(scan);
		}
	}
	return status;
}

int config_scan(struct config_file *file, const char *text)
{
	unsigned includes = 0;
	struct scan scan = {.file = file, .at = text, .line = 1, .includes = &includes};

	return scan_text(&scan);
}
