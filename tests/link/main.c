// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weir-link: a bad cable between two network interfaces, the same one for the same seed.

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "control_socket.h"
#include "port.h"

#define REPORT_MAX 2048

struct link {
	uint64_t seed, start_ns;
	struct link_port ports[LINK_DIRECTIONS];           // [LINK_A_TO_B]: a, where it comes in
	struct link_direction directions[LINK_DIRECTIONS]; // [LINK_A_TO_B]: from a to b
	struct link_schedule schedule;
	int signal_fd, control_fd; // -1: none
	bool stopping;
};

struct options {
	const char *interfaces[LINK_DIRECTIONS];
	const char *schedule, *control;
	uint64_t seed;
	struct link_command commands[16];
	size_t command_count;
};

static const char usage_text[] =
	"usage: weir-link --a INTERFACE --b INTERFACE [options]\n"
	"\n"
	"Joins two network interfaces by a cable with faults. The same seed, parameters and\n"
	"frames give the same faults.\n"
	"\n"
	"  --both CHANGES     what to do to frames in both directions\n"
	"  --a-to-b CHANGES   ... that come in at a\n"
	"  --b-to-a CHANGES   ... that come in at b\n"
	"  --seed N           the seed of all decisions (default 1)\n"
	"  --schedule FILE    lines 'TIME both|a-to-b|b-to-a CHANGES' in order of time\n"
	"  --control PATH     take 'both|a-to-b|b-to-a CHANGES' and 'stats' at this Unix\n"
	"                     datagram socket while running\n"
	"  --help             print this\n"
	"\n"
	"CHANGES is a comma-separated list of:\n"
	"  loss=P% dup=P% reorder=P% corrupt=P%   chance for each frame\n"
	"  hold=T              how long a reordered frame is held back (default 5ms)\n"
	"  delay=T jitter=T    wait T, and up to T more (500us, 2ms, 1.5s); keeps the order\n"
	"  rate=R queue=B      limit (64kbit, 2.5mbit, 1gbit; 0: none), bytes that may wait\n"
	"  cut, heal, clear    stop all frames; let them pass; back to a perfect cable\n"
	"\n"
	"One JSON line of counters goes to stdout at SIGUSR1 and, before it exits, at SIGTERM.\n";

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// Adds TARGET CHANGES to the commands that apply before the first frame.
static int add_command(struct options *options, const char *target, const char *changes)
{
	char line[LINK_COMMAND_MAX + 16], error[LINK_COMMAND_MAX];

	if (options->command_count == sizeof(options->commands) / sizeof(options->commands[0])) {
		fprintf(stderr, "weir-link: too many --both, --a-to-b and --b-to-a\n");
		return -EINVAL;
	}
	snprintf(line, sizeof(line), "%s %s", target, changes);
	struct link_command *command = &options->commands[options->command_count++];
	int rc = link_command_parse(line, command, error, sizeof(error));
	if (rc < 0)
		fprintf(stderr, "weir-link: --%s '%s': %s\n", target, changes, error);
	return rc;
}

static int parse_seed(const char *word, uint64_t *seed)
{
	char *end;

	errno = 0;
	*seed = strtoull(word, &end, 0);
	if (errno == 0 && word[0] >= '0' && word[0] <= '9' && *end == '\0')
		return 0;
	fprintf(stderr, "weir-link: --seed '%s' is not a number below 2^64\n", word);
	return -EINVAL;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	enum { A = 1, B, BOTH, A_TO_B, B_TO_A, SEED, SCHEDULE, CONTROL, HELP };
	static const struct option long_options[] = {
		{"a", required_argument, NULL, A},
		{"b", required_argument, NULL, B},
		{"both", required_argument, NULL, BOTH},
		{"a-to-b", required_argument, NULL, A_TO_B},
		{"b-to-a", required_argument, NULL, B_TO_A},
		{"seed", required_argument, NULL, SEED},
		{"schedule", required_argument, NULL, SCHEDULE},
		{"control", required_argument, NULL, CONTROL},
		{"help", no_argument, NULL, HELP},
		{NULL, 0, NULL, 0},
	};
	int option, rc = 0;

	*options = (struct options){.seed = 1};
	while (rc == 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case A: options->interfaces[LINK_A_TO_B] = optarg; break;
		case B: options->interfaces[LINK_B_TO_A] = optarg; break;
		case BOTH: rc = add_command(options, "both", optarg); break;
		case A_TO_B: rc = add_command(options, "a-to-b", optarg); break;
		case B_TO_A: rc = add_command(options, "b-to-a", optarg); break;
		case SEED: rc = parse_seed(optarg, &options->seed); break;
		case SCHEDULE: options->schedule = optarg; break;
		case CONTROL: options->control = optarg; break;
		case HELP: fputs(usage_text, stdout); exit(0);
		default: return -EINVAL; // getopt has said why
		}
	}
	if (rc == 0 && (optind < argc || !options->interfaces[0] || !options->interfaces[1])) {
		fprintf(stderr, "weir-link: needs --a and --b and nothing else; see --help\n");
		rc = -EINVAL;
	}
	return rc;
}

static int open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int link_open(struct link *link, const struct options *options)
{
	char error[2 * LINK_COMMAND_MAX];
	int rc;

	*link = (struct link){.seed = options->seed, .control_fd = -1, .signal_fd = -1};
	link->ports[0].fd = link->ports[1].fd = -1;
	if ((rc = link->signal_fd = open_signals()) < 0) {
		fprintf(stderr, "weir-link: signalfd: %s\n", strerror(-rc));
		return rc;
	}
	for (uint32_t i = 0; i < LINK_DIRECTIONS; i++) {
		rc = link_direction_init(&link->directions[i], options->seed, i);
		if (rc == 0)
			rc = link_port_open(&link->ports[i], options->interfaces[i]);
		if (rc < 0) {
			fprintf(stderr, "weir-link: interface %s: %s%s\n", options->interfaces[i],
				strerror(-rc), rc == -EPERM ? "; run as root" : "");
			return rc;
		}
	}
	for (size_t i = 0; i < options->command_count; i++)
		link_command_apply(&options->commands[i], link->directions);
	if (options->schedule && (rc = link_schedule_read(&link->schedule, options->schedule, error,
					  sizeof(error))) < 0) {
		fprintf(stderr, "weir-link: %s\n", error);
		return rc;
	}
	if (options->control && (rc = link->control_fd = link_control_open(options->control)) < 0) {
		fprintf(stderr, "weir-link: control socket %s: %s\n", options->control,
			strerror(-rc));
		return rc;
	}
	// Delays are fractions of a millisecond; the kernel's default slack would add to each.
	prctl(PR_SET_TIMERSLACK, 1);
	link->start_ns = clock_ns();
	return 0;
}

static void link_close(struct link *link, const char *control_path)
{
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		link_port_close(&link->ports[i]);
		link_direction_free(&link->directions[i]);
	}
	link_schedule_free(&link->schedule);
	if (link->control_fd >= 0) {
		close(link->control_fd);
		unlink(control_path);
	}
	if (link->signal_fd >= 0)
		close(link->signal_fd);
}

static void report(struct link *link, char *text, size_t size)
{
	char counters[LINK_DIRECTIONS][REPORT_MAX / 3];

	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		link->directions[i].counters.overruns += link_port_overruns(&link->ports[i]);
		link_counters_json(&link->directions[i].counters, counters[i], sizeof(counters[i]));
	}
	snprintf(text, size, "{\"seed\": %llu, \"a_to_b\": %s, \"b_to_a\": %s}",
		(unsigned long long)link->seed, counters[LINK_A_TO_B], counters[LINK_B_TO_A]);
}

static void take_signals(struct link *link)
{
	struct signalfd_siginfo info;
	char text[REPORT_MAX];

	while (read(link->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGUSR1) {
			link->stopping = true;
			continue;
		}
		report(link, text, sizeof(text));
		puts(text);
		fflush(stdout);
	}
}

static void take_commands(struct link *link)
{
	struct link_request request;
	struct link_command command;
	char answer[REPORT_MAX], error[LINK_COMMAND_MAX];

	while (link->control_fd >= 0 && link_control_receive(link->control_fd, &request)) {
		if (strcmp(request.text, "stats") == 0) {
			report(link, answer, sizeof(answer));
		} else if (link_command_parse(request.text, &command, error, sizeof(error)) == 0) {
			link_command_apply(&command, link->directions);
			strcpy(answer, "ok");
		} else {
			snprintf(answer, sizeof(answer), "error: %s", error);
		}
		link_control_answer(link->control_fd, &request, answer);
	}
}

static void forward(struct link *link, int index)
{
	struct link_direction *direction = &link->directions[index];
	struct link_frame *frames[LINK_BURST];
	uint64_t now = clock_ns();

	int count = link_port_receive(&link->ports[index], frames);
	for (int i = 0; i < count; i++)
		link_direction_receive(direction, now, frames[i]);

	now = clock_ns();
	for (count = 0; count < LINK_BURST; count++) {
		frames[count] = link_direction_send(direction, now);
		if (!frames[count])
			break;
	}
	int taken = link_port_send(&link->ports[!index], frames, count);
	direction->counters.forwarded += (uint64_t)taken;
	direction->counters.send_errors += (uint64_t)(count - taken);
}

// Sleeps until a frame, a command or a signal comes, or a frame or a step of the schedule is due.
static void wait_for_work(struct link *link)
{
	struct pollfd fds[] = {
		{.fd = link->ports[0].fd, .events = POLLIN},
		{.fd = link->ports[1].fd, .events = POLLIN},
		{.fd = link->signal_fd, .events = POLLIN},
		{.fd = link->control_fd, .events = POLLIN},
	};
	uint64_t wake = link_schedule_next(&link->schedule);

	if (wake != UINT64_MAX)
		wake += link->start_ns;
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		uint64_t due = delay_queue_next(&link->directions[i].queue);
		wake = due < wake ? due : wake;
	}
	uint64_t now = clock_ns();
	uint64_t wait = wake > now ? wake - now : 0;
	struct timespec timeout = {(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
	ppoll(fds, sizeof(fds) / sizeof(fds[0]), wake == UINT64_MAX ? NULL : &timeout, NULL);
}

static void link_run(struct link *link)
{
	while (!link->stopping) {
		wait_for_work(link);
		link_schedule_run(&link->schedule, clock_ns() - link->start_ns, link->directions);
		take_commands(link);
		forward(link, LINK_A_TO_B);
		forward(link, LINK_B_TO_A);
		take_signals(link);
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct link link;
	char text[REPORT_MAX];

	if (parse_options(argc, argv, &options) < 0)
		return 2;
	int rc = link_open(&link, &options);
	if (rc == 0) {
		fprintf(stderr, "weir-link: ready: %s to %s, seed %llu\n", options.interfaces[0],
			options.interfaces[1], (unsigned long long)options.seed);
		link_run(&link);
		report(&link, text, sizeof(text));
		puts(text);
	}
	link_close(&link, options.control);
	if (rc == -EINVAL)
		return 2;
	return rc < 0 || fflush(stdout) != 0 ? 1 : 0;
}
