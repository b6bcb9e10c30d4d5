// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "encode.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static int refuse_value(struct weir_client *client, size_t index, const char *what)
{
	return weir_client_fail(client, -ERANGE, "element %zu (counting from 0) %s", index, what);
}

static int beyond_bound(struct weir_client *client, const struct weir_event_terms *terms,
	size_t index, const char *value)
{
	return weir_client_fail(client, -ERANGE,
		"element %zu (counting from 0) is %s, but the event takes integers from %s%" PRIu64
		" to %" PRIu64,
		index, value, terms->encoding.is_signed ? "-" : "",
		terms->encoding.is_signed ? terms->encoding.bound : 0, terms->encoding.bound);
}

static int encode_reals(struct weir_client *client, const struct weir_event_terms *terms,
	const double *reals, void *elements, size_t *clipped)
{
	size_t bad = 0;
	int error = weir_encode_reals(
		terms->modulus, &terms->encoding, reals, terms->dimension, elements, clipped, &bad);
	if (error == -EDOM)
		return refuse_value(client, bad, "is not a finite number");
	if (error != 0)
		return weir_client_fail(client, error, "the event's encoding is not possible: %s",
			strerror(-error));
	return 0;
}

static int encode_integers(struct weir_client *client, const struct weir_event_terms *terms,
	const int64_t *integers, void *elements)
{
	char value[32];
	size_t bad = 0;
	int error = weir_encode_integers(
		terms->modulus, &terms->encoding, integers, terms->dimension, elements, &bad);
	if (error == -ERANGE) {
		snprintf(value, sizeof(value), "%" PRId64, integers[bad]);
		return beyond_bound(client, terms, bad, value);
	}
	if (error != 0)
		return weir_client_fail(client, error, "the event's encoding is not possible: %s",
			strerror(-error));
	return 0;
}

// Integers as doubles, for fixed point.
static void widen(const struct weir_client_vector *vector, double *reals)
{
	for (size_t i = 0; i < vector->count; i++)
		reals[i] = vector->kind == WEIR_CLIENT_INTEGERS
				   ? (double)((const int64_t *)vector->values)[i]
				   : (double)((const uint64_t *)vector->values)[i];
}

// Whole doubles or unsigned integers as int64, for integer events.
static int narrow(struct weir_client *client, const struct weir_event_terms *terms,
	const struct weir_client_vector *vector, int64_t *integers)
{
	char value[32];
	for (size_t i = 0; i < vector->count; i++) {
		if (vector->kind == WEIR_CLIENT_UNSIGNED) {
			uint64_t wide = ((const uint64_t *)vector->values)[i];
			snprintf(value, sizeof(value), "%" PRIu64, wide);
			if (wide > INT64_MAX)
				return beyond_bound(client, terms, i, value);
			integers[i] = (int64_t)wide;
			continue;
		}
		double real = ((const double *)vector->values)[i];
		if (!isfinite(real) || real != rint(real))
			return refuse_value(
				client, i, "is not a whole number, but the event sums integers");
		if (fabs(real) > 0x1p53)
			return refuse_value(client, i,
				"is beyond 2^53, where a double does not hold every integer; give "
				"integers");
		integers[i] = (int64_t)real;
	}
	return 0;
}

static int take_elements(struct weir_client *client, const struct weir_event_terms *terms,
	const struct weir_client_vector *vector, void *elements)
{
	bool is_signed = terms->encoding.is_signed;
	for (size_t i = 0; i < vector->count; i++) {
		uint64_t element = weir_element_get(terms->modulus, vector->values, i);
		if (element > weir_modulus_max(terms->modulus))
			return refuse_value(client, i, "is not below the modulus");
		int64_t value = weir_decode_element(terms->modulus, is_signed, element);
		uint64_t size = is_signed && value < 0 ? -(uint64_t)value : (uint64_t)value;
		if (size > terms->encoding.bound)
			return refuse_value(client, i, "is beyond the event's bound");
	}
	memcpy(elements, vector->values, vector->count * weir_modulus_element_size(terms->modulus));
	return 0;
}

static int encode_by_kind(struct weir_client *client, const struct weir_event_terms *terms,
	const struct weir_client_vector *vector, void *elements, void *scratch, size_t *clipped)
{
	int error;
	if (vector->kind == WEIR_CLIENT_ELEMENTS)
		return take_elements(client, terms, vector, elements);
	if (terms->encoding.is_fixed_point) {
		if (vector->kind == WEIR_CLIENT_REALS)
			return encode_reals(client, terms, vector->values, elements, clipped);
		widen(vector, scratch);
		return encode_reals(client, terms, scratch, elements, clipped);
	}
	if (vector->kind == WEIR_CLIENT_INTEGERS)
		return encode_integers(client, terms, vector->values, elements);
	error = narrow(client, terms, vector, scratch);
	return error != 0 ? error : encode_integers(client, terms, scratch, elements);
}

int weir_encode_vector(struct weir_client *client, const struct weir_event_terms *terms,
	const struct weir_client_vector *vector, void **elements, size_t *clipped)
{
	*elements = NULL;
	*clipped = 0;
	if (vector->values == NULL || vector->kind < WEIR_CLIENT_REALS ||
		vector->kind > WEIR_CLIENT_ELEMENTS)
		return weir_client_fail(client, -EINVAL, "the vector has no values or no kind");
	if (vector->count != terms->dimension)
		return weir_client_fail(client, -EINVAL,
			"the vector has %zu elements, but the event sums vectors of %" PRIu64,
			vector->count, terms->dimension);
	size_t size = vector->count * weir_modulus_element_size(terms->modulus);
	void *scratch = malloc(vector->count * sizeof(double));
	*elements = malloc(size);
	int error = scratch == NULL || *elements == NULL
			    ? weir_client_fail(client, -ENOMEM, "out of memory")
			    : encode_by_kind(client, terms, vector, *elements, scratch, clipped);
	if (scratch != NULL)
		weir_wipe(scratch, vector->count * sizeof(double));
	free(scratch);
	if (error != 0 && *elements != NULL) {
		weir_wipe(*elements, size);
		free(*elements);
		*elements = NULL;
	}
	return error;
}
