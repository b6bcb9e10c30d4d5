// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A change of the link while it runs, "TARGET CHANGES" ("both cut", "a-to-b loss=5%,delay=2ms"),
// and the schedule that says such things at set times.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "direction.h"

#define LINK_COMMAND_MAX 256

struct link_command {
	struct link_target target;
	char changes[LINK_COMMAND_MAX];
};

// Parses and checks a line completely, so that applying it cannot fail. Returns 0, or -EINVAL with
// a sentence in error.
int link_command_parse(
	const char *line, struct link_command *command, char *error, size_t error_size);

void link_command_apply(
	const struct link_command *command, struct link_direction directions[LINK_DIRECTIONS]);

struct link_step {
	uint64_t at_ns; // since the link started
	struct link_command command;
};

struct link_schedule {
	struct link_step *steps;
	size_t count, next;
};

// Reads a file of lines "TIME TARGET CHANGES" in order of time; # begins a comment. Returns 0 or
// -errno with one line about the file in error. Free the schedule in either case.
int link_schedule_read(
	struct link_schedule *schedule, const char *path, char *error, size_t error_size);

void link_schedule_free(struct link_schedule *schedule);

// Applies every step that is due.
void link_schedule_run(struct link_schedule *schedule, uint64_t now_ns,
	struct link_direction directions[LINK_DIRECTIONS]);

// When the next step is due; UINT64_MAX after the last.
uint64_t link_schedule_next(const struct link_schedule *schedule);
