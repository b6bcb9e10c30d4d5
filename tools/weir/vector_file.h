// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Vectors in files: .csv, .npy and raw numbers. Every reader is strict: what it does not understand
// completely is an error that says where, never a guess.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "weir.h"

#define WEIR_FILE_MESSAGE_SIZE 512

enum weir_file_format {
	WEIR_FILE_BY_NAME, // by the end of the name: .csv, .npy, .raw or .bin
	WEIR_FILE_CSV,
	WEIR_FILE_NPY,
	WEIR_FILE_RAW,
};

struct weir_file_options {
	enum weir_file_format format;
	size_t row;        // CSV: which row after the header, from 1; 0: the only one
	bool integers;     // CSV: cells are integers, read exactly
	bool raw_integers; // raw: int64, else double; little-endian both
};

struct weir_file_vector {
	struct weir_client_vector vector; // values malloc'd
	size_t bytes;
};

// Reads a file, "-" being standard input. Returns 0, or -errno with a sentence in message that begins
// with the file's name and, for CSV, line and column. A vector from it is to be freed.
int weir_file_read(const char *path, const struct weir_file_options *options,
	struct weir_file_vector *out, char *message);
void weir_file_free(struct weir_file_vector *vector); // wipes

// "csv", "npy" or "raw"; -EINVAL.
int weir_file_format_parse(const char *text, enum weir_file_format *format);
// The format that a file name implies; WEIR_FILE_BY_NAME if none.
enum weir_file_format weir_file_format_of(const char *path);

// The readers, of a text in memory. name is for messages.
int weir_csv_read(const char *name, const char *text, size_t length,
	const struct weir_file_options *options, struct weir_file_vector *out, char *message);
int weir_npy_read(const char *name, const void *bytes, size_t length, struct weir_file_vector *out,
	char *message);
int weir_raw_read(const char *name, const void *bytes, size_t length, bool integers,
	struct weir_file_vector *out, char *message);

// For the readers: writes the sentence, returns -EBADMSG.
int weir_file_refuse(char *message, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Room for count values of 8 bytes. 0 or -ENOMEM with a sentence.
int weir_file_allocate(
	struct weir_file_vector *out, enum weir_client_kind kind, size_t count, char *message);
