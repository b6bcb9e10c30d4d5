// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Events as a table for people.

#include <string.h>

#include "event_list.h"
#include "plain_text.h"

#define SHORT_IDENTITY 12 // digits, as in the log of weir-control
#define SHORT_ID       16 // digits of an id: enough to tell events apart, and commands take them

static const char *const counted[] = {"joined", "admitted", "committed", "sealed", "aborted"};

static int job_width(json_t *events)
{
	size_t widest = strlen("JOB"), i;
	json_t *event;

	json_array_foreach(events, i, event)
	{
		size_t length = json_string_length(json_object_get(event, "job"));
		if (length > widest)
			widest = length;
	}
	return widest < 63 ? (int)widest : 63;
}

// A job's name is a name only if the appliance is honest.
static void print_padded(FILE *out, const char *text, int width)
{
	char cut[64];

	snprintf(cut, sizeof(cut), "%s", text == NULL ? "" : text);
	plain_print(out, cut);
	fprintf(out, "%*s", width - (int)strlen(cut) + 2, "");
}

// Whom a draft waits for.
static void print_missing(FILE *out, json_t *missing)
{
	size_t i;
	json_t *identity;

	json_array_foreach(missing, i, identity)
	{
		char cut[SHORT_IDENTITY + 1];

		snprintf(cut, sizeof(cut), "%s",
			json_is_string(identity) ? json_string_value(identity) : "");
		fputs(i == 0 ? "  without an offer of " : ", ", out);
		plain_print(out, cut);
	}
}

static void print_event(FILE *out, const json_t *event, int width, int64_t now_ms)
{
	const json_t *counts = json_object_get(event, "counts");
	const json_t *announced = json_object_get(event, "announced_ms");
	const char *id = json_string_value(json_object_get(event, "id"));
	const char *reason = json_string_value(json_object_get(event, "reason"));
	char age[32] = "-", cut[SHORT_ID + 1];

	if (json_integer_value(announced) > 0) // a clock: what is not is no age either
		plain_age(now_ms - json_integer_value(announced), age, sizeof(age));
	snprintf(cut, sizeof(cut), "%s", id == NULL ? "" : id);
	print_padded(out, cut, SHORT_ID);
	print_padded(out, json_string_value(json_object_get(event, "state")), 9);
	print_padded(out, json_string_value(json_object_get(event, "job")), width);
	fprintf(out, "%5lld", (long long)json_integer_value(json_object_get(event, "round")));
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		const json_t *count = json_object_get(counts, counted[i]);
		if (json_is_integer(count))
			fprintf(out, "  %*lld", (int)strlen(counted[i]),
				(long long)json_integer_value(count));
		else
			fprintf(out, "  %*s", (int)strlen(counted[i]), "-");
	}
	fprintf(out, "  %6s", age);
	if (reason != NULL && *reason != '\0') {
		fputs("  ", out);
		plain_print(out, reason);
	}
	print_missing(out, json_object_get(event, "missing_offers"));
	putc('\n', out);
}

void event_list_print(FILE *out, json_t *events, int64_t now_ms)
{
	int width = job_width(events);
	size_t i;
	json_t *event;

	if (json_array_size(events) == 0) {
		fputs("no events\n", out);
		return;
	}
	fprintf(out,
		"%-*s  %-9s  %-*s  ROUND  JOINED  ADMITTED  COMMITTED  SEALED  ABORTED     AGE\n",
		SHORT_ID, "EVENT", "STATE", width, "JOB");
	json_array_foreach(events, i, event) print_event(out, event, width, now_ms);
}
