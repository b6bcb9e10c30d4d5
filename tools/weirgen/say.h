// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One line on stderr, "weirgen: ...".
#pragma once

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
