// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

// 27 fraction digits times the largest factor stay below 2^127.
#define FRACTION_DIGITS_MAX 27

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{"B", 1},
	{"kB", 1000},
	{"MB", 1000 * 1000},
	{"GB", 1000 * 1000 * 1000},
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{NULL, 0},
};

static const struct unit duration_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"min", 60 * 1000},
	{"h", 60 * 60 * 1000},
	{NULL, 0},
};

static const struct unit rate_units[] = {
	{"bit/s", 1},
	{"kbit/s", 1000},
	{"Mbit/s", 1000 * 1000},
	{"Gbit/s", 1000 * 1000 * 1000},
	{NULL, 0},
};

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcmp(units->name, name) == 0)
			return units;
	return NULL;
}

// A number and a unit as (number x factor) / divisor, which must be whole.
static int parse_quantity(
	const char *text, const struct unit *units, unsigned divisor, uint64_t *out)
{
	const char *p = text;
	unsigned __int128 whole = 0, fraction = 0, denominator = 1;
	int digits = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (whole <= UINT64_MAX) // beyond, its size no longer matters
			whole = whole * 10 + (unsigned)(*p - '0');
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++) {
			if (++digits > FRACTION_DIGITS_MAX)
				return -EINVAL;
			fraction = fraction * 10 + (unsigned)(*p - '0');
			denominator *= 10;
		}
	}
	if (*p == ' ')
		p++;
	const struct unit *unit = find_unit(units, p);
	if (!unit)
		return -EINVAL;
	if (whole > UINT64_MAX)
		return -ERANGE;

	fraction *= unit->factor;
	unsigned __int128 total = whole * unit->factor + fraction / denominator;
	if (fraction % denominator || total % divisor)
		return -EINVAL;
	total /= divisor;
	if (total > UINT64_MAX)
		return -ERANGE;
	*out = (uint64_t)total;
	return 0;
}

int weir_parse_bytes(const char *text, uint64_t *out)
{
	return parse_quantity(text, byte_units, 1, out);
}

int weir_parse_duration(const char *text, uint64_t *out_ms)
{
	return parse_quantity(text, duration_units, 1, out_ms);
}

int weir_parse_rate(const char *text, uint64_t *out_bytes_per_second)
{
	return parse_quantity(text, rate_units, 8, out_bytes_per_second);
}
