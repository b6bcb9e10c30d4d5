// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inputs of the control process's harnesses, line by line. These mean the same in all:
//
//   +5000    so many milliseconds pass
//   ?0, !0   the dataplane hears of client 0: it asked, it is complete
//
// Every other line is the harness's, once the names behind a '@' (control_names.h) are filled in.
#pragma once

#include "control_names.h"

extern bool control_lines_loud; // for people: WEIR_FUZZ_LOUD=1

void control_lines_start(void);
// take may change the text, and is called for at most the given number of lines.
void control_lines_run(const uint8_t *data, size_t size, unsigned lines_most, uint32_t round,
	void (*take)(char *text, const struct control_names *names));
