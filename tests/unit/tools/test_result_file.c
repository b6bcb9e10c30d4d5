// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result_file.h"

static struct weir_client_aggregate make(
	bool fixed, bool is_signed, double scale, const int64_t *integers, size_t count)
{
	struct weir_client_aggregate aggregate = {.dimension = count};
	aggregate.terms.is_fixed_point = fixed;
	aggregate.terms.is_signed = is_signed;
	aggregate.terms.scale = scale;
	aggregate.integers = (int64_t *)integers;
	return aggregate;
}

static void expect(bool fixed, bool is_signed, double scale, int64_t integer, const char *wanted)
{
	char text[WEIR_NUMBER_SIZE];
	const struct weir_client_aggregate aggregate = make(fixed, is_signed, scale, &integer, 1);
	weir_number_format(&aggregate, false, 0, text);
	cr_assert_str_eq(text, wanted);
}

Test(number, integers_are_exact_at_the_ends)
{
	expect(false, true, 1, INT64_MIN, "-9223372036854775808");
	expect(false, true, 1, INT64_MAX, "9223372036854775807");
	expect(false, false, 1, -1, "18446744073709551615");
	expect(false, false, 1, 0, "0");
}

Test(number, powers_of_ten_give_exact_decimals)
{
	expect(true, true, 1e6, 1234567, "1.234567");
	expect(true, true, 1e6, -1, "-0.000001");
	expect(true, true, 1e6, 0, "0");
	expect(true, true, 1e6, 5000000, "5");
	expect(true, true, 1e6, -2500000, "-2.5");
	expect(true, true, 1000, INT64_MIN, "-9223372036854775.808");
	expect(true, true, 1, -7, "-7");
	expect(true, true, 1e18, 1, "0.000000000000000001");
}

Test(number, other_scales_give_the_shortest_double)
{
	expect(true, true, 3, 1, "0.3333333333333333");
	expect(true, true, 1024, -1536, "-1.5");
	expect(true, true, 0.5, 3, "6");
}

Test(number, integers_option_overrides_the_scale)
{
	char text[WEIR_NUMBER_SIZE];
	const int64_t integer = -1234567;
	const struct weir_client_aggregate aggregate = make(true, true, 1e6, &integer, 1);
	cr_assert_str_eq(weir_number_format(&aggregate, true, 0, text), "-1234567");
}

Test(result, npy_and_raw_read_back_as_they_were_written)
{
	static const enum weir_file_format formats[] = {WEIR_FILE_NPY, WEIR_FILE_RAW};
	static const char *const names[] = {"r.npy", "r.raw"};
	const int64_t integers[] = {INT64_MIN, -1, 0, INT64_MAX, 9007199254740993};
	struct folder folder = folder_make();
	char message[WEIR_FILE_MESSAGE_SIZE], path[128];
	for (int i = 0; i < 2; i++) {
		for (int is_signed = 0; is_signed < 2; is_signed++) {
			const struct weir_client_aggregate aggregate =
				make(false, is_signed, 1, integers, 5);
			struct weir_file_options options = {
				.format = formats[i], .raw_integers = true};
			struct weir_file_vector out;
			snprintf(path, sizeof(path), "%s/%s", folder.path, names[i]);
			cr_assert_eq(weir_result_write(
					     path, WEIR_FILE_BY_NAME, &aggregate, false, message),
				0, "%s", message);
			cr_assert_eq(
				weir_file_read(path, &options, &out, message), 0, "%s", message);
			cr_assert_eq(out.vector.count, 5);
			cr_assert_arr_eq(out.vector.values, integers, sizeof(integers));
			if (i == 0)
				cr_assert_eq(out.vector.kind,
					is_signed ? WEIR_CLIENT_INTEGERS : WEIR_CLIENT_UNSIGNED);
			weir_file_free(&out);
		}
	}
	folder_remove(&folder);
}

Test(result, fixed_point_is_doubles_in_npy_and_a_row_in_csv)
{
	const int64_t integers[] = {-1500, 250};
	const double reals[] = {-1.5, 0.25};
	const struct weir_client_aggregate aggregate = make(true, true, 1000, integers, 2);
	struct folder folder = folder_make();
	char message[WEIR_FILE_MESSAGE_SIZE], path[128];
	struct weir_file_vector out;
	size_t length;
	snprintf(path, sizeof(path), "%s/r.npy", folder.path);
	cr_assert_eq(weir_result_write(path, WEIR_FILE_BY_NAME, &aggregate, false, message), 0);
	cr_assert_eq(weir_file_read(path, &(struct weir_file_options){0}, &out, message), 0);
	cr_assert_arr_eq(out.vector.values, reals, sizeof(reals));
	weir_file_free(&out);
	snprintf(path, sizeof(path), "%s/r.csv", folder.path);
	cr_assert_eq(weir_result_write(path, WEIR_FILE_BY_NAME, &aggregate, false, message), 0);
	char *text = folder_read(&folder, "r.csv", &length);
	cr_assert_eq(length, 10);
	cr_assert_arr_eq(text, "-1.5,0.25\n", 10);
	free(text);
	cr_assert_neq(weir_result_write(
			      "/nonexistent/r.csv", WEIR_FILE_BY_NAME, &aggregate, false, message),
		0);
	folder_remove(&folder);
}
