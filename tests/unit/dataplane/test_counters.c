// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <ctype.h>
#include <string.h>
#include <criterion/criterion.h>

#include "counters.h"

Test(counters, names_follow_the_list)
{
	cr_expect_str_eq(weir_counter_name(WEIR_COUNTER_rx_packets), "rx_packets");
	cr_expect_str_eq(weir_counter_name(WEIR_COUNTER_drop_tag), "drop_tag");
	cr_expect_str_eq(weir_counter_text(WEIR_COUNTER_drop_tag), "authentication failed");
	cr_expect_str_eq(
		weir_counter_name(WEIR_COUNTER_COUNT - 1), "drop_reply_memory", "the last one");
	cr_expect_null(weir_counter_name(WEIR_COUNTER_COUNT));
	cr_expect_null(weir_counter_text(WEIR_COUNTER_COUNT));
}

// They become metric names and help lines.
Test(counters, names_are_plain_and_distinct)
{
	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++) {
		const char *name = weir_counter_name(i);

		for (const char *c = name; *c; c++)
			cr_expect(islower((unsigned char)*c) || *c == '_', "%s", name);
		cr_expect(strlen(weir_counter_text(i)) > 0);
		cr_expect_null(strchr(weir_counter_text(i), '\n'));
		for (unsigned j = 0; j < i; j++)
			cr_expect_str_neq(name, weir_counter_name(j));
	}
}
