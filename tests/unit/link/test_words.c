// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static char error[512];

Test(parameters, understands_every_key)
{
	struct link_parameters parameters;

	link_parameters_init(&parameters);
	cr_assert_eq(link_parameters_change(&parameters,
			     "loss=5%,dup=0.5%,reorder=100%,corrupt=0,hold=3ms,delay=1.5s,"
			     "jitter=20us,rate=2.5mbit,queue=64kb,cut",
			     error, sizeof(error)),
		0, "%s", error);
	cr_assert_float_eq(parameters.loss, 0.05, 1e-12);
	cr_assert_float_eq(parameters.duplicate, 0.005, 1e-12);
	cr_assert_eq(parameters.reorder, 1);
	cr_assert_eq(parameters.corrupt, 0);
	cr_assert_eq(parameters.hold_ns, 3000000);
	cr_assert_eq(parameters.delay_ns, 1500000000);
	cr_assert_eq(parameters.jitter_ns, 20000);
	cr_assert_eq(parameters.rate, 2500000);
	cr_assert_eq(parameters.queue_bytes, 64000);
	cr_assert(parameters.cut);

	cr_assert_eq(link_parameters_change(&parameters, "heal", error, sizeof(error)), 0);
	cr_assert(!parameters.cut);
	cr_assert_eq(link_parameters_change(&parameters, "clear,dup=1%", error, sizeof(error)), 0);
	cr_assert_eq(parameters.loss, 0);
	cr_assert_float_eq(parameters.duplicate, 0.01, 1e-12);
}

Test(parameters, refuses_nonsense_and_changes_nothing)
{
	static const char *const wrong[] = {"", "loss", "loss=", "loss=5", "loss=-1%", "loss=101%",
		"loss=nan%", "loss=5%,", "loss=5%,,dup=1%", "los=5%", "delay=5", "delay=5m",
		"delay=2h", "delay=3601s", "rate=5", "rate=inf", "queue=5gb", "cut=1", "healed",
		"loss=5% dup=1%"};
	struct link_parameters parameters, before;

	memset(&parameters, 0, sizeof(parameters));
	link_parameters_init(&parameters);
	memcpy(&before, &parameters, sizeof(before));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char changes[64];
		snprintf(changes, sizeof(changes), "dup=9%%,%s", wrong[i]);
		error[0] = '\0';
		cr_assert_eq(link_parameters_change(&parameters, changes, error, sizeof(error)),
			-EINVAL, "'%s' was taken", changes);
		cr_assert_neq(error[0], '\0');
		cr_assert_eq(memcmp(&parameters, &before, sizeof(before)), 0);
	}
}

Test(command, names_a_target_and_changes)
{
	struct link_command command;

	cr_assert_eq(link_command_parse(" a-to-b\tcut \n", &command, error, sizeof(error)), 0);
	cr_assert(command.target.chosen[LINK_A_TO_B] && !command.target.chosen[LINK_B_TO_A]);
	cr_assert_str_eq(command.changes, "cut");
	cr_assert_eq(link_command_parse("b-to-a dup=1%", &command, error, sizeof(error)), 0);
	cr_assert(!command.target.chosen[LINK_A_TO_B] && command.target.chosen[LINK_B_TO_A]);

	static const char *const wrong[] = {
		"", "both", "cut", "neither cut", "both cut heal", "both lose=5%"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(link_command_parse(wrong[i], &command, error, sizeof(error)), -EINVAL,
			"'%s' was taken", wrong[i]);
}

static int read_schedule(struct link_schedule *schedule, const char *text)
{
	char path[] = "/tmp/weir-link-schedule-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	int rc = link_schedule_read(schedule, path, error, sizeof(error));
	unlink(path);
	return rc;
}

Test(schedule, runs_each_step_at_its_time)
{
	struct link_direction directions[LINK_DIRECTIONS];
	struct link_schedule schedule;

	for (uint32_t i = 0; i < LINK_DIRECTIONS; i++)
		cr_assert_eq(link_direction_init(&directions[i], 1, i), 0);
	cr_assert_eq(read_schedule(&schedule, "# a fault, and its end\n\n"
					      "500ms a-to-b loss=50%\n"
					      "2.5s both cut   # everything\n"
					      "2.5s b-to-a heal\n"
					      "3s both clear\n"),
		0, "%s", error);
	cr_assert_eq(schedule.count, 4);
	cr_assert_eq(link_schedule_next(&schedule), 500000000);
	link_schedule_run(&schedule, 499999999, directions);
	cr_assert_eq(directions[LINK_A_TO_B].parameters.loss, 0);
	link_schedule_run(&schedule, 500000000, directions);
	cr_assert_eq(directions[LINK_A_TO_B].parameters.loss, 0.5);
	cr_assert_eq(directions[LINK_B_TO_A].parameters.loss, 0);
	link_schedule_run(&schedule, 2600000000, directions);
	cr_assert(directions[LINK_A_TO_B].parameters.cut);
	cr_assert(!directions[LINK_B_TO_A].parameters.cut);
	link_schedule_run(&schedule, 9000000000, directions);
	cr_assert(!directions[LINK_A_TO_B].parameters.cut);
	cr_assert_eq(directions[LINK_A_TO_B].parameters.loss, 0);
	cr_assert_eq(link_schedule_next(&schedule), UINT64_MAX);
	link_schedule_free(&schedule);
	for (int i = 0; i < LINK_DIRECTIONS; i++)
		link_direction_free(&directions[i]);
}

Test(schedule, errors_name_file_and_line)
{
	struct link_schedule schedule;

	cr_assert_eq(read_schedule(&schedule, "1s both cut\nsoon both heal\n"), -EINVAL);
	cr_assert_not_null(strstr(error, ":2: "), "%s", error);
	link_schedule_free(&schedule);
	cr_assert_eq(read_schedule(&schedule, "2s both cut\n\n1s both heal\n"), -EINVAL);
	cr_assert_not_null(strstr(error, ":3: earlier"), "%s", error);
	link_schedule_free(&schedule);
	cr_assert_eq(read_schedule(&schedule, "2s\n"), -EINVAL);
	link_schedule_free(&schedule);
	cr_assert_eq(
		link_schedule_read(&schedule, "/nowhere/at/all", error, sizeof(error)), -ENOENT);
	link_schedule_free(&schedule);
}

Test(counters, are_one_json_object)
{
	struct link_counters counters = {.received = 12, .send_errors = 3};
	char text[512];

	cr_assert_eq(link_counters_json(&counters, text, sizeof(text)), (int)strlen(text));
	cr_assert_eq(strncmp(text, "{\"received\": 12, \"forwarded\": 0,", 32), 0, "%s", text);
	cr_assert_not_null(strstr(text, "\"send_errors\": 3}"));
}
