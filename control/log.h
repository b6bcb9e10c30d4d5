// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Lines for people, on stderr. Never secrets.
#pragma once

#include <stdint.h>

struct event;

// "weir-control: " and the line.
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
// The same with the first digits of the event's id in front of the line.
void log_event(const struct event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
