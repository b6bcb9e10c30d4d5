// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX       (256 << 20) // a roster of two million lines
#define SHOWN_PATH_MAX 200

int config_file_join(const struct config_file *file, const char *name, char *out, size_t size)
{
	bool alone = name[0] == '/' || !file->folder[0];
	int n = alone ? snprintf(out, size, "%s", name)
		      : snprintf(out, size, "%s/%s", file->folder, name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

// The message may quote the file, so it may hold anything: one printable line is left.
static void flatten(char *message)
{
	for (char *p = message; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
}

static void report(struct config_file *file, const char *source, unsigned line, const char *format,
	va_list arguments)
{
	struct weir_config_error *error = file->error;
	const char *path = source ? source : file->path;
	size_t length = strlen(path);
	const char *cut = length > SHOWN_PATH_MAX ? "..." : "";
	char where[16] = "";

	if (line)
		snprintf(where, sizeof(where), ":%u", line);
	path += length > SHOWN_PATH_MAX ? length - SHOWN_PATH_MAX : 0;
	size_t n = (size_t)snprintf(
		error->message, sizeof(error->message), "%s%s%s: ", cut, path, where);
	vsnprintf(error->message + n, sizeof(error->message) - n, format, arguments);
	flatten(error->message);
}

int config_file_error(
	struct config_file *file, const char *source, unsigned line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report(file, source, line, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static char *read_all(FILE *stream, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		return NULL;
	size_t n = fread(text, 1, size, stream);
	text[n] = '\0';
	if (ferror(stream) || strlen(text) != n) {
		errno = ferror(stream) ? EIO : EILSEQ;
		free(text);
		return NULL;
	}
	return text;
}

char *config_file_slurp(const char *path)
{
	struct stat status;
	char *text = NULL;
	FILE *stream = NULL;

	if (stat(path, &status) != 0)
		return NULL;
	if (!S_ISREG(status.st_mode))
		errno = EINVAL; // and do not open it: a pipe would hang, a folder ends libconfig
	else if (status.st_size > TEXT_MAX)
		errno = EFBIG;
	else if ((stream = fopen(path, "re")))
		text = read_all(stream, (size_t)status.st_size);
	if (stream) {
		int saved = errno;
		fclose(stream);
		errno = saved;
	}
	return text;
}

static const char *slurp_hint(int error)
{
	switch (error) {
	case ENOENT: return "no such file; check the path";
	case EACCES: return "permission denied; make the file readable for this user";
	case EINVAL: return "not a regular file; name a config file";
	case EFBIG: return "larger than 256 MiB; split it or name another file";
	case EILSEQ: return "contains a NUL byte; write it as plain text";
	}
	return strerror(error);
}

static const char *parse_hint(const char *text)
{
	if (strcmp(text, "duplicate setting name") == 0)
		return "keep only one of the two";
	if (strcmp(text, "mismatched element type in array") == 0)
		return "write elements of one type between [ and ]";
	return "look for a missing quote, bracket or semicolon here or just before";
}

static int parse(struct config_file *file, const char *text)
{
	char source[WEIR_PATH_MAX];
	const char *name, *message;

	config_init(&file->tree);
	config_set_include_dir(&file->tree, file->folder[0] ? file->folder : ".");
	if (config_read_string(&file->tree, text) == CONFIG_TRUE)
		return 0;
	name = config_error_file(&file->tree);
	message = config_error_text(&file->tree);
	if (!message)
		message = "not understood";
	if (name && config_file_join(file, name, source, sizeof(source)) == 0)
		name = source;
	config_file_error(file, name, (unsigned)config_error_line(&file->tree), "%s; %s", message,
		parse_hint(message));
	config_destroy(&file->tree);
	return -EINVAL;
}

int config_file_open(struct config_file *file, const char *path, struct weir_config_error *error)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	char *text;
	int status;

	*file = (struct config_file){.path = path, .error = error};
	error->message[0] = '\0';
	if (strlen(path) >= WEIR_PATH_MAX) {
		config_file_error(
			file, NULL, 0, "path too long; use at most %d bytes", WEIR_PATH_MAX - 1);
		return -ENAMETOOLONG;
	}
	memcpy(file->folder, slash == path ? "/" : path, slash == path ? 1 : length);

	text = config_file_slurp(path);
	if (!text) {
		status = errno ? -errno : -EIO;
		config_file_error(file, NULL, 0, "cannot be read: %s", slurp_hint(-status));
		return status == -EILSEQ || status == -EFBIG ? -EINVAL : status;
	}
	status = config_scan(file, text);
	if (status == 0)
		status = parse(file, text);
	free(text);
	return status;
}

void config_file_close(struct config_file *file)
{
	config_destroy(&file->tree);
}

void *config_file_load(const char *path, size_t size, config_fill *fill, config_release *release,
	struct weir_config_error *error)
{
	struct config_file file;
	void *config = NULL;
	int status = config_file_open(&file, path, error);

	if (status == 0) {
		config = calloc(1, size);
		if (config) {
			status = fill(&file, config);
		} else {
			config_file_error(&file, NULL, 0, "out of memory; free some and try again");
			status = -ENOMEM;
		}
		config_file_close(&file);
	}
	if (status != 0) {
		if (config)
			release(config);
		errno = -status;
		return NULL;
	}
	return config;
}
