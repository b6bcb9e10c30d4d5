// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "config_test.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const valid_texts[CONFIG_KINDS] = {
	[CONFIG_APPLIANCE] = "dataplane = {\n"                                       // 1
			     "  ports = (\n"                                         // 2
			     "    { device = \"net_null0\"; ipv4 = \"192.0.2.1\";\n" // 3
			     "      mtu = 1500; },\n"                                // 4
			     "    { device = \"net_null1\"; ipv6 = \"2001:db8::1\"; }\n"
			     "  );\n"                           // 6
			     "  workers = [ 0,\n"               // 7
			     "    1 ];\n"                       // 8
			     "  idle = \"sleep\";\n"            // 9
			     "};\n"                             // 10
			     "control = {\n"                    // 11
			     "  key = \"a.pem\";\n"             // 12
			     "  state = \"/state\";\n"          // 13
			     "  listen = \"192.0.2.2:9347\";\n" // 14
			     "  peers = (\n"                    // 15
			     "    { name = \"b\"; identity = \"" ID_B "\";\n"
			     "      url = \"http://192.0.2.3:9347\"; },\n"
			     "    { name = \"c\"; identity = \"" ID_C "\";\n"
			     "      url = \"http://[2001:db8::4]:9347\"; }\n"
			     "  );\n"                                             // 20
			     "  roster = (\n"                                     // 21
			     "    { identity = \"" ID_D "\"; },\n"                // 22
			     "    { identity = \"" ID_E "\"; name = \"eve\"; }\n" // 23
			     "  );\n"                                             // 24
			     "  slots = 64;\n"                                    // 25
			     "};\n",
	[CONFIG_JOB] = "job = \"trial\";\n"                              // 1
		       "modulus = \"2^31-1\";\n"                         // 2
		       "dimension = 1000;\n"                             // 3
		       "encoding = { kind = \"integer\";\n"              // 4
		       "  bound = 1000; };\n"                            // 5
		       "max_clients = 100;\n"                            // 6
		       "duration = \"10 s\";\n"                          // 7
		       "aggregators = [\n"                               // 8
		       "  \"" ID_A "\",\n"                               // 9
		       "  \"" ID_B "\"\n"                                // 10
		       "];\n"                                            // 11
		       "collectors = [ \"" ID_C "\" ];\n",               // 12
	[CONFIG_CLIENT] = "key = \"c.pem\";\n"                           // 1
			  "aggregators = (\n"                            // 2
			  "  { name = \"a\"; identity = \"" ID_A "\";\n" // 3
			  "    url = \"http://192.0.2.2:9347\"; },\n"    // 4
			  "  { name = \"b\"; identity = \"" ID_B "\";\n" // 5
			  "    url = \"https://b.example:443\"; }\n"     // 6
			  ");\n",                                        // 7
};

char folder[64];

void make_folder(void)
{
	strcpy(folder, "/tmp/weir-config-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *position)
{
	return remove(path);
}

void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *in_folder(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

void write_file(const char *name, const char *text)
{
	FILE *stream = fopen(in_folder(name), "w");
	cr_assert_not_null(stream);
	cr_assert_eq(fwrite(text, 1, strlen(text), stream), strlen(text));
	cr_assert_eq(fclose(stream), 0);
}

char *read_file(const char *path)
{
	FILE *stream = fopen(path, "r");
	cr_assert_not_null(stream, "%s: %s", path, strerror(errno));
	fseek(stream, 0, SEEK_END);
	size_t size = (size_t)ftell(stream);
	rewind(stream);
	char *text = calloc(1, size + 1);
	cr_assert_eq(fread(text, 1, size, stream), size);
	fclose(stream);
	return text;
}

char *replaced(const char *base, const char *old, const char *new)
{
	const char *at = strstr(base, old);
	cr_assert_not_null(at, "\"%s\" is not in the valid text", old);
	cr_assert_null(strstr(at + 1, old), "\"%s\" is in the valid text twice", old);
	size_t before = (size_t)(at - base);
	size_t size = strlen(base) + strlen(new) + 1;
	char *text = malloc(size);
	snprintf(text, size, "%.*s%s%s", (int)before, base, new, at + strlen(old));
	return text;
}

void expect_refused(enum config_kind kind, const char *text, const char *file, unsigned line,
	const char *const *words, size_t word_count)
{
	struct weir_config_error error = {""};
	char path[256], where[300];

	snprintf(path, sizeof(path), "%s/test.cfg", folder);
	snprintf(where, sizeof(where), "%s/%s:%u: ", folder, file, line);
	int status = config_load_bytes(kind, path, text, strlen(text), &error);
	cr_expect_eq(status, -EINVAL, "status %d, not a refusal, of:\n%.2000s", status, text);
	cr_expect(strncmp(error.message, where, strlen(where)) == 0, "not at %s: %s", where,
		error.message);
	cr_expect_null(strchr(error.message, '\n'), "more than one line: %s", error.message);
	cr_expect_not_null(strpbrk(error.message, ";:"), "no advice: %s", error.message);
	for (size_t i = 0; i < word_count && words[i]; i++)
		cr_expect_not_null(strstr(error.message, words[i]), "no \"%s\" in: %s", words[i],
			error.message);
}

void expect_refusals(enum config_kind kind, const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text = replaced(valid_texts[kind], refusals[i].old, refusals[i].new);
		expect_refused(kind, text, "test.cfg", refusals[i].line, refusals[i].words, 4);
		free(text);
	}
}

void expect_loads(enum config_kind kind, const char *text)
{
	struct weir_config_error error = {""};
	char path[256];

	snprintf(path, sizeof(path), "%s/test.cfg", folder);
	int status = config_load_bytes(kind, path, text, strlen(text), &error);
	cr_expect_eq(status, 0, "%s: refused is:\n%.2000s", error.message, text);
}
