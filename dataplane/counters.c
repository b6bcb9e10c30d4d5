// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "counters.h"

#include <stddef.h>

static const char *const names[] = {
#define NAME(name, text) #name,
	WEIR_COUNTERS(NAME)
#undef NAME
};

static const char *const texts[] = {
#define TEXT(name, text) text,
	WEIR_COUNTERS(TEXT)
#undef TEXT
};

_Static_assert(sizeof(names) / sizeof(names[0]) == WEIR_COUNTER_COUNT, "a name for each counter");
_Static_assert(sizeof(texts) / sizeof(texts[0]) == WEIR_COUNTER_COUNT, "a text for each counter");

const char *weir_counter_name(unsigned counter)
{
	return counter < WEIR_COUNTER_COUNT ? names[counter] : NULL;
}

const char *weir_counter_text(unsigned counter)
{
	return counter < WEIR_COUNTER_COUNT ? texts[counter] : NULL;
}
