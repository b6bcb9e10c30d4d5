// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The program as an operator meets it before any appliance is asked: help, and refusals of one line
// with exit code 2.

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static char output[16384], folder[64];

static void make_folder(void)
{
	strcpy(folder, "/tmp/weirctl-usage-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
}

static void remove_folder(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(usage, .init = make_folder, .fini = remove_folder);

// Runs weirctl with these words, as a shell reads them; both its streams into output.
static int weirctl(const char *words)
{
	char command[1024];
	const char *program = getenv("WEIRCTL_PROGRAM");

	cr_assert_not_null(program, "WEIRCTL_PROGRAM is not set; run by meson test");
	snprintf(command, sizeof(command), "'%s' %s 2>&1 </dev/null", program, words);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	output[fread(output, 1, sizeof(output) - 1, pipe)] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void expect(const char *words, int code, const char *wanted)
{
	cr_expect_eq(weirctl(words), code, "weirctl %s: %s", words, output);
	cr_expect_not_null(strstr(output, wanted), "weirctl %s: '%s' does not say '%s'", words,
		output, wanted);
	if (code != 0)
		cr_expect_eq(strchr(output, '\n'), output + strlen(output) - 1,
			"weirctl %s: more than a line: %s", words, output);
}

static void write_text(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void write_key(const char *name)
{
	struct weir_signing_key *key = weir_signing_key_generate();

	cr_assert_eq(weir_signing_key_save(key, name), 0);
	weir_signing_key_free(key);
}

Test(usage, every_command_has_help_with_examples)
{
	static const char *const commands[] = {
		"status", "roster", "announce", "run", "events", "cancel", "stats", "watch"};
	char words[64], example[64];

	expect("--help", 0, "weirctl announce job.cfg");
	expect("help", 0, "weirctl COMMAND --help");
	expect("--version", 0, "weirctl ");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(words, sizeof(words), "%s --help", commands[i]);
		snprintf(example, sizeof(example), "examples:\n  weirctl %s", commands[i]);
		expect(words, 0, example);
		expect(words, 0, "--config FILE");
		snprintf(words, sizeof(words), "--help %s", commands[i]);
		expect(words, 0, example);
	}
}

Test(usage, wrong_words_are_refused)
{
	expect("fly", 2, "there is no command 'fly'");
	expect("status now", 2, "unexpected argument 'now'");
	expect("status --fast", 2, "--fast");
	expect("status --count 3", 2, "--count");
	expect("stats --config", 2, "--config needs a value");
	expect("events a b", 2, "unexpected argument 'b'");
	expect("cancel", 2, "write one event's id");
	expect("announce", 2, "write one job file");
	expect("announce a.cfg b.cfg", 2, "write one job file");
	expect("announce a.cfg --round 0", 2, "--round 0: write a number from 1 to 4294967295");
	expect("run a.cfg --round x", 2, "--round x");
	expect("watch --count 0", 2, "--count 0");
	expect("watch --json", 2, "watch is for people");
}

Test(usage, wrong_roster_words_are_refused)
{
	expect("roster", 2, "write list, add or remove");
	expect("roster fly", 2, "there is no roster 'fly'");
	expect("roster list x", 2, "takes no identities");
	expect("roster add", 2, "write identities, or --file FILE");
	expect("roster add alice", 2, "'alice' is not an identity");
	expect("roster add --name alice " ID_A " " ID_A, 2, "--name goes with exactly one");
	expect("roster remove --name alice " ID_A, 2, "--name goes with add");
	expect("roster add --name $(printf '\\033[2J') " ID_A, 2, "control character");
	expect("roster add --file nowhere.txt", 2, "nowhere.txt: cannot be opened");
	expect("roster add --file nowhere.txt " ID_A, 2, "not both");
	write_text("members.txt", "# nobody\n\nalice\n");
	expect("roster add --file members.txt", 2, "members.txt:3: 'alice' is not an identity");
	write_text("nobody.txt", "# nobody\n");
	expect("roster add --file nobody.txt", 2, "nobody.txt: has no members");
}

Test(usage, a_bad_config_or_job_is_named_with_its_line)
{
	expect("status --config nowhere.cfg", 2, "nowhere.cfg");
	write_text("bad.cfg", "dataplane = {\n  ports = 7;\n};\n");
	expect("status --config bad.cfg", 2, "bad.cfg:2: ");
	expect("--config bad.cfg status", 2, "bad.cfg:2: ");
	expect("announce nowhere.cfg", 2, "nowhere.cfg");
	write_text("job.cfg", "job = \"j\";\nmodulus = \"2^62\";\n");
	expect("announce job.cfg", 2, "job.cfg:2: ");
	expect("run job.cfg", 2, "job.cfg:2: ");
}

Test(usage, a_remote_operator_says_all_three)
{
	expect("status --url http://127.0.0.1:9", 2, "go together");
	expect("status --key me.pem --identity " ID_A, 2, "go together");
	expect("status --config a.cfg --url http://127.0.0.1:9 --key me.pem --identity " ID_A, 2,
		"not both");
	expect("status --url 127.0.0.1:9 --key me.pem --identity " ID_A, 2, "--url 127.0.0.1:9: ");
	expect("status --url http://h/x --key me.pem --identity " ID_A, 2, "--url http://h/x: ");
	expect("status --url http:// --key me.pem --identity " ID_A, 2, "--url http://: ");
	expect("status --url http://h --key me.pem --identity abc", 2, "--identity abc: ");
}

Test(usage, a_key_that_is_no_use_is_named)
{
	static const char remote[] = "status --url http://127.0.0.1:9 --identity " ID_A " --key ";
	char words[256];

	snprintf(words, sizeof(words), "%s%s", remote, "nowhere.pem");
	expect(words, 2, "nowhere.pem: there is no such key");
	write_text("text.pem", "not a key\n");
	cr_assert_eq(chmod("text.pem", 0600), 0);
	snprintf(words, sizeof(words), "%s%s", remote, "text.pem");
	expect(words, 2, "text.pem: not an unencrypted Ed25519 private key");
	write_key("open.pem");
	cr_assert_eq(chmod("open.pem", 0644), 0);
	snprintf(words, sizeof(words), "%s%s", remote, "open.pem");
	expect(words, 2, "open.pem: cannot be read, or others can read it");
}

Test(usage, an_appliance_that_is_not_there_is_named)
{
	write_key("me.pem");
	expect("status --url http://127.0.0.1:9 --key me.pem --identity " ID_A, 1,
		"127.0.0.1:9 (http://127.0.0.1:9)");
	expect("events --url http://127.0.0.1:9 --key me.pem --identity " ID_A, 1,
		"does weir-control run there");
	expect("cancel --url http://127.0.0.1:9 --key me.pem --identity " ID_A " xyz", 2,
		"'xyz' is not the id of an event");
}
