// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client_config.h"
#include "config_test.h"

TestSuite(client, .init = make_folder, .fini = remove_folder);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(client, values_and_defaults)
{
	struct weir_config_error error;
	write_file("test.cfg", valid_texts[CONFIG_CLIENT]);
	struct weir_client_config *client = weir_client_config_load(in_folder("test.cfg"), &error);

	cr_assert_not_null(client, "%s", error.message);
	cr_expect_str_eq(client->path, in_folder("test.cfg"));
	cr_expect_str_eq(client->identity_file, in_folder("c.pem"));
	cr_expect_str_eq(client->state, in_folder("state"));
	cr_expect_eq(client->timeout_ms, 60000);
	cr_assert_eq(client->aggregator_count, 2);
	cr_expect_str_eq(client->aggregators[0].name, "a");
	cr_expect_str_eq(client->aggregators[0].identity, ID_A);
	cr_expect_str_eq(client->aggregators[1].url, "https://b.example:443");
	weir_client_config_free(client);
}

Test(client, everything_can_be_set)
{
	struct weir_config_error error;
	char *text = replaced(valid_texts[CONFIG_CLIENT], "key = \"c.pem\";",
		"key = \"/etc/c.pem\"; state = \"/var/c\"; timeout = \"2 min\";");
	write_file("test.cfg", text);
	struct weir_client_config *client = weir_client_config_load(in_folder("test.cfg"), &error);

	cr_assert_not_null(client, "%s", error.message);
	cr_expect_str_eq(client->identity_file, "/etc/c.pem");
	cr_expect_str_eq(client->state, "/var/c");
	cr_expect_eq(client->timeout_ms, 120000);
	weir_client_config_free(client);
	free(text);
}

Test(client, a_file_in_the_current_folder)
{
	struct weir_config_error error;
	write_file("test.cfg", valid_texts[CONFIG_CLIENT]);
	cr_assert_eq(chdir(folder), 0);
	struct weir_client_config *client = weir_client_config_load("test.cfg", &error);

	cr_assert_not_null(client, "%s", error.message);
	cr_expect_str_eq(client->identity_file, "c.pem");
	cr_expect_str_eq(client->state, "state");
	weir_client_config_free(client);
}

Test(client, refuses_what_is_wrong)
{
	static const struct refusal refusals[] = {
		{"key = \"c.pem\";", "", 1, {"has no setting key", "add key = "}},
		{"key = \"c.pem\"", "keys = \"c.pem\"", 1, {"keys is not a setting", "key, state"}},
		{"key = \"c.pem\";", "key = \"c.pem\"; timeout = \"0 s\";", 1, {"timeout"}},
		{ID_B, ID_A, 5, {"aggregators[1].identity", "element 0"}},
		{"name = \"b\"", "name = \"a\"", 5, {"aggregators[1].name", "element 0"}},
		{"name = \"b\"", "name = \"b b\"", 5, {"aggregators[1].name", "not a name"}},
		{"https://b", "ftp://b", 6, {"aggregators[1].url", "http://HOST:PORT"}},
		{"9347\"; },", "9347\"; }, 7,", 4, {"aggregators[1] must be a group"}},
		{"  { name = \"a\"; identity = \"" ID_A
		 "\";\n    url = \"http://192.0.2.2:9347\"; },\n",
			"", 2, {"aggregators has length 1", "2 to 16"}},
	};
	expect_refusals(CONFIG_CLIENT, refusals, COUNT(refusals));
}

Test(client, cuts_the_beginning_of_a_long_path)
{
	struct weir_config_error error;
	char path[3000];

	memset(path, 'd', sizeof(path) - 1);
	for (size_t i = 100; i < sizeof(path) - 10; i += 100)
		path[i] = '/';
	strcpy(path + sizeof(path) - 10, "/none.cfg");
	cr_expect_null(weir_client_config_load(path, &error));
	cr_expect_eq(errno, ENOENT);
	cr_expect_eq(strncmp(error.message, "...d", 4), 0);
	cr_expect_not_null(strstr(error.message, "/none.cfg: cannot be read"));
}

Test(client, refuses_an_endless_path)
{
	struct weir_config_error error;
	static char path[WEIR_PATH_MAX + 1];

	memset(path, 'd', WEIR_PATH_MAX);
	cr_expect_null(weir_client_config_load(path, &error));
	cr_expect_eq(errno, ENAMETOOLONG);
}

Test(client, says_when_a_file_may_not_be_read)
{
	struct weir_config_error error;

	write_file("test.cfg", valid_texts[CONFIG_CLIENT]);
	cr_assert_eq(chmod(in_folder("test.cfg"), 0), 0);
	if (geteuid() == 0 && seteuid(65534) != 0)
		cr_skip_test("root here cannot be anybody else");
	cr_expect_null(weir_client_config_load(in_folder("test.cfg"), &error));
	int code = errno;
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
	cr_expect_eq(code, EACCES);
	cr_expect_not_null(strstr(error.message, "permission denied"));
}
