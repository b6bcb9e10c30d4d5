// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What peers answer to an appliance: lists of their events, logs, joins, replies to reports. Lines are
//
//   PART STATUS BODY   the answer to the newest request whose target contains PART
//   PART # ENTRY       the same with this entry of a log, signed
//
// and what control_lines.h says.

#include <string.h>

#include "control_lines.h"

#define LINES_MOST     64
#define INPUTS_A_START 200

static unsigned inputs;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	control_lines_start();
	return 0;
}

static json_t *wrap_entry(const char *entry, const struct control_names *names)
{
	char *signature = fuzz_expand("@S", names->names, names->count);
	json_t *root =
		json_pack("{s:[{s:s, s:s}]}", "entries", "entry", entry, "signature", signature);

	free(signature);
	return root;
}

static void answer(char *line, const struct control_names *names)
{
	char *rest = line, *part = strsep(&rest, " "), *status = strsep(&rest, " ");
	struct rig_call *call = status ? control_rig_call(part) : NULL;
	json_t *body;

	if (!call)
		return;
	body = *status == '#' ? wrap_entry(rest ? rest : "", names)
			      : json_loads(rest ? rest : "", JSON_REJECT_DUPLICATES, NULL);
	if (control_lines_loud)
		fprintf(stderr, "%s %s\n", call->method, call->target);
	control_rig_answer(call, *status == '#' ? 200 : strtol(status, NULL, 10) % 600, body);
	json_decref(body);
	control_rig_turns();
	if (control_lines_loud && control->book.first)
		fprintf(stderr, "    %d %s%s\n", control->book.first->state,
			control->book.first->reason, control->book.first->participant.broken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	control_lines_run(data, size, LINES_MOST, ++inputs, answer);
	control_rig_end_events();
	if (inputs % INPUTS_A_START == 0)
		control_rig_restart();
	return 0;
}
