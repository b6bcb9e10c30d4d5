// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The program weir as a person meets it: help, exit codes, one line of error.

#include "tools_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char output[16384];

// Runs weir with these words (as a shell reads them); stdout and stderr into output.
static int weir(const char *words)
{
	char command[1024];
	const char *program = getenv("WEIR_PROGRAM");
	cr_assert_neq(program, NULL, "WEIR_PROGRAM is not set; run by meson test");
	snprintf(command, sizeof(command), "'%s' %s 2>&1 </dev/null", program, words);
	FILE *pipe = popen(command, "r");
	cr_assert_neq(pipe, NULL);
	size_t n = fread(output, 1, sizeof(output) - 1, pipe);
	output[n] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void expect(const char *words, int code, const char *wanted)
{
	cr_assert_eq(weir(words), code, "weir %s: %s", words, output);
	cr_assert_neq(strstr(output, wanted), NULL, "weir %s: '%s' does not say '%s'", words,
		output, wanted);
	if (code != 0 && *words != '\0')
		cr_assert_eq(strchr(output, '\n'), output + strlen(output) - 1,
			"weir %s: more than a line: %s", words, output);
}

Test(arguments, help_is_there_for_every_command_with_examples)
{
	static const char *const commands[] = {
		"keygen", "identity", "events", "submit", "state", "collect"};
	char words[64], example[64];
	expect("help", 0, "submit vectors");
	expect("--help", 0, "submit vectors");
	expect("--version", 0, "weir ");
	cr_assert_eq(weir(""), 2);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(example, sizeof(example), "\n  weir %s", commands[i]);
		snprintf(words, sizeof(words), "help %s", commands[i]);
		expect(words, 0, example);
		snprintf(words, sizeof(words), "%s --help", commands[i]);
		expect(words, 0, example);
	}
}

Test(arguments, bad_usage_is_2_and_one_line)
{
	expect("fly", 2, "there is no command 'fly'");
	expect("help fly", 2, "there is no command 'fly'");
	expect("submit", 2, "give the event and the vector");
	expect("submit --event latest", 2, "give the event and the vector");
	expect("submit --bogus", 2, "--bogus");
	expect("submit --event", 2, "--event needs a value");
	expect("submit --weight 0", 2, "--weight 0: write a number from 1");
	expect("submit --weight -1", 2, "--weight -1");
	expect("submit --weight 1x", 2, "--weight 1x");
	expect("submit --row 0", 2, "--row 0");
	expect("submit --format pdf", 2, "--format pdf: write csv, npy or raw");
	expect("submit --raw-type float", 2, "--raw-type float");
	expect("submit --wait soon", 2, "--wait soon: write a duration");
	expect("submit --timeout soon", 2, "--timeout soon: write a duration");
	expect("submit --timeout 0s", 2, "--timeout 0s: at least a second");
	expect("submit x", 2, "what is 'x'?");
	expect("collect", 2, "give the event");
	expect("collect --event 12 --output x.pdf", 2, "--format");
	expect("collect --event 12 --json --output -", 2, "--json");
	expect("events --after x", 2, "--after x");
	expect("events --wait soon", 2, "--wait soon");
	expect("identity", 2, "name one key file");
}

Test(arguments, a_bad_config_is_2_and_says_where)
{
	struct folder folder = folder_make();
	char words[256];
	snprintf(words, sizeof(words), "events --config %s/none.cfg", folder.path);
	expect(words, 2, "none.cfg");
	folder_write(&folder, "bad.cfg", "key = \"k.pem\";\ntypo = 1;\n", 25);
	snprintf(words, sizeof(words), "events --config %s/bad.cfg", folder.path);
	expect(words, 2, "bad.cfg:2");
	folder_remove(&folder);
}

Test(arguments, keygen_writes_0600_and_never_overwrites)
{
	struct folder folder = folder_make();
	char words[256], identity[80], path[128];
	struct stat status;
	snprintf(path, sizeof(path), "%s/k.pem", folder.path);
	snprintf(words, sizeof(words), "keygen --output %s", path);
	cr_assert_eq(weir(words), 0);
	snprintf(identity, sizeof(identity), "%.64s", output);
	cr_assert_eq(strspn(identity, "0123456789abcdef"), 64);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0600);
	expect(words, 1, "exists already");
	snprintf(words, sizeof(words), "identity %s", path);
	expect(words, 0, identity);
	cr_assert_eq(chmod(path, 0644), 0);
	expect(words, 1, "chmod 600");
	snprintf(words, sizeof(words), "identity %s/none.pem", folder.path);
	expect(words, 1, "No such file");
	snprintf(words, sizeof(words), "keygen --output %s/none/k.pem", folder.path);
	expect(words, 1, "none/k.pem: its folder does not exist");
	folder_remove(&folder);
}
