// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a program on these ports tells people: one line on stderr, "weir-dataplane: ...", after its own
// name. A line names what it is about and, if something failed, what to do.
#pragma once

// Prints one line in one write, so that lines of several threads do not mix. format has no newline.
void console(const char *format, ...) __attribute__((format(printf, 1, 2)));
