// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Files of members: what is read, and how what is wrong is told.

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "roster_file.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static char path[64];
static struct roster_file file;
static struct weir_config_error error;

static int read_bytes(const char *bytes, size_t length)
{
	strcpy(path, "/tmp/weirctl-roster-XXXXXX");
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
	close(fd);
	error.message[0] = '\0';
	int status = roster_file_read(path, &file, &error);
	unlink(path);
	return status;
}

// Expects a refusal that names the line and says so.
static void expect_refused(const char *text, unsigned line, const char *words)
{
	char where[96];

	cr_assert_eq(read_bytes(text, strlen(text)), -EINVAL, "accepted: %s", text);
	snprintf(where, sizeof(where), "%s:%u: ", path, line);
	cr_expect_eq(strncmp(error.message, where, strlen(where)), 0, "%s does not begin with %s",
		error.message, where);
	cr_expect_not_null(
		strstr(error.message, words), "%s does not say %s", error.message, words);
	cr_expect_null(strchr(error.message, '\n'));
	cr_expect_eq(file.count, 0);
	cr_expect_null(file.lines);
}

Test(roster_file, reads_members_names_and_comments)
{
	const char text[] =
		"# our clients\n"
		"\n" ID_A "\n"
		"  " ID_B "\t ward 7, bed #3   # moved in May\r\n" ID_C " M\xc3\xbcller";

	cr_assert_eq(read_bytes(text, strlen(text)), 0, "%s", error.message);
	cr_assert_eq(file.count, 3);
	cr_expect_str_eq(file.lines[0].identity, ID_A);
	cr_expect_str_eq(file.lines[0].name, "");
	cr_expect_eq(file.lines[0].number, 3);
	cr_expect_str_eq(file.lines[1].identity, ID_B);
	cr_expect_str_eq(file.lines[1].name, "ward 7, bed");
	cr_expect_eq(file.lines[1].number, 4);
	cr_expect_str_eq(file.lines[2].identity, ID_C);
	cr_expect_str_eq(file.lines[2].name, "M\xc3\xbcller");
	roster_file_free(&file);
}

Test(roster_file, keeps_a_sharp_inside_a_name)
{
	const char text[] = ID_A " bed#3\n";

	cr_assert_eq(read_bytes(text, strlen(text)), 0);
	cr_expect_str_eq(file.lines[0].name, "bed#3");
	roster_file_free(&file);
}

Test(roster_file, reads_thousands)
{
	enum { COUNT = 5000 };
	char *text = malloc(COUNT * 80), *end = text;

	for (unsigned i = 0; i < COUNT; i++)
		end += sprintf(end, "%064x n%u\n", i, i);
	cr_assert_eq(read_bytes(text, (size_t)(end - text)), 0, "%s", error.message);
	cr_assert_eq(file.count, COUNT);
	cr_expect_str_eq(file.lines[COUNT - 1].name, "n4999");
	cr_expect_eq(file.lines[COUNT - 1].number, COUNT);
	roster_file_free(&file);
	free(text);
}

Test(roster_file, reads_nothing_from_an_empty_file)
{
	cr_expect_eq(read_bytes("", 0), 0);
	cr_expect_eq(file.count, 0);
	roster_file_free(&file);
}

Test(roster_file, names_the_line_of_what_is_wrong)
{
	expect_refused("alice " ID_A "\n", 1, "'alice' is not an identity");
	expect_refused(ID_A "\n" ID_B "b\n", 2, "is not an identity");
	expect_refused(ID_A "\n\n# x\nAAAA\n", 4, "'AAAA' is not an identity");
	expect_refused(ID_A " 123456789 123456789 123456789 123456789 123456789 123456789 1234\n",
		1, "longer than 63 bytes");
	expect_refused(ID_A " a\x1b[31m\n", 1, "control character");
	expect_refused(ID_A " \xff\xfe\n", 1, "not UTF-8");
	expect_refused(ID_A " x\n" ID_B "\n" ID_A " y\n", 3, "stands in line 1 already");
}

Test(roster_file, takes_a_name_of_63_bytes)
{
	const char name[] = "123456789 123456789 123456789 123456789 123456789 123456789 123";
	char text[160];

	sprintf(text, "%s %s\n", ID_A, name);
	cr_assert_eq(read_bytes(text, strlen(text)), 0, "%s", error.message);
	cr_expect_str_eq(file.lines[0].name, name);
	roster_file_free(&file);
}

Test(roster_file, refuses_nul_bytes)
{
	const char text[] = ID_A " x\n" ID_B " a\0b\n";

	cr_assert_eq(read_bytes(text, sizeof(text) - 1), -EINVAL);
	cr_expect_not_null(strstr(error.message, ":2: has a NUL byte"), "%s", error.message);
}

Test(roster_file, says_that_a_file_is_missing)
{
	cr_expect_eq(roster_file_read("/nonexistent/roster", &file, &error), -ENOENT);
	cr_expect_str_eq(
		error.message, "/nonexistent/roster: cannot be opened: No such file or directory");
}

Test(roster_file, says_that_it_is_a_folder)
{
	cr_expect_eq(roster_file_read("/tmp", &file, &error), -EIO);
	cr_expect_not_null(strstr(error.message, "/tmp: cannot be read"), "%s", error.message);
}
