// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inside config/: one libconfig file being read, and how everything wrong with it is reported.
#pragma once

#include <libconfig.h>

#include "appliance_config.h"

struct config_file {
	const char *path;           // as the caller gave it; used in messages
	char folder[WEIR_PATH_MAX]; // of the file; "" is the current one
	config_t tree;
	struct weir_config_error *error; // the first thing wrong
};

// Reads and parses the file and those it includes. Returns 0, with file to be closed, or -errno
// (-ENOENT, -EACCES, -EINVAL and what else fopen has) with the message in error and nothing to
// close. path and error must outlive file.
int config_file_open(struct config_file *file, const char *path, struct weir_config_error *error);
void config_file_close(struct config_file *file);

// Reads the file into a zeroed struct of that size, which release frees. fill returns 0, or -errno with the
// message in the error. NULL with errno if the file or its content is not good.
typedef int config_fill(struct config_file *file, void *config);
typedef void config_release(void *config);
void *config_file_load(const char *path, size_t size, config_fill *fill, config_release *release,
	struct weir_config_error *error);

// folder/name, or name itself if that is absolute. Returns 0 or -ENAMETOOLONG.
int config_file_join(const struct config_file *file, const char *name, char *out, size_t size);

// Writes "FILE:LINE: ..." into the error, in one line whatever the file contains; long paths lose
// their beginning. Returns -EINVAL. source is the included file's path, NULL for the file itself.
int config_file_error(struct config_file *file, const char *source, unsigned line,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

// The text of a regular file, NUL-terminated, to be freed; NULL with errno. EINVAL: it is not a
// regular file; EFBIG: it is larger than any config has a reason to be; EILSEQ: it has a NUL byte.
char *config_file_slurp(const char *path);

// Finds what libconfig 1.5 would take without a word, or would answer by ending the process:
// integers that it would wrap, comments and includes that are never closed, includes that are
// missing, not files, or endless. Returns 0 or -EINVAL with the message in the error.
int config_scan(struct config_file *file, const char *text);
