// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "fec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/erasure_code.h>

#define TABLE_SIZE 32 // bytes that ec_init_tables makes of one coefficient

struct weir_fec {
	struct weir_fec_parameters parameters;
	// Row j, column i: what parity chunk j has of data chunk i. Every square part of a Cauchy
	// matrix is invertible, so a group of fewer chunks just uses the first columns.
	uint8_t matrix[WEIR_FEC_PARITY_MAX * WEIR_FEC_DATA_MAX];
};

// Missing data chunks, and as many parity chunks to make up for them.
struct erasures {
	uint32_t count;
	uint8_t chunks[WEIR_FEC_PARITY_MAX];
	uint8_t parity[WEIR_FEC_PARITY_MAX];
};

bool weir_fec_parameters_valid(struct weir_fec_parameters parameters)
{
	return parameters.data >= 1 && parameters.data <= WEIR_FEC_DATA_MAX &&
	       parameters.parity >= 1 && parameters.parity <= WEIR_FEC_PARITY_MAX;
}

// Cauchy: 1 / (x_j + y_i) with x_j = data + j and y_i = i, all different; + is exclusive or here.
struct weir_fec *weir_fec_new(struct weir_fec_parameters parameters)
{
	struct weir_fec *fec;

	if (!weir_fec_parameters_valid(parameters)) {
		errno = EINVAL;
		return NULL;
	}
	fec = calloc(1, sizeof(*fec));
	if (!fec)
		return NULL;
	fec->parameters = parameters;
	for (uint32_t j = 0; j < parameters.parity; j++)
		for (uint32_t i = 0; i < parameters.data; i++)
			fec->matrix[j * WEIR_FEC_DATA_MAX + i] =
				gf_inv((uint8_t)((parameters.data + j) ^ i));
	return fec;
}

void weir_fec_free(struct weir_fec *fec)
{
	free(fec);
}

static uint8_t coefficient(const struct weir_fec *fec, uint32_t parity, uint32_t chunk)
{
	return fec->matrix[parity * WEIR_FEC_DATA_MAX + chunk];
}

// ISA-L forgets const; it does not write to its sources.
static void multiply(const uint8_t *coefficients, uint32_t rows, uint32_t columns, size_t length,
	const void *const *sources, void *const *results)
{
	uint8_t tables[TABLE_SIZE * WEIR_FEC_DATA_MAX];

	// A row at a time, so that the tables of one row are on the stack and in the cache.
	for (uint32_t row = 0; row < rows; row++) {
		uint8_t *result = results[row];

		ec_init_tables((int)columns, 1, (uint8_t *)(uintptr_t)coefficients + row * columns,
			tables);
		ec_encode_data((int)length, (int)columns, 1, tables, (uint8_t **)(uintptr_t)sources,
			&result);
	}
}

void weir_fec_encode(const struct weir_fec *fec, uint32_t n, size_t length,
	const void *const *chunks, void *const *parity)
{
	uint8_t rows[WEIR_FEC_PARITY_MAX * WEIR_FEC_DATA_MAX];

	for (uint32_t j = 0; j < fec->parameters.parity; j++)
		memcpy(rows + j * n, fec->matrix + j * WEIR_FEC_DATA_MAX, n);
	multiply(rows, fec->parameters.parity, n, length, chunks, parity);
}

static int find_erasures(const struct weir_fec *fec, uint32_t n, const void *const *chunks,
	const void *const *parity, struct erasures *erasures)
{
	uint32_t spare = 0;

	erasures->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (chunks[i])
			continue;
		if (erasures->count == fec->parameters.parity)
			return -ENODATA;
		erasures->chunks[erasures->count++] = (uint8_t)i;
	}
	for (uint32_t j = 0; j < fec->parameters.parity && spare < erasures->count; j++)
		if (parity[j])
			erasures->parity[spare++] = (uint8_t)j;
	return spare < erasures->count ? -ENODATA : 0;
}

// The inverse of the part of the matrix that takes the missing chunks to the spare parity chunks.
static int invert(const struct weir_fec *fec, const struct erasures *erasures, uint8_t *inverse)
{
	uint8_t square[WEIR_FEC_PARITY_MAX * WEIR_FEC_PARITY_MAX];
	uint32_t m = erasures->count;

	for (uint32_t j = 0; j < m; j++)
		for (uint32_t e = 0; e < m; e++)
			square[j * m + e] =
				coefficient(fec, erasures->parity[j], erasures->chunks[e]);
	return gf_invert_matrix(square, inverse, (int)m) ? -EINVAL : 0;
}

// Missing chunk e as a combination of the n sources: a parity chunk stands in each missing chunk's
// column. parity_j = sum over missing + sum over present, so missing = inverse x (parity + present).
static void combine(const struct weir_fec *fec, const struct erasures *erasures,
	const uint8_t *inverse, uint32_t n, const void *const *chunks, uint32_t e, uint8_t *row)
{
	uint32_t m = erasures->count, next = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t sum = 0;

		if (!chunks[i]) {
			row[i] = inverse[e * m + next++];
			continue;
		}
		for (uint32_t j = 0; j < m; j++)
			sum ^= gf_mul(inverse[e * m + j], coefficient(fec, erasures->parity[j], i));
		row[i] = sum;
	}
}

int weir_fec_recover(const struct weir_fec *fec, uint32_t n, size_t length,
	const void *const *chunks, const void *const *parity, void *const *out)
{
	uint8_t inverse[WEIR_FEC_PARITY_MAX * WEIR_FEC_PARITY_MAX];
	const void *sources[WEIR_FEC_DATA_MAX];
	uint8_t row[WEIR_FEC_DATA_MAX];
	struct erasures erasures;
	uint32_t next = 0;
	int error;

	if (n < 1 || n > fec->parameters.data)
		return -EINVAL;
	error = find_erasures(fec, n, chunks, parity, &erasures);
	if (error || erasures.count == 0)
		return error;
	error = invert(fec, &erasures, inverse);
	if (error)
		return error;
	for (uint32_t i = 0; i < n; i++)
		sources[i] = chunks[i] ? chunks[i] : parity[erasures.parity[next++]];
	for (uint32_t e = 0; e < erasures.count; e++) {
		void *result = out[erasures.chunks[e]];

		if (!result)
			continue;
		combine(fec, &erasures, inverse, n, chunks, e, row);
		multiply(row, 1, n, length, sources, &result);
	}
	return 0;
}
