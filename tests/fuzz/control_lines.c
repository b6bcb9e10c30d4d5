// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_lines.h"

#include <string.h>

bool control_lines_loud;

void control_lines_start(void)
{
	control_lines_loud = getenv("WEIR_FUZZ_LOUD");
	control_rig_start();
}

static void take_line(const char *line, uint32_t round,
	void (*take)(char *text, const struct control_names *names))
{
	struct control_names names;
	char *text;

	if (line[0] == '+') {
		control_rig_pass(strtoul(line + 1, NULL, 10) % 100000);
		return;
	}
	if ((line[0] == '?' || line[0] == '!') && control->book.first) {
		control_rig_client(control->book.first->number,
			(uint32_t)strtoul(line + 1, NULL, 10), line[0] == '!');
		return;
	}
	control_names_find(&names, line, round);
	text = fuzz_expand(line, names.names, names.count);
	if (control_lines_loud)
		fprintf(stderr, "> %s\n", text);
	take(text, &names);
	free(text);
	control_names_free(&names);
}

void control_lines_run(const uint8_t *data, size_t size, unsigned lines_most, uint32_t round,
	void (*take)(char *text, const struct control_names *names))
{
	char *text = fuzz_text(data, size), *rest = text, *line;

	for (unsigned i = 0; i < lines_most && (line = strsep(&rest, "\n")); i++)
		take_line(line, round, take);
	free(text);
}
