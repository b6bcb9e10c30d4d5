// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger.h"

static struct folder folder;
static struct weir_state_dir dir;
static char message[WEIR_CLIENT_TEXT_SIZE];

static void set_up(void)
{
	folder = folder_make();
	cr_assert_eq(weir_state_dir_open(&dir, folder.path, message), 0, "%s", message);
}

static void tear_down(void)
{
	weir_state_dir_close(&dir);
	folder_remove(&folder);
}

TestSuite(ledger, .init = set_up, .fini = tear_down);

static const struct weir_digest event1 = {{1}}, event2 = {{2}};
static const uint64_t elements1[2] = {10, 20}, elements2[2] = {30, 40};

static struct weir_ledger_tags tag(
	enum weir_client_kind kind, const void *values, size_t count, const uint64_t *elements)
{
	struct weir_ledger_tags tags;
	const struct weir_client_vector vector = {kind, values, count};
	cr_assert_eq(weir_ledger_tag(&dir, &vector, WEIR_MODULUS_M61, elements, &tags), 0);
	return tags;
}

static bool same(const struct weir_digest *a, const struct weir_digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

Test(ledger, tags_numbers_and_not_their_types)
{
	const double reals[] = {1, -2}, halves[] = {1.5, -2};
	const int64_t integers[] = {1, -2};
	const uint64_t ones[] = {1, 2};
	const double positive[] = {1, 2};
	struct weir_ledger_tags a = tag(WEIR_CLIENT_REALS, reals, 2, elements1);
	struct weir_ledger_tags b = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements2);
	cr_assert(same(&a.input, &b.input));
	cr_assert_not(same(&a.elements, &b.elements));
	struct weir_ledger_tags c = tag(WEIR_CLIENT_REALS, halves, 2, elements1);
	cr_assert_not(same(&a.input, &c.input));
	cr_assert(same(&a.elements, &c.elements));
	struct weir_ledger_tags d = tag(WEIR_CLIENT_UNSIGNED, ones, 2, elements1);
	struct weir_ledger_tags e = tag(WEIR_CLIENT_REALS, positive, 2, elements1);
	cr_assert(same(&d.input, &e.input));
	struct weir_ledger_tags zero = tag(WEIR_CLIENT_REALS, (const double[]){0.0}, 1, elements1);
	struct weir_ledger_tags minus =
		tag(WEIR_CLIENT_REALS, (const double[]){-0.0}, 1, elements1);
	cr_assert(same(&zero.input, &minus.input));
}

Test(ledger, tags_are_keyed)
{
	const int64_t integers[] = {1, -2};
	struct weir_ledger_tags a = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements1);
	struct weir_ledger_tags again = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements1);
	cr_assert(same(&a.input, &again.input));
	char path[128];
	snprintf(path, sizeof(path), "%s/ledger.key", folder.path);
	cr_assert_eq(remove(path), 0);
	struct weir_ledger_tags b = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements1);
	cr_assert_not(same(&a.input, &b.input));
	cr_assert_not(same(&a.elements, &b.elements));
}

Test(ledger, refuses_another_event_by_either_tag_and_allows_the_same)
{
	const int64_t integers[] = {1, -2}, others[] = {5, 6};
	struct weir_digest found;
	struct weir_ledger_tags a = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements1);
	cr_assert_eq(weir_ledger_check(&dir, &a, &event1, &found), 0, "an empty ledger");
	cr_assert_eq(weir_ledger_record(&dir, &a, &event1), 0);
	cr_assert_eq(weir_ledger_check(&dir, &a, &event1, &found), 0);
	cr_assert_eq(weir_ledger_check(&dir, &a, &event2, &found), -EEXIST);
	cr_assert(same(&found, &event1));
	struct weir_ledger_tags input = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements2);
	cr_assert_eq(weir_ledger_check(&dir, &input, &event2, &found), -EEXIST);
	struct weir_ledger_tags encoded = tag(WEIR_CLIENT_INTEGERS, others, 2, elements1);
	cr_assert_eq(weir_ledger_check(&dir, &encoded, &event2, &found), -EEXIST);
	struct weir_ledger_tags neither = tag(WEIR_CLIENT_INTEGERS, others, 2, elements2);
	cr_assert_eq(weir_ledger_check(&dir, &neither, &event2, &found), 0);
}

Test(ledger, survives_a_line_that_was_never_finished)
{
	const int64_t integers[] = {1, -2}, others[] = {5, 6};
	struct weir_digest found;
	size_t length;
	struct weir_ledger_tags a = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements1);
	struct weir_ledger_tags b = tag(WEIR_CLIENT_INTEGERS, others, 2, elements2);
	cr_assert_eq(weir_ledger_record(&dir, &a, &event1), 0);
	char *bytes = folder_read(&folder, "ledger", &length);
	cr_assert_eq(length, 195);
	char *torn = malloc(2 * length);
	memcpy(torn, bytes, length);
	memcpy(torn + length, bytes, length);
	for (size_t cut = 1; cut < length; cut += 13) {
		folder_write(&folder, "ledger", torn, length + cut);
		cr_assert_eq(weir_ledger_check(&dir, &a, &event2, &found), -EEXIST);
		cr_assert_eq(weir_ledger_record(&dir, &b, &event2), 0);
		cr_assert_eq(weir_ledger_check(&dir, &b, &event1, &found), -EEXIST);
		cr_assert_eq(weir_ledger_check(&dir, &a, &event2, &found), -EEXIST);
	}
	free(torn);
	free(bytes);
}

Test(ledger, refuses_to_work_when_it_is_damaged)
{
	const int64_t integers[] = {1, -2};
	struct weir_digest found;
	struct weir_ledger_tags tags;
	const struct weir_client_vector vector = {WEIR_CLIENT_INTEGERS, integers, 2};
	size_t length;
	struct weir_ledger_tags a = tag(WEIR_CLIENT_INTEGERS, integers, 2, elements1);
	cr_assert_eq(weir_ledger_record(&dir, &a, &event1), 0);
	char *bytes = folder_read(&folder, "ledger", &length);
	bytes[5] = 'X';
	folder_write(&folder, "ledger", bytes, length);
	cr_assert_eq(weir_ledger_check(&dir, &a, &event2, &found), -EBADMSG);
	free(bytes);
	folder_write(&folder, "ledger.key", "short", 5);
	cr_assert_eq(weir_ledger_tag(&dir, &vector, WEIR_MODULUS_M61, elements1, &tags), -EBADMSG);
	char path[128];
	snprintf(path, sizeof(path), "%s/ledger.key", folder.path);
	cr_assert_eq(chmod(path, 0644), 0);
	cr_assert_eq(weir_ledger_tag(&dir, &vector, WEIR_MODULUS_M61, elements1, &tags), -EACCES);
}
