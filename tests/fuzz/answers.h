// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Answers of peers from the lines of an input, in place of HTTP. Linked with --wrap for
// weir_http_exchange and for pauses. A line is "STATUS BODY"; when there are no more, nobody answers.
#pragma once

#include "fuzz.h"

// The lines that are to come; taken apart as they are used.
void answers_begin(char *lines);
// In every body '@' and a name is its value.
void answers_name(const struct fuzz_name *names, size_t count);
// A person's terminal gets nothing but what can be printed, whoever wrote it.
void answers_check_plain(const char *text, bool lines);
