// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

int link_command_parse(
	const char *line, struct link_command *command, char *error, size_t error_size)
{
	char copy[LINK_COMMAND_MAX], *rest = NULL;
	struct link_parameters scratch;

	if (strlen(line) >= sizeof(copy)) {
		snprintf(error, error_size, "longer than %zu characters", sizeof(copy) - 1);
		return -EINVAL;
	}
	strcpy(copy, line);

	const char *target = strtok_r(copy, BLANKS, &rest);
	const char *changes = strtok_r(NULL, BLANKS, &rest);
	if (!target || !changes || strtok_r(NULL, BLANKS, &rest)) {
		snprintf(error, error_size,
			"expected TARGET CHANGES, such as 'both cut' or 'a-to-b loss=5%%,dup=2%%'");
		return -EINVAL;
	}
	if (link_target_parse(target, &command->target) < 0) {
		snprintf(error, error_size, "'%s' is not a-to-b, b-to-a or both", target);
		return -EINVAL;
	}
	link_parameters_init(&scratch);
	strcpy(command->changes, changes);
	return link_parameters_change(&scratch, changes, error, error_size);
}

void link_command_apply(
	const struct link_command *command, struct link_direction directions[LINK_DIRECTIONS])
{
	char error[LINK_COMMAND_MAX];

	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		if (command->target.chosen[i])
			link_parameters_change(
				&directions[i].parameters, command->changes, error, sizeof(error));
	}
}

static int add_step(struct link_schedule *schedule, const struct link_step *step)
{
	size_t count = schedule->count + 1;
	struct link_step *steps = reallocarray(schedule->steps, count, sizeof(*steps));

	if (!steps)
		return -ENOMEM;
	steps[schedule->count] = *step;
	schedule->steps = steps;
	schedule->count = count;
	return 0;
}

// Returns 1 for a line with nothing on it, 0 for a step, -EINVAL with a sentence in error.
static int parse_step(char *line, struct link_step *step, char *error, size_t error_size)
{
	line[strcspn(line, "#")] = '\0';
	char *word = line + strspn(line, BLANKS);
	if (*word == '\0')
		return 1;

	char *rest = word + strcspn(word, BLANKS);
	if (*rest)
		*rest++ = '\0';
	if (link_duration_parse(word, &step->at_ns) < 0) {
		snprintf(error, error_size, "'%s' is not a time such as 2.5s or 200ms", word);
		return -EINVAL;
	}
	return link_command_parse(rest, &step->command, error, error_size);
}

int link_schedule_read(
	struct link_schedule *schedule, const char *path, char *error, size_t error_size)
{
	char reason[LINK_COMMAND_MAX], *line = NULL;
	size_t line_size = 0;
	unsigned int number = 0;
	int rc = 0;

	*schedule = (struct link_schedule){0};
	FILE *file = fopen(path, "re");
	if (!file) {
		rc = -errno;
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
		return rc;
	}
	while (rc >= 0 && getline(&line, &line_size, file) >= 0) {
		struct link_step step;
		number++;
		rc = parse_step(line, &step, reason, sizeof(reason));
		if (rc == 0 && schedule->count > 0 &&
			step.at_ns < schedule->steps[schedule->count - 1].at_ns) {
			snprintf(reason, sizeof(reason), "earlier than the step before it");
			rc = -EINVAL;
		}
		if (rc < 0)
			snprintf(error, error_size, "%s:%u: %s", path, number, reason);
		else if (rc == 0 && (rc = add_step(schedule, &step)) < 0)
			snprintf(error, error_size, "%s: out of memory", path);
	}
	free(line);
	fclose(file);
	return rc < 0 ? rc : 0;
}

void link_schedule_free(struct link_schedule *schedule)
{
	free(schedule->steps);
	*schedule = (struct link_schedule){0};
}

uint64_t link_schedule_next(const struct link_schedule *schedule)
{
	return schedule->next < schedule->count ? schedule->steps[schedule->next].at_ns
						: UINT64_MAX;
}

void link_schedule_run(struct link_schedule *schedule, uint64_t now_ns,
	struct link_direction directions[LINK_DIRECTIONS])
{
	while (link_schedule_next(schedule) <= now_ns)
		link_command_apply(&schedule->steps[schedule->next++].command, directions);
}
