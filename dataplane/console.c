// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void console(const char *format, ...)
{
	static const char prefix[] = "weir-dataplane: ";
	char line[2048];
	size_t length = sizeof(prefix) - 1;
	int saved_errno = errno;
	va_list arguments;

	memcpy(line, prefix, length);
	va_start(arguments, format);
	vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	va_end(arguments);
	length = strlen(line);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0) {
		// Nobody listens; there is no other place to say so.
	}
	errno = saved_errno;
}
