// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "arrival.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "units.h"

static int parse_seconds(const char *text, double *seconds)
{
	uint64_t ms;

	if (weir_parse_duration(text, &ms) != 0 || ms == 0)
		return -EINVAL;
	*seconds = (double)ms / 1000;
	return 0;
}

int arrival_parse(const char *text, struct arrival_pattern *pattern)
{
	struct arrival_pattern out = {0};
	char unit[32];
	int end = 0;

	if (strcmp(text, "at-once") == 0) {
		out.kind = ARRIVAL_AT_ONCE;
	} else if (sscanf(text, "uniform:%31[^\n]", unit) == 1 &&
		   parse_seconds(unit, &out.period_s) == 0) {
		out.kind = ARRIVAL_UNIFORM;
	} else if (sscanf(text, "poisson:%lf/s%n", &out.per_second, &end) == 1 && end > 0 &&
		   !text[end] && isfinite(out.per_second) && out.per_second > 0) {
		out.kind = ARRIVAL_POISSON;
	} else if (sscanf(text, "bursts:%u/%31[^\n]", &out.burst_size, unit) == 2 &&
		   out.burst_size > 0 && parse_seconds(unit, &out.period_s) == 0) {
		out.kind = ARRIVAL_BURSTS;
	} else {
		return -EINVAL;
	}
	*pattern = out;
	return 0;
}

void arrival_start(struct arrival *arrival, const struct arrival_pattern *pattern, uint32_t clients,
	uint64_t seed)
{
	*arrival = (struct arrival){.pattern = *pattern, .clients = clients, .random = seed};
}

double arrival_of(struct arrival *arrival, uint32_t client, uint32_t stride)
{
	const struct arrival_pattern *pattern = &arrival->pattern;

	switch (pattern->kind) {
	case ARRIVAL_AT_ONCE: return 0;
	case ARRIVAL_UNIFORM: return pattern->period_s * client / arrival->clients;
	case ARRIVAL_BURSTS: return pattern->period_s * (client / pattern->burst_size);
	case ARRIVAL_POISSON:
		// Of several workers each has its part of the rate: together they are Poisson too.
		arrival->at_s -=
			log(1 - chance_real(&arrival->random)) * stride / pattern->per_second;
		return arrival->at_s;
	}
	return 0;
}
