// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

static struct weir_client client;

static int encode(const struct weir_event_terms *terms, enum weir_client_kind kind,
	const void *values, size_t count, uint64_t *out, size_t *clipped)
{
	void *elements;
	const struct weir_client_vector vector = {kind, values, count};
	int error = weir_encode_vector(&client, terms, &vector, &elements, clipped);
	if (error == 0)
		memcpy(out, elements, count * weir_modulus_element_size(terms->modulus));
	else
		cr_assert_null(elements);
	free(elements);
	return error;
}

static void expect_error(const struct weir_event_terms *terms, enum weir_client_kind kind,
	const void *values, size_t count, int error, const char *wanted)
{
	uint64_t out[8];
	size_t clipped;
	cr_assert_eq(
		encode(terms, kind, values, count, out, &clipped), error, "%s", client.message);
	cr_assert_neq(strstr(client.message, wanted), NULL, "'%s' does not say '%s'",
		client.message, wanted);
}

Test(encode, integers_of_every_kind_are_exact)
{
	const struct weir_event_terms terms = fixture_terms(2);
	const uint64_t modulus = weir_modulus_max(WEIR_MODULUS_M61) + 1;
	const int64_t integers[] = {-1000, 7};
	const double reals[] = {-1000, 7};
	const uint64_t positive[] = {1000, 7};
	const uint64_t elements[] = {modulus - 1000, 7};
	uint64_t out[2];
	size_t clipped;
	cr_assert_eq(encode(&terms, WEIR_CLIENT_INTEGERS, integers, 2, out, &clipped), 0);
	cr_assert_arr_eq(out, elements, sizeof(out));
	cr_assert_eq(encode(&terms, WEIR_CLIENT_REALS, reals, 2, out, &clipped), 0);
	cr_assert_arr_eq(out, elements, sizeof(out));
	cr_assert_eq(encode(&terms, WEIR_CLIENT_ELEMENTS, elements, 2, out, &clipped), 0);
	cr_assert_arr_eq(out, elements, sizeof(out));
	cr_assert_eq(encode(&terms, WEIR_CLIENT_UNSIGNED, positive, 2, out, &clipped), 0);
	cr_assert_arr_eq(out, positive, sizeof(out));
}

Test(encode, refuses_and_names_the_index)
{
	const struct weir_event_terms terms = fixture_terms(2);
	const uint64_t modulus = weir_modulus_max(WEIR_MODULUS_M61) + 1;
	expect_error(&terms, WEIR_CLIENT_INTEGERS, (const int64_t[]){0, 1001}, 2, -ERANGE,
		"element 1 (counting from 0) is 1001, but the event takes integers from -1000 to "
		"1000");
	expect_error(&terms, WEIR_CLIENT_UNSIGNED, (const uint64_t[]){UINT64_MAX, 0}, 2, -ERANGE,
		"element 0 (counting from 0) is 18446744073709551615");
	expect_error(&terms, WEIR_CLIENT_REALS, (const double[]){1, 0.5}, 2, -ERANGE,
		"element 1 (counting from 0) is not a whole number");
	expect_error(&terms, WEIR_CLIENT_REALS, (const double[]){1, NAN}, 2, -ERANGE, "element 1");
	expect_error(&terms, WEIR_CLIENT_REALS, (const double[]){0x1p60, 0}, 2, -ERANGE, "2^53");
	expect_error(&terms, WEIR_CLIENT_ELEMENTS, (const uint64_t[]){0, modulus}, 2, -ERANGE,
		"element 1 (counting from 0) is not below the modulus");
	expect_error(&terms, WEIR_CLIENT_ELEMENTS, (const uint64_t[]){modulus - 1001, 0}, 2,
		-ERANGE, "element 0 (counting from 0) is beyond the event's bound");
	expect_error(&terms, WEIR_CLIENT_INTEGERS, (const int64_t[]){1, 2, 3}, 3, -EINVAL,
		"the vector has 3 elements, but the event sums vectors of 2");
	expect_error(&terms, WEIR_CLIENT_INTEGERS, NULL, 2, -EINVAL, "no values");
	expect_error(
		&terms, (enum weir_client_kind)9, (const int64_t[]){1, 2}, 2, -EINVAL, "no kind");
}

Test(encode, unsigned_events_refuse_negatives)
{
	struct weir_event_terms terms = fixture_terms(2);
	terms.encoding.is_signed = false;
	expect_error(&terms, WEIR_CLIENT_INTEGERS, (const int64_t[]){5, -1}, 2, -ERANGE,
		"element 1 (counting from 0) is -1, but the event takes integers from 0 to 1000");
}

Test(encode, fixed_point_clips_and_counts)
{
	struct weir_event_terms terms = fixture_terms(4);
	const uint64_t modulus = weir_modulus_max(WEIR_MODULUS_M61) + 1;
	uint64_t out[4];
	size_t clipped;
	terms.encoding = (struct weir_encoding){
		.is_fixed_point = true, .is_signed = true, .scale = 100, .clip = 10, .bound = 1000};
	cr_assert_eq(encode(&terms, WEIR_CLIENT_REALS, (const double[]){1.25, -11, 10, 1e300}, 4,
			     out, &clipped),
		0, "%s", client.message);
	cr_assert_eq(clipped, 2);
	cr_assert_arr_eq(out, ((const uint64_t[]){125, modulus - 1000, 1000, 1000}), sizeof(out));
	cr_assert_eq(encode(&terms, WEIR_CLIENT_INTEGERS, (const int64_t[]){1, -2, 3, 99}, 4, out,
			     &clipped),
		0);
	cr_assert_eq(clipped, 1);
	cr_assert_arr_eq(out, ((const uint64_t[]){100, modulus - 200, 300, 1000}), sizeof(out));
	expect_error(&terms, WEIR_CLIENT_REALS, (const double[]){0, INFINITY, 0, 0}, 4, -ERANGE,
		"element 1 (counting from 0) is not a finite number");
}
