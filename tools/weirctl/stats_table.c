// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "stats_table.h"

#include <inttypes.h>
#include <string.h>

#include "counters.h"
#include "plain_text.h"

#define NAME_WIDTH  20
#define VALUE_WIDTH 14

static uint64_t value_of(const json_t *worker, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(worker, name));
}

uint64_t stats_total(const json_t *workers, const char *name)
{
	uint64_t total = 0;

	for (size_t i = 0; i < json_array_size(workers); i++)
		total += value_of(json_array_get(workers, i), name);
	return total;
}

uint64_t stats_total_of(const json_t *workers, const char *prefix)
{
	uint64_t total = 0;
	const char *name;
	json_t *value;

	for (size_t i = 0; i < json_array_size(workers); i++)
		json_object_foreach(json_array_get(workers, i), name, value)
		{
			if (strncmp(name, prefix, strlen(prefix)) == 0)
				total += (uint64_t)json_integer_value(value);
		}
	return total;
}

// The appliance may be of another version and have counters that we do not know.
static const char *explanation(const char *name)
{
	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
		if (strcmp(weir_counter_name(i), name) == 0)
			return weir_counter_text(i);
	return "";
}

static void print_header(FILE *out, size_t worker_count)
{
	fprintf(out, "%-*s  %*s", NAME_WIDTH, "COUNTER", VALUE_WIDTH, "ALL");
	for (size_t i = 0; worker_count > 1 && i < worker_count; i++)
		fprintf(out, "  %*s%-3zu", VALUE_WIDTH - 3, "WORKER ", i);
	fputs("  MEANING\n", out);
}

void stats_table_print(FILE *out, const json_t *workers, bool all)
{
	size_t worker_count = json_array_size(workers), printed = 0;
	const char *name;
	json_t *value;

	print_header(out, worker_count);
	json_object_foreach(json_array_get(workers, 0), name, value)
	{
		uint64_t total = stats_total(workers, name);
		int width = (int)strlen(name);

		if (total == 0 && !all)
			continue;
		printed++;
		plain_print(out, name);
		fprintf(out, "%*s  %*" PRIu64, width < NAME_WIDTH ? NAME_WIDTH - width : 0, "",
			VALUE_WIDTH, total);
		for (size_t i = 0; worker_count > 1 && i < worker_count; i++)
			fprintf(out, "  %*" PRIu64, VALUE_WIDTH,
				value_of(json_array_get(workers, i), name));
		fprintf(out, "  %s\n", explanation(name));
	}
	if (printed == 0)
		fputs("all counters are 0\n", out);
}
