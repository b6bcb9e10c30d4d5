// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "parameters.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_CHANGES 256

struct unit {
	const char *name;
	double factor;
	double limit; // in the unit's own dimension, after the factor
};

static const struct unit percent_units[] = {{"%", 0.01, 1}, {NULL, 0, 0}};
static const struct unit duration_units[] = {{"ns", 1, 3600e9}, {"us", 1e3, 3600e9},
	{"ms", 1e6, 3600e9}, {"s", 1e9, 3600e9}, {NULL, 0, 0}};
static const struct unit rate_units[] = {
	{"kbit", 1e3, 1e12}, {"mbit", 1e6, 1e12}, {"gbit", 1e9, 1e12}, {NULL, 0, 0}};
static const struct unit size_units[] = {
	{"b", 1, 1e9}, {"kb", 1e3, 1e9}, {"mb", 1e6, 1e9}, {NULL, 0, 0}};

void link_parameters_init(struct link_parameters *parameters)
{
	*parameters = (struct link_parameters){
		.hold_ns = 5000000,
		.queue_bytes = 256000,
	};
}

// A bare 0 needs no unit; everything else does, so that nobody has to guess.
static int parse_quantity(const char *word, const struct unit *units, double *value)
{
	char *end;

	if (!isdigit((unsigned char)word[0]))
		return -EINVAL;
	*value = strtod(word, &end);
	if (*end == '\0' && *value == 0)
		return 0;
	for (; units->name; units++) {
		if (strcmp(end, units->name) != 0)
			continue;
		*value *= units->factor;
		return isfinite(*value) && *value <= units->limit ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int link_duration_parse(const char *word, uint64_t *nanoseconds)
{
	double value;

	if (parse_quantity(word, duration_units, &value) < 0)
		return -EINVAL;
	*nanoseconds = (uint64_t)llround(value);
	return 0;
}

int link_target_parse(const char *word, struct link_target *target)
{
	bool both = strcmp(word, "both") == 0;
	bool a_to_b = both || strcmp(word, "a-to-b") == 0;
	bool b_to_a = both || strcmp(word, "b-to-a") == 0;

	if (!a_to_b && !b_to_a)
		return -EINVAL;
	target->chosen[LINK_A_TO_B] = a_to_b;
	target->chosen[LINK_B_TO_A] = b_to_a;
	return 0;
}

static int change_word(struct link_parameters *parameters, const char *word)
{
	if (strcmp(word, "cut") == 0)
		parameters->cut = true;
	else if (strcmp(word, "heal") == 0)
		parameters->cut = false;
	else if (strcmp(word, "clear") == 0)
		link_parameters_init(parameters);
	else
		return -EINVAL;
	return 0;
}

static int change_value(struct link_parameters *parameters, const char *key, const char *value)
{
	const struct {
		const char *key;
		const struct unit *units;
		double *probability; // one of these two
		uint64_t *count;
	} keys[] = {
		{"loss", percent_units, &parameters->loss, NULL},
		{"dup", percent_units, &parameters->duplicate, NULL},
		{"reorder", percent_units, &parameters->reorder, NULL},
		{"corrupt", percent_units, &parameters->corrupt, NULL},
		{"hold", duration_units, NULL, &parameters->hold_ns},
		{"delay", duration_units, NULL, &parameters->delay_ns},
		{"jitter", duration_units, NULL, &parameters->jitter_ns},
		{"rate", rate_units, NULL, &parameters->rate},
		{"queue", size_units, NULL, &parameters->queue_bytes},
	};
	double quantity;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		if (parse_quantity(value, keys[i].units, &quantity) < 0)
			return -EINVAL;
		if (keys[i].probability)
			*keys[i].probability = quantity;
		else
			*keys[i].count = (uint64_t)llround(quantity);
		return 0;
	}
	return -EINVAL;
}

int link_parameters_change(
	struct link_parameters *parameters, const char *changes, char *error, size_t error_size)
{
	struct link_parameters changed = *parameters;
	char copy[LONGEST_CHANGES], *rest = copy, *word;

	if (strlen(changes) >= sizeof(copy)) {
		snprintf(error, error_size, "more than %d characters of changes",
			LONGEST_CHANGES - 1);
		return -EINVAL;
	}
	strcpy(copy, changes);
	while ((word = strsep(&rest, ",")) != NULL) {
		char whole[LONGEST_CHANGES];
		strcpy(whole, word);
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		int rc = value ? change_value(&changed, word, value) : change_word(&changed, word);
		if (rc < 0) {
			snprintf(error, error_size,
				"'%s' is not a change: see --help for keys, ranges and units",
				whole);
			return rc;
		}
	}
	*parameters = changed;
	return 0;
}
