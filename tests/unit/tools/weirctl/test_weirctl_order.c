// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Options may stand before the command's name.

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "weirctl.h"

// Orders the words of a line and compares them with those of another.
static void expect_order(const char *line, const char *wanted)
{
	char text[256], joined[256] = "";
	char *argv[16];
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	weirctl_order_arguments(argc, argv);
	cr_assert_null(argv[argc]);
	for (int i = 0; i < argc; i++) {
		strcat(joined, i == 0 ? "" : " ");
		strcat(joined, argv[i]);
	}
	cr_expect_str_eq(joined, wanted, "%s became %s, not %s", line, joined, wanted);
}

Test(order, leaves_a_command_that_is_first)
{
	expect_order("weirctl status --json", "weirctl status --json");
	expect_order("weirctl roster add --name x", "weirctl roster add --name x");
	expect_order("weirctl help announce", "weirctl help announce");
}

Test(order, moves_the_command_before_its_options)
{
	expect_order("weirctl --json status", "weirctl status --json");
	expect_order("weirctl --config a.cfg status", "weirctl status --config a.cfg");
	expect_order(
		"weirctl --config=a.cfg status --json", "weirctl status --config=a.cfg --json");
	expect_order("weirctl --url u --identity i --key k --json events 3f",
		"weirctl events --url u --identity i --key k --json 3f");
	expect_order("weirctl --round 2 --config status announce job.cfg",
		"weirctl announce --round 2 --config status job.cfg");
	expect_order("weirctl --help run", "weirctl run --help");
}

Test(order, knows_abbreviated_options)
{
	expect_order("weirctl --conf a.cfg status", "weirctl status --conf a.cfg");
	expect_order("weirctl --js status x", "weirctl status --js x");
}

Test(order, leaves_what_has_no_command)
{
	expect_order("weirctl", "weirctl");
	expect_order("weirctl --help", "weirctl --help");
	expect_order("weirctl --version status", "weirctl --version status");
	expect_order("weirctl --json --config", "weirctl --json --config");
	expect_order("weirctl --config a.cfg", "weirctl --config a.cfg");
}
