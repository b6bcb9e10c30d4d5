// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <stdbool.h>
#include <string.h>

#include "weirctl.h"

// Options whose value is the next word, also abbreviated as getopt_long allows; those with "=" are
// one word.
static bool takes_value(const char *word)
{
	static const char *const options[] = {"--config", "--url", "--identity", "--key", "--name",
		"--file", "--round", "--count"};
	size_t length = strlen(word);

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && length > 2; i++)
		if (strncmp(word, options[i], length) == 0)
			return true;
	return false;
}

void weirctl_order_arguments(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i += takes_value(argv[i]) ? 2 : 1;
	if (i >= argc || (argc > 1 && strcmp(argv[1], "--version") == 0))
		return;
	char *command = argv[i];
	memmove(&argv[2], &argv[1], (size_t)(i - 1) * sizeof(*argv));
	argv[1] = command;
}
