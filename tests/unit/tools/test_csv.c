// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector_file.h"

static char message[WEIR_FILE_MESSAGE_SIZE];

static int parse(const char *text, size_t row, bool integers, struct weir_file_vector *out)
{
	const struct weir_file_options options = {.row = row, .integers = integers};
	// A copy that ends where the text ends, so that a read beyond it is seen by the sanitizer.
	size_t length = strlen(text);
	char *copy = malloc(length == 0 ? 1 : length);
	memcpy(copy, text, length);
	memset(out, 0, sizeof(*out));
	message[0] = '\0';
	int error = weir_csv_read("t.csv", copy, length, &options, out, message);
	free(copy);
	return error;
}

static void expect_reals(const char *text, size_t row, size_t count, const double *wanted)
{
	struct weir_file_vector out;
	cr_assert_eq(parse(text, row, false, &out), 0, "%s: %s", text, message);
	cr_assert_eq(out.vector.kind, WEIR_CLIENT_REALS);
	cr_assert_eq(out.vector.count, count);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(((const double *)out.vector.values)[i], wanted[i], "%s: %zu", text, i);
	weir_file_free(&out);
}

static void expect_refusal(const char *text, size_t row, bool integers, const char *wanted)
{
	struct weir_file_vector out;
	cr_assert_eq(parse(text, row, integers, &out), -EBADMSG, "%s was read", text);
	cr_assert_neq(strstr(message, wanted), NULL, "'%s' does not say '%s'", message, wanted);
	cr_assert_null(out.vector.values);
}

Test(csv, reads_a_row_with_and_without_a_header)
{
	const double wanted[] = {1.5, -2, 3e-3};
	expect_reals("1.5,-2,3e-3", 0, 3, wanted);
	expect_reals("1.5,-2,3e-3\n", 0, 3, wanted);
	expect_reals("1.5,-2,3e-3\r\n\r\n", 0, 3, wanted);
	expect_reals(" 1.5 ,\t-2, 3e-3 \n", 0, 3, wanted);
	expect_reals("a,b,c\n1.5,-2,3e-3\n", 0, 3, wanted);
	expect_reals("\xef\xbb\xbf"
		     "a,b,c\n1.5,-2,3e-3\n",
		0, 3, wanted);
	expect_reals("\"a, with \"\"quotes\"\"\",\"b\nc\",d\n\"1.5\",-2,+3e-3\n", 0, 3, wanted);
	expect_reals("a,b,c\n9,9,9\n1.5,-2,.3e-2\n8,8,8\n", 2, 3, wanted);
	expect_reals("1.5,-2,3e-3\n8,8,8\n", 1, 3, wanted);
	expect_reals("7.", 0, 1, (const double[]){7});
}

Test(csv, reads_integers_exactly)
{
	struct weir_file_vector out;
	const char *text = "9007199254740993,-9223372036854775808,9223372036854775807,+0,-0\n";
	cr_assert_eq(parse(text, 0, true, &out), 0, "%s", message);
	cr_assert_eq(out.vector.kind, WEIR_CLIENT_INTEGERS);
	const int64_t *integers = out.vector.values;
	cr_assert_eq(integers[0], (INT64_C(1) << 53) + 1);
	cr_assert_eq(integers[1], INT64_MIN);
	cr_assert_eq(integers[2], INT64_MAX);
	cr_assert_eq(integers[3], 0);
	cr_assert_eq(integers[4], 0);
	weir_file_free(&out);
}

Test(csv, says_line_and_column_of_what_it_refuses)
{
	expect_refusal("", 0, false, "t.csv:1:1: the file is empty");
	expect_refusal("\n\n", 0, false, "empty");
	expect_refusal("a,b\n", 0, false, "only a header");
	expect_refusal("a,b\n1,2\n3\n", 1, false, "t.csv:3:1: 1 cells, but the first line has 2");
	expect_refusal("a,b\n1,2,3\n", 0, false, "t.csv:2:1: 3 cells");
	expect_refusal("1,2\n3,4\n\n5,6\n", 1, false, "t.csv:3:");
	expect_refusal("a,b\n1,\n", 0, false, "t.csv:2:3: the cell is empty");
	expect_refusal("a,b\n1,\"\"\n", 0, false, "t.csv:2:3: the cell is empty");
	expect_refusal("a,b\n1,nan\n", 0, false, "t.csv:2:3: 'nan' is not a finite number");
	expect_refusal("1,-inf\n", 0, false, "t.csv:1:3: '-inf' is not a finite number");
	expect_refusal("1,1e999\n", 0, false, "too large");
	expect_refusal("1,2x\n", 0, false, "t.csv:1:3: '2x' is not a number");
	expect_refusal("a,b\n1,2 3\n", 0, false, "t.csv:2:3: '2 3' is not a finite number");
	expect_refusal("a,b\n1,0x10\n", 0, false, "'0x10'");
	expect_refusal("a,b\n1,2\n3,4\n", 0, false, "2 rows of values; choose one with --row");
	expect_refusal("a,b\n1,2\n3,4\n", 3, false, "--row 3, but there are 2 rows");
	expect_refusal("a,b\n\"1,2\n", 0, false, "t.csv:2:1: a quote is never closed");
	expect_refusal("a,b\n\"1\"x,2\n", 0, false, "something follows a quoted cell");
	expect_refusal("a,b\n1,2.0\n", 0, true, "t.csv:2:3: '2.0' is not an integer");
	expect_refusal("a,b\n1,-\n", 0, true, "is not an integer");
	expect_refusal("9223372036854775808\n", 0, true, "does not fit 64 bits");
	expect_refusal("99999999999999999999\n", 0, true, "does not fit 64 bits");
	expect_refusal("1\x01,2\n", 0, false, "'1?' is not a number");
}

Test(csv, refuses_or_reads_every_truncation_without_harm)
{
	const char *text = "\"a \"\"x\"\"\",b,c\r\n1.25,-3e4,\"7\"\r\n4,5,6\r\n";
	struct weir_file_vector out;
	for (size_t length = 0; length <= strlen(text); length++) {
		char *cut = strndup(text, length);
		if (parse(cut, 1, false, &out) == 0)
			cr_assert_eq(out.vector.count, 3, "'%s'", cut);
		weir_file_free(&out);
		free(cut);
	}
}

Test(csv, survives_random_text)
{
	static const char alphabet[] = "0123456789,,,,\n\n\r\"\" .-+eEax\t";
	uint64_t state = 42;
	struct weir_file_vector out;
	for (int round = 0; round < 20000; round++) {
		char text[24] = "";
		size_t length = next_random(&state) % (sizeof(text) - 1);
		for (size_t i = 0; i < length; i++)
			text[i] = alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
		if (parse(text, 0, round % 2 == 0, &out) == 0) {
			cr_assert_gt(out.vector.count, 0);
			for (size_t i = 0; i < out.vector.count && round % 2 != 0; i++)
				cr_assert(isfinite(((const double *)out.vector.values)[i]));
		}
		weir_file_free(&out);
	}
}
