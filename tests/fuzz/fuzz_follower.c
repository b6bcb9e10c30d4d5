// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What peers answer to an appliance: lists of their events, logs, joins, replies to reports. Lines are
//
//   PART STATUS BODY   the answer to the newest request whose target contains PART
//   PART # ENTRY       the same with this entry of a log, signed
//   +5000, ?0, !0      time passes; the dataplane hears of a client (fuzz_api.c)
//
// Names behind a '@': control_names.h.

#include <string.h>

#include "control_names.h"
#include "control_rig.h"
#include "fuzz.h"

#define LINES_MOST     64
#define INPUTS_A_START 200

static unsigned inputs;
static bool loud; // for people: WEIR_FUZZ_LOUD=1

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	loud = getenv("WEIR_FUZZ_LOUD");
	control_rig_start();
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
	if (loud)
		fprintf(stderr, "%s %s\n", call->method, call->target);
	control_rig_answer(call, *status == '#' ? 200 : strtol(status, NULL, 10) % 600, body);
	json_decref(body);
	control_rig_turns();
	if (loud && control->book.first)
		fprintf(stderr, "    %d %s%s\n", control->book.first->state,
			control->book.first->reason, control->book.first->participant.broken);
}

static void take_line(const char *line)
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
	control_names_find(&names, inputs);
	text = fuzz_expand(line, names.names, names.count);
	if (loud)
		fprintf(stderr, "> %s\n", text);
	answer(text, &names);
	free(text);
	control_names_free(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *line;

	inputs++;
	for (unsigned i = 0; i < LINES_MOST && (line = strsep(&rest, "\n")); i++)
		take_line(line);
	control_rig_end_events();
	free(text);
	if (inputs % INPUTS_A_START == 0)
		control_rig_restart();
	return 0;
}
