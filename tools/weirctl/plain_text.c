// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "plain_text.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

void plain_print(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; c != NULL && *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f) {
			putc('?', out);
		} else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) { // U+0080 .. U+009F
			putc('?', out);
			c++;
		} else {
			putc(*c, out);
		}
	}
}

void plain_age(int64_t ms, char *text, size_t size)
{
	static const struct {
		int64_t least, unit;
		const char *name;
	} steps[] = {{2 * DAY, DAY, "d"}, {2 * HOUR, HOUR, "h"}, {2 * MINUTE, MINUTE, "min"},
		{INT64_MIN, SECOND, "s"}};
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (ms < steps[i].least)
		i++;
	snprintf(text, size, "%lld %s", (long long)(ms / steps[i].unit), steps[i].name);
}

void plain_quantity(double value, char *text, size_t size)
{
	static const char units[] = "kMGTPE";
	size_t i = 0;

	if (value < 10000) {
		snprintf(text, size, "%.0f ", value);
		return;
	}
	for (value /= 1000; value >= 1000 && units[i + 1] != '\0'; i++)
		value /= 1000;
	snprintf(text, size, "%.*f %c", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[i]);
}
