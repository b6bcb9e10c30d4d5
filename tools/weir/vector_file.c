// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "vector_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

int weir_file_refuse(char *message, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, WEIR_FILE_MESSAGE_SIZE, format, arguments);
	va_end(arguments);
	for (char *c = message; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EBADMSG;
}

int weir_file_allocate(
	struct weir_file_vector *out, enum weir_client_kind kind, size_t count, char *message)
{
	out->bytes = count * sizeof(uint64_t);
	void *values = count > SIZE_MAX / sizeof(uint64_t) ? NULL : malloc(out->bytes);
	if (values == NULL) {
		weir_file_refuse(message, "out of memory for %zu values", count);
		return -ENOMEM;
	}
	out->vector = (struct weir_client_vector){kind, values, count};
	return 0;
}

void weir_file_free(struct weir_file_vector *vector)
{
	void *values = (void *)vector->vector.values;
	if (values != NULL)
		weir_wipe(values, vector->bytes);
	free(values);
	memset(vector, 0, sizeof(*vector));
}

int weir_file_format_parse(const char *text, enum weir_file_format *format)
{
	static const char *const names[] = {"csv", "npy", "raw"};
	for (int i = 0; i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*format = (enum weir_file_format)(WEIR_FILE_CSV + i);
			return 0;
		}
	return -EINVAL;
}

enum weir_file_format weir_file_format_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	if (dot == NULL)
		return WEIR_FILE_BY_NAME;
	if (strcmp(dot, ".csv") == 0)
		return WEIR_FILE_CSV;
	if (strcmp(dot, ".npy") == 0)
		return WEIR_FILE_NPY;
	return strcmp(dot, ".raw") == 0 || strcmp(dot, ".bin") == 0 ? WEIR_FILE_RAW
								    : WEIR_FILE_BY_NAME;
}

int weir_raw_read(const char *name, const void *bytes, size_t length, bool integers,
	struct weir_file_vector *out, char *message)
{
	if (length == 0 || length % 8 != 0)
		return weir_file_refuse(message,
			"%s: %zu bytes are not a whole number of 8-byte %s", name, length,
			integers ? "integers" : "doubles");
	int error = weir_file_allocate(
		out, integers ? WEIR_CLIENT_INTEGERS : WEIR_CLIENT_REALS, length / 8, message);
	if (error == 0)
		memcpy((void *)out->vector.values, bytes, length);
	return error;
}

// The whole of a file that may be a pipe, with a NUL behind it.
static char *slurp(int fd, size_t *length)
{
	size_t room = 65536, used = 0;
	char *bytes = malloc(room);
	while (bytes != NULL) {
		if (used + 1 == room) {
			char *grown = realloc(bytes, room * 2);
			if (grown == NULL)
				break;
			bytes = grown;
			room *= 2;
		}
		ssize_t got = read(fd, bytes + used, room - used - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		if (got == 0) {
			bytes[used] = '\0';
			*length = used;
			return bytes;
		}
		used += (size_t)got;
	}
	int error = bytes == NULL ? ENOMEM : errno;
	free(bytes);
	errno = error;
	return NULL;
}

int weir_file_read(const char *path, const struct weir_file_options *options,
	struct weir_file_vector *out, char *message)
{
	bool is_input = strcmp(path, "-") == 0;
	const char *name = is_input ? "standard input" : path;
	enum weir_file_format format = options->format;
	size_t length = 0;
	memset(out, 0, sizeof(*out));
	if (format == WEIR_FILE_BY_NAME)
		format = weir_file_format_of(path);
	if (format == WEIR_FILE_BY_NAME)
		return weir_file_refuse(message,
			"%s: the name does not say what it is: give --format csv, npy or raw",
			name);
	if (options->row != 0 && format != WEIR_FILE_CSV)
		return weir_file_refuse(message, "%s: --row is for CSV files", name);
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = fd < 0 ? NULL : slurp(fd, &length);
	int error = bytes == NULL ? -errno : 0;
	if (error != 0)
		weir_file_refuse(message, "%s: cannot read: %s", name, strerror(-error));
	if (fd >= 0 && !is_input)
		close(fd);
	if (error != 0)
		return error;
	if (format == WEIR_FILE_CSV)
		error = weir_csv_read(name, bytes, length, options, out, message);
	else if (format == WEIR_FILE_NPY)
		error = weir_npy_read(name, bytes, length, out, message);
	else
		error = weir_raw_read(name, bytes, length, options->raw_integers, out, message);
	weir_wipe(bytes, length);
	free(bytes);
	if (error != 0)
		weir_file_free(out);
	return error;
}
