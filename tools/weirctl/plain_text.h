// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Words from elsewhere and quantities, for a person's terminal.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Prints text from an appliance with '?' for every control character, so that it cannot command the
// terminal. NULL prints nothing.
void plain_print(FILE *out, const char *text);

// "12 s", "4 min", "3 h", "2 d" in text, which has size bytes. A negative age is "0 s".
void plain_age(int64_t ms, char *text, size_t size);

// 1234567 as "1.23 M"; below 10000 exactly.
void plain_quantity(double value, char *text, size_t size);
