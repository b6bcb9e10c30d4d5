// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Aggregates in files: one row of CSV, .npy, or raw numbers.
#pragma once

#include "vector_file.h"

#define WEIR_NUMBER_SIZE 64

// Writes to path by way of a temporary file beside it, or to standard output if path is NULL or "-"
// (CSV unless format says otherwise). integers: the exact integers even of fixed-point sums. .npy
// and raw hold <f8 for fixed point, else <i8 or <u8. Returns 0 or -errno with a sentence.
int weir_result_write(const char *path, enum weir_file_format format,
	const struct weir_client_aggregate *aggregate, bool integers, char *message);

// Element i as text. Integers as they are; fixed point as the exact decimal fraction if the scale is a
// power of ten, else as the shortest decimal that reads back as the same double. Returns text.
char *weir_number_format(const struct weir_client_aggregate *aggregate, bool integers, size_t i,
	char text[WEIR_NUMBER_SIZE]);
