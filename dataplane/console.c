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
	char line[2048];
	int saved_errno = errno;
	va_list arguments;

	snprintf(line, sizeof(line), "%.64s: ", program_invocation_short_name);
	size_t length = strlen(line);
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
