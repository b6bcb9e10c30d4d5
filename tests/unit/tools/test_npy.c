// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector_file.h"

static char message[WEIR_FILE_MESSAGE_SIZE];

// A .npy file of that header and those values; malloc'd.
static uint8_t *make(int major, const char *header, const void *values, size_t size, size_t *length)
{
	size_t text = strlen(header), field = major == 1 ? 2 : 4;
	uint8_t *bytes = malloc(8 + field + text + size);
	memcpy(bytes, "\x93NUMPY", 6);
	bytes[6] = (uint8_t)major;
	bytes[7] = 0;
	memset(bytes + 8, 0, field);
	bytes[8] = (uint8_t)text;
	bytes[9] = (uint8_t)(text >> 8);
	memcpy(bytes + 8 + field, header, text);
	memcpy(bytes + 8 + field + text, values, size);
	*length = 8 + field + text + size;
	return bytes;
}

static int parse(int major, const char *header, const void *values, size_t size,
	struct weir_file_vector *out)
{
	size_t length;
	uint8_t *bytes = make(major, header, values, size, &length);
	memset(out, 0, sizeof(*out));
	int error = weir_npy_read("t.npy", bytes, length, out, message);
	free(bytes);
	return error;
}

static void expect_refusal(const char *header, const void *values, size_t size, const char *wanted)
{
	struct weir_file_vector out;
	cr_assert_eq(parse(1, header, values, size, &out), -EBADMSG, "%s was read", header);
	cr_assert_neq(strstr(message, wanted), NULL, "'%s' does not say '%s'", message, wanted);
	cr_assert_null(out.vector.values);
}

Test(npy, reads_doubles_and_floats)
{
	const double doubles[] = {1.5, -0.25};
	const float floats[] = {1.5f, -0.25f};
	struct weir_file_vector out;
	for (int major = 1; major <= 2; major++) {
		cr_assert_eq(
			parse(major,
				"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }  \n",
				doubles, sizeof(doubles), &out),
			0, "%s", message);
		cr_assert_eq(out.vector.kind, WEIR_CLIENT_REALS);
		cr_assert_eq(out.vector.count, 2);
		cr_assert_arr_eq(out.vector.values, doubles, sizeof(doubles));
		weir_file_free(&out);
	}
	cr_assert_eq(parse(1, "{\"shape\": (2,), \"fortran_order\": False, \"descr\": \"<f4\"}\n",
			     floats, sizeof(floats), &out),
		0, "%s", message);
	cr_assert_arr_eq(out.vector.values, doubles, sizeof(doubles));
	weir_file_free(&out);
}

static void expect_integers(const char *descr, const void *values, size_t size,
	enum weir_client_kind kind, const int64_t wanted[2])
{
	char header[128];
	struct weir_file_vector out;
	snprintf(header, sizeof(header), "{'descr': '%s', 'fortran_order': False, 'shape': (2,)}",
		descr);
	cr_assert_eq(parse(1, header, values, size, &out), 0, "%s: %s", descr, message);
	cr_assert_eq(out.vector.kind, kind, "%s", descr);
	cr_assert_eq(out.vector.count, 2);
	cr_assert_arr_eq(out.vector.values, wanted, 2 * sizeof(int64_t), "%s", descr);
	weir_file_free(&out);
}

Test(npy, reads_every_integer_type_exactly)
{
	const enum weir_client_kind plain = WEIR_CLIENT_INTEGERS;
	expect_integers("<i8", (const int64_t[]){INT64_MIN, 9007199254740993}, 16, plain,
		(const int64_t[]){INT64_MIN, 9007199254740993});
	expect_integers(
		"<i4", (const int32_t[]){INT32_MIN, 7}, 8, plain, (const int64_t[]){INT32_MIN, 7});
	expect_integers(
		"<i2", (const int16_t[]){-300, 300}, 4, plain, (const int64_t[]){-300, 300});
	expect_integers("|i1", (const int8_t[]){-128, 127}, 2, plain, (const int64_t[]){-128, 127});
	expect_integers("<u8", (const uint64_t[]){UINT64_MAX, 1}, 16, WEIR_CLIENT_UNSIGNED,
		(const int64_t[]){-1, 1});
	expect_integers("<u4", (const uint32_t[]){UINT32_MAX, 1}, 8, plain,
		(const int64_t[]){UINT32_MAX, 1});
	expect_integers("<u2", (const uint16_t[]){65535, 1}, 4, plain, (const int64_t[]){65535, 1});
	expect_integers("|u1", (const uint8_t[]){255, 1}, 2, plain, (const int64_t[]){255, 1});
}

Test(npy, refuses_what_it_does_not_understand)
{
	const double two[] = {1, 2};
	struct weir_file_vector out;
	expect_refusal("{'descr': '>f8', 'fortran_order': False, 'shape': (2,)}", two, 16, "'>f8'");
	expect_refusal("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", two, 16, "<c16");
	expect_refusal("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", two, 16, "'|O'");
	expect_refusal("{'descr': '', 'fortran_order': False, 'shape': (2,)}", two, 16, "type ''");
	expect_refusal(
		"{'descr': '<f8', 'fortran_order': True, 'shape': (2,)}", two, 16, "Fortran");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2)}", two, 16,
		"one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", two, 16,
		"one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}", two, 16,
		"one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (02,)}", two, 16,
		"one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
		two, 16, "one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", two, 16,
		"16 bytes of values, but the header says 3 of 8");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693953,)}",
		two, 8, "header says");
	expect_refusal(
		"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", two, 15, "header says");
	expect_refusal(
		"{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}", two, 0, "header says");
	expect_refusal("{'descr': '<f8', 'shape': (2,)}", two, 16, "one-dimensional");
	expect_refusal("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
		two, 16, "one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'x': 1}", two, 16,
		"one-dimensional");
	expect_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} junk", two, 16,
		"one-dimensional");
	cr_assert_eq(
		parse(3, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", two, 16, &out),
		-EBADMSG);
	cr_assert_neq(strstr(message, "version 3.0"), NULL, "%s", message);
}

Test(npy, refuses_every_truncation)
{
	const double two[] = {1, 2};
	size_t length;
	uint8_t *bytes = make(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", two,
		sizeof(two), &length);
	for (size_t cut = 0; cut < length; cut++) {
		struct weir_file_vector out = {0};
		uint8_t *copy = malloc(cut == 0 ? 1 : cut);
		memcpy(copy, bytes, cut);
		cr_assert_eq(
			weir_npy_read("t.npy", copy, cut, &out, message), -EBADMSG, "%zu", cut);
		free(copy);
	}
	free(bytes);
}

Test(npy, survives_random_headers)
{
	static const char *const words[] = {"{", "}", "'descr'", "'<f8'", "'shape'", "(2,)", "(",
		",", ":", "False", "'fortran_order'", "'", "2", ")"};
	const double two[] = {1, 2};
	uint64_t state = 7;
	for (int round = 0; round < 20000; round++) {
		char header[256] = "";
		struct weir_file_vector out;
		for (size_t n = next_random(&state) % 16; n > 0; n--)
			strcat(header,
				words[next_random(&state) % (sizeof(words) / sizeof(words[0]))]);
		parse(1 + round % 2, header, two, sizeof(two), &out);
		weir_file_free(&out);
	}
}

Test(raw, is_whole_numbers_of_8_bytes)
{
	const int64_t integers[] = {-1, INT64_MAX};
	struct weir_file_vector out = {0};
	cr_assert_eq(weir_raw_read("t.raw", integers, 16, true, &out, message), 0);
	cr_assert_eq(out.vector.kind, WEIR_CLIENT_INTEGERS);
	cr_assert_arr_eq(out.vector.values, integers, 16);
	weir_file_free(&out);
	cr_assert_eq(weir_raw_read("t.raw", integers, 16, false, &out, message), 0);
	cr_assert_eq(out.vector.kind, WEIR_CLIENT_REALS);
	weir_file_free(&out);
	for (size_t length = 0; length < 16; length++)
		if (length != 8)
			cr_assert_eq(weir_raw_read("t.raw", integers, length, true, &out, message),
				-EBADMSG);
}

Test(file, goes_by_the_end_of_the_name_or_the_option)
{
	struct folder folder = folder_make();
	struct weir_file_vector out;
	struct weir_file_options options = {0};
	char path[128];
	folder_write(&folder, "v.csv", "1,2\n", 4);
	folder_write(&folder, "v.dat", "1,2\n", 4);
	snprintf(path, sizeof(path), "%s/v.csv", folder.path);
	cr_assert_eq(weir_file_read(path, &options, &out, message), 0, "%s", message);
	weir_file_free(&out);
	snprintf(path, sizeof(path), "%s/v.dat", folder.path);
	cr_assert_neq(weir_file_read(path, &options, &out, message), 0);
	cr_assert_neq(strstr(message, "--format"), NULL);
	options.format = WEIR_FILE_CSV;
	cr_assert_eq(weir_file_read(path, &options, &out, message), 0, "%s", message);
	weir_file_free(&out);
	options = (struct weir_file_options){.format = WEIR_FILE_RAW, .row = 1};
	cr_assert_neq(weir_file_read(path, &options, &out, message), 0);
	snprintf(path, sizeof(path), "%s/missing.csv", folder.path);
	cr_assert_eq(weir_file_read(path, &(struct weir_file_options){0}, &out, message), -ENOENT);
	folder_remove(&folder);
}
