// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Files that libconfig would misread or that are not well formed.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config_test.h"

TestSuite(scan, .init = make_folder, .fini = remove_folder, .timeout = 30);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(scan, refuses_numbers_that_would_wrap)
{
	static const struct refusal refusals[] = {
		{"dimension = 1000", "dimension = 4294967297", 3, {"4294967297", "an L behind it"}},
		{"dimension = 1000", "dimension = 2147483648", 3, {"an L behind it"}},
		{"dimension = 1000", "dimension = -2147483649", 3, {"an L behind it"}},
		{"dimension = 1000", "dimension = 0x1000", 3, {"0x1000 is hexadecimal", "decimal"}},
		{"dimension = 1000", "dimension = 9223372036854775808L", 3,
			{"does not fit 64 bits"}},
		{"dimension = 1000", "dimension = 99999999999999999999999999", 3,
			{"an L behind it"}},
		{"dimension = 1000", "/* 4294967297 \n */ x = 4294967298", 4, {"4294967298"}},
		{"dimension = 1000", "x = \"4294967297 \\\" \n\"; x = 4294967298", 4,
			{"4294967298"}},
		{"dimension = 1000", "# 4294967297 \" \n // /* \n x = 4294967298", 5,
			{"4294967298"}},
	};
	expect_refusals(CONFIG_JOB, refusals, COUNT(refusals));
}

Test(scan, lets_through_what_only_looks_like_one)
{
	static const char *const harmless[] = {"dimension = 1000; # 4294967297",
		"dimension = 1000; // 0x4294967297", "/* 4294967297 */ dimension = 1000",
		"/* \" **/ dimension = 1000; // \"", "dimension = 1000L", "dimension = +1000",
		"dimension = 1000; # @include \"none.cfg\"", "dimension = 1000LL",
		"/*\n@include \"none.cfg\"\n*/ dimension = 1000", "dimension = 2147483647"};

	for (size_t i = 0; i < COUNT(harmless); i++) {
		char *text = replaced(valid_texts[CONFIG_JOB], "dimension = 1000", harmless[i]);
		expect_loads(CONFIG_JOB, text);
		free(text);
	}
	char *text = replaced(valid_texts[CONFIG_JOB], "kind = \"integer\";\n  bound = 1000;",
		"kind = \"fixed\"; scale = 12345678901.0e-10; clip = 99999999999E-8;");
	expect_loads(CONFIG_JOB, text);
	free(text);
}

Test(scan, refuses_what_does_not_parse)
{
	static const struct refusal refusals[] = {
		{"dimension = 1000;", "dimension = ;", 3, {"syntax error", "semicolon"}},
		{"dimension = 1000;", "dimension 1000;", 3, {"syntax error"}},
		{"dimension = 1000;", "job = \"x\";", 3,
			{"duplicate setting name", "keep only one"}},
		{"dimension = 1000;", "x = [ 1, \"a\" ];", 3, {"mismatched element type"}},
		{"dimension = 1000;", "x = \"a;", 12, {"string is never closed"}},
		{"dimension = 1000;", "/* x", 3, {"comment is never closed"}},
		{ID_C "\" ];\n", ID_C "\" ]; # last", 12, {"comment", "newline"}},
		{ID_C "\" ];\n", ID_C "\" ]; // last", 12, {"comment", "newline"}},
		{"dimension = 1000;", "@include none.cfg", 3, {"include without a name"}},
		{"dimension = 1000;", "@include \"none.cfg", 3, {"include", "not closed"}},
		{"dimension = 1000;", "@include \"\"", 3, {"include", "empty"}},
		{"dimension = 1000;", "dimension = 1000; @include \"x\"", 3, {"syntax error"}},
		{"dimension = 1000;", "\n@include \"none.cfg\"\n", 4,
			{"\"none.cfg\"", "no such file"}},
		{"dimension = 1000;", "@include \".\"", 3, {"not a regular file"}},
		{"dimension = 1000;", "@include \"/etc/passwd\"", 3, {"path relative"}},
		{"dimension = 1000;", "@include \"test.cfg\"", 3, {"too many includes"}},
	};
	// A file that includes itself is named where it gives up: it is the same line at any depth.
	expect_refusals(CONFIG_JOB, refusals, COUNT(refusals));
}

Test(scan, names_the_included_file)
{
	static const char *const syntax[] = {"syntax error"}, *const unknown[] = {"zzz is not"},
				 *const wraps[] = {"does not fit 32 bits"},
				 *const range[] = {"dimension is 0"};
	char *text =
		replaced(valid_texts[CONFIG_JOB], "dimension = 1000;", "@include \"sub/a.cfg\"");

	cr_assert_eq(mkdir(in_folder("sub"), 0700), 0);
	write_file("sub/a.cfg", "round = 1;\n@include \"sub/b.cfg\"\nrounds = 1;\n");
	write_file("sub/b.cfg", "\ndimension = 1000;\n");
	expect_loads(CONFIG_JOB, text);
	write_file("sub/b.cfg", "\ndimension = ;\n");
	expect_refused(CONFIG_JOB, text, "sub/b.cfg", 2, syntax, 1);
	write_file("sub/b.cfg", "dimension = 1;\n\nzzz = 1;\n");
	expect_refused(CONFIG_JOB, text, "sub/b.cfg", 3, unknown, 1);
	write_file("sub/b.cfg", "\n\n\ndimension = 4294967297;\n");
	expect_refused(CONFIG_JOB, text, "sub/b.cfg", 4, wraps, 1);
	write_file("sub/b.cfg", "dimension = 0;\n");
	expect_refused(CONFIG_JOB, text, "sub/b.cfg", 1, range, 1);
	write_file("sub/a.cfg", "dimension = 1;\nzzz = 1;\n");
	expect_refused(CONFIG_JOB, text, "sub/a.cfg", 2, unknown, 1);
	free(text);
}

Test(scan, bounds_the_number_of_includes)
{
	char text[10000], *at = text;
	static const char *const words[] = {"too many includes"};

	write_file("empty.cfg", "");
	for (int i = 0; i < 65; i++)
		at += sprintf(at, "@include \"empty.cfg\"\n");
	expect_refused(CONFIG_JOB, text, "test.cfg", 65, words, 1);
	strcpy(at - strlen("@include \"empty.cfg\"\n"), valid_texts[CONFIG_JOB]);
	expect_loads(CONFIG_JOB, text);
}

Test(scan, refuses_a_nul_byte)
{
	struct weir_config_error error;
	char *text = strdup(valid_texts[CONFIG_JOB]);
	size_t length = strlen(text);

	text[length / 2] = '\0';
	cr_expect_eq(
		config_load_bytes(CONFIG_JOB, in_folder("x.cfg"), text, length, &error), -EINVAL);
	cr_expect_not_null(strstr(error.message, "NUL byte"));
	free(text);
}

Test(scan, survives_deep_nesting)
{
	enum { DEPTH = 20000 };
	char *text = calloc(1, DEPTH * 2 + 10);
	struct weir_config_error error;

	strcpy(text, "job = ");
	for (int i = 0; i < DEPTH; i++)
		strcat(text + i, "(");
	cr_expect_eq(config_load_bytes(CONFIG_JOB, in_folder("x.cfg"), text, strlen(text), &error),
		-EINVAL);
	free(text);
}
