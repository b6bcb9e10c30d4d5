// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "result_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NPY_ALIGNMENT 64

// k if scale is 10^k for a k that doubles hold exactly, else -1.
static int power_of_ten(double scale)
{
	double power = 1.0;
	for (int k = 0; k <= 18; k++, power *= 10.0)
		if (scale == power)
			return k;
	return -1;
}

static void format_integer(bool is_signed, int64_t integer, char text[WEIR_NUMBER_SIZE])
{
	if (is_signed)
		snprintf(text, WEIR_NUMBER_SIZE, "%" PRId64, integer);
	else
		snprintf(text, WEIR_NUMBER_SIZE, "%" PRIu64, (uint64_t)integer);
}

// integer / 10^k, without trailing zeros.
static void format_decimal(int64_t integer, int k, char text[WEIR_NUMBER_SIZE])
{
	char digits[32];
	uint64_t size = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
	int n = snprintf(digits, sizeof(digits), "%0*" PRIu64, k + 1, size);
	int end = n;
	while (end > n - k && digits[end - 1] == '0')
		end--;
	int whole = n - k;
	snprintf(text, WEIR_NUMBER_SIZE, "%s%.*s%s%.*s", integer < 0 ? "-" : "", whole, digits,
		end > whole ? "." : "", end - whole, digits + whole);
}

static void format_double(double value, char text[WEIR_NUMBER_SIZE])
{
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(text, WEIR_NUMBER_SIZE, "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			return;
	}
}

char *weir_number_format(const struct weir_client_aggregate *aggregate, bool integers, size_t i,
	char text[WEIR_NUMBER_SIZE])
{
	const struct weir_client_terms *terms = &aggregate->terms;
	int64_t integer = aggregate->integers[i];
	int k = terms->is_fixed_point && !integers ? power_of_ten(terms->scale) : -1;
	if (!terms->is_fixed_point || integers)
		format_integer(terms->is_signed, integer, text);
	else if (k >= 0)
		format_decimal(integer, k, text);
	else
		format_double((double)integer / terms->scale, text);
	return text;
}

static void write_csv(FILE *file, const struct weir_client_aggregate *aggregate, bool integers)
{
	char text[WEIR_NUMBER_SIZE];
	for (uint64_t i = 0; i < aggregate->dimension; i++)
		fprintf(file, "%s%s", i == 0 ? "" : ",",
			weir_number_format(aggregate, integers, i, text));
	fputc('\n', file);
}

static void write_npy_header(
	FILE *file, const struct weir_client_aggregate *aggregate, bool as_reals)
{
	char header[256];
	const char *type = as_reals ? "<f8" : aggregate->terms.is_signed ? "<i8" : "<u8";
	int n = snprintf(header, sizeof(header),
		"{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ",), }", type,
		aggregate->dimension);
	int size = (10 + n + 1 + NPY_ALIGNMENT - 1) / NPY_ALIGNMENT * NPY_ALIGNMENT - 10;
	const unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0,
		(unsigned char)(size & 0xff), (unsigned char)(size >> 8)};
	fwrite(start, 1, sizeof(start), file);
	fprintf(file, "%-*s\n", size - 1, header);
}

static int write_values(FILE *file, const struct weir_client_aggregate *aggregate, bool as_reals)
{
	if (!as_reals) {
		fwrite(aggregate->integers, sizeof(int64_t), aggregate->dimension, file);
		return 0;
	}
	double *reals = malloc(aggregate->dimension * sizeof(double));
	if (reals == NULL)
		return -ENOMEM;
	weir_client_aggregate_reals(aggregate, reals);
	fwrite(reals, sizeof(double), aggregate->dimension, file);
	free(reals);
	return 0;
}

static int write_to(FILE *file, enum weir_file_format format,
	const struct weir_client_aggregate *aggregate, bool integers)
{
	bool as_reals = aggregate->terms.is_fixed_point && !integers;
	int error = 0;
	if (format == WEIR_FILE_CSV) {
		write_csv(file, aggregate, integers);
	} else {
		if (format == WEIR_FILE_NPY)
			write_npy_header(file, aggregate, as_reals);
		error = write_values(file, aggregate, as_reals);
	}
	if (error == 0 && (fflush(file) != 0 || ferror(file)))
		error = errno != 0 ? -errno : -EIO;
	return error;
}

// A reader of the file sees the old one or the new one, never a half.
static int write_file(const char *path, enum weir_file_format format,
	const struct weir_client_aggregate *aggregate, bool integers)
{
	char temporary[4096 + 16];
	if (snprintf(temporary, sizeof(temporary), "%s.tmp-%d", path, (int)getpid()) >=
		(int)sizeof(temporary))
		return -ENAMETOOLONG;
	FILE *file = fopen(temporary, "wxe");
	if (file == NULL)
		return -errno;
	int error = write_to(file, format, aggregate, integers);
	if (error == 0 && fsync(fileno(file)) != 0)
		error = -errno;
	if (fclose(file) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(temporary, path) != 0)
		error = -errno;
	if (error != 0)
		unlink(temporary);
	return error;
}

int weir_result_write(const char *path, enum weir_file_format format,
	const struct weir_client_aggregate *aggregate, bool integers, char *message)
{
	bool is_output = path == NULL || strcmp(path, "-") == 0;
	if (format == WEIR_FILE_BY_NAME)
		format = is_output ? WEIR_FILE_CSV : weir_file_format_of(path);
	if (format == WEIR_FILE_BY_NAME) {
		weir_file_refuse(message,
			"%s: the name does not say what to write: give --format csv, npy or raw",
			path);
		return -EINVAL;
	}
	int error = is_output ? write_to(stdout, format, aggregate, integers)
			      : write_file(path, format, aggregate, integers);
	if (error != 0)
		weir_file_refuse(message, "%s: cannot write: %s",
			is_output ? "standard output" : path, strerror(-error));
	return error;
}
