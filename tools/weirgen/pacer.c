// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "pacer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_OVERHEAD 24 // preamble 8, frame check sequence 4, gap 12

// What a sender was late is made good in a burst: of what a receive ring of 1024 holds at 10 Mpps.
#define BEHIND_SECONDS 0.0001

static const struct unit {
	const char *name;
	double factor;
	enum { FRAMES, BITS, PERCENT } kind;
} units[] = {
	{"pps", 1, FRAMES},
	{"kpps", 1e3, FRAMES},
	{"Mpps", 1e6, FRAMES},
	{"bit/s", 1, BITS},
	{"kbit/s", 1e3, BITS},
	{"Mbit/s", 1e6, BITS},
	{"Gbit/s", 1e9, BITS},
	{"%", 0.01, PERCENT},
};

int pacer_parse(const char *text, uint64_t line_bytes_per_second, struct pacer_rate *rate)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !isfinite(value) || value <= 0)
		return -EINVAL;
	end += strspn(end, " ");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		value *= units[i].factor;
		*rate = (struct pacer_rate){0};
		if (units[i].kind == FRAMES) {
			rate->frames_per_second = value;
		} else if (units[i].kind == BITS) {
			rate->bits_per_second = value;
		} else {
			if (line_bytes_per_second == 0)
				return -EDOM;
			rate->bits_per_second = value * 8 * (double)line_bytes_per_second;
			rate->overhead_bytes = LINE_OVERHEAD;
		}
		return 0;
	}
	return -EINVAL;
}

void pacer_start(struct pacer *pacer, const struct pacer_rate *rate, double share,
	uint64_t ticks_per_second, uint64_t now)
{
	double ticks = (double)ticks_per_second;

	*pacer = (struct pacer){
		.is_on = rate->frames_per_second > 0 || rate->bits_per_second > 0,
		.overhead_bytes = rate->overhead_bytes,
		.next = (double)now,
		.behind = BEHIND_SECONDS * ticks,
	};
	if (rate->frames_per_second > 0)
		pacer->ticks_per_frame = ticks / (rate->frames_per_second * share);
	if (rate->bits_per_second > 0)
		pacer->ticks_per_byte = 8 * ticks / (rate->bits_per_second * share);
}
