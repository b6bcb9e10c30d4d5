// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "log.h"

#include <stdarg.h>
#include <stdio.h>

#include "event_book.h"

// What others wrote stays on its line and moves no cursor. U+0080 .. U+009F, two bytes each, could too.
static void make_plain(char *line)
{
	for (unsigned char *c = (unsigned char *)line; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
}

void log_line(const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	make_plain(line);
	fprintf(stderr, "weir-control: %s\n", line);
}

void log_event(const struct event *event, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	make_plain(line);
	fprintf(stderr, "weir-control: event %.12s: %s\n", event->id, line);
}
