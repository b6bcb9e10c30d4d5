// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// libweir as a stranger uses it: weir.h alone, the shared library alone.

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir.h"

static char folder[] = "/tmp/weir-embed-XXXXXX";
static char key_file[64];
static char identity[WEIR_CLIENT_ID_SIZE];

static void set_up(void)
{
	cr_assert_neq(mkdtemp(folder), NULL);
	snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
	cr_assert_eq(weir_client_keygen(key_file, identity), 0);
}

static void tear_down(void)
{
	unlink(key_file);
	rmdir(folder);
}

TestSuite(embedding, .init = set_up, .fini = tear_down);

static const struct weir_client_aggregator aggregators[2] = {
	{"a", "e8a30c5f1b97d264408ce1f27d5b9a3660fd82c4e7193ab5c6d20f8491be7a53",
		"http://127.0.0.1:1"},
	{"b", "4a5d1f9c0b6e83d7725c1e90af38b46d0c92e7f1586ba3d4ee1097c5b2683f10",
		"http://127.0.0.1:2"}};

static void expect(const struct weir_client_options *options, int error, const char *wanted)
{
	struct weir_client *client;
	cr_assert_eq(
		weir_client_open_options(options, &client), error, "%s", weir_client_error(client));
	cr_assert_neq(strstr(weir_client_error(client), wanted), NULL, "'%s' does not say '%s'",
		weir_client_error(client), wanted);
	weir_client_close(client);
}

Test(embedding, options_are_checked)
{
	struct weir_client_options good = {.key_file = key_file,
		.state = folder,
		.aggregators = aggregators,
		.aggregator_count = 2};
	struct weir_client_options bad = good;
	struct weir_client_aggregator twice[2] = {aggregators[0], aggregators[0]};
	expect(&good, 0, "");
	bad.aggregator_count = 1;
	expect(&bad, -EINVAL, "1 aggregators: 2 to 16 are possible");
	bad = good;
	bad.aggregators = twice;
	expect(&bad, -EINVAL, "same identity");
	twice[1] = aggregators[1];
	twice[1].url = "ftp://x";
	expect(&bad, -EINVAL, "is not a URL");
	twice[1].url = aggregators[1].url;
	twice[1].identity = "12";
	expect(&bad, -EINVAL, "64 lower-case hexadecimal digits");
	bad = good;
	bad.key_file = "/nonexistent.pem";
	expect(&bad, -ENOENT, "weir keygen");
	bad.key_file = NULL;
	expect(&bad, -EINVAL, "a key file");
}

Test(embedding, context_knows_its_identity_and_can_be_cancelled)
{
	const struct weir_client_options options = {.key_file = key_file,
		.state = folder,
		.aggregators = aggregators,
		.aggregator_count = 2};
	struct weir_client *client;
	struct weir_client_terms terms;
	char own[WEIR_CLIENT_ID_SIZE];
	cr_assert_eq(weir_client_open_options(&options, &client), 0);
	cr_assert_str_eq(weir_client_identity(client), identity);
	cr_assert_eq(weir_client_key_identity(key_file, own), 0);
	cr_assert_str_eq(own, identity);
	cr_assert_eq(weir_client_terms(client, "beef", &terms), -EINVAL);
	weir_client_cancel(client);
	cr_assert_eq(weir_client_terms(client, identity, &terms), -ECANCELED);
	weir_client_close(client);
	weir_client_close(NULL);
	weir_client_free(NULL);
	cr_assert_str_eq(weir_client_error(NULL), "out of memory");
}

Test(embedding, nothing_else_is_visible)
{
	void *self = dlopen(NULL, RTLD_NOW);
	cr_assert_neq(dlsym(self, "weir_client_submit"), NULL);
	cr_assert_eq(dlsym(self, "weir_split"), NULL);
	cr_assert_eq(dlsym(self, "weir_http_call"), NULL);
	dlclose(self);
}
