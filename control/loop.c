// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The event loop: one thread, no locks. control_run reads as what the process does.

#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control.h"
#include "log.h"

#define WAIT_MAX_MS 60000

int loop_open(struct control *control)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return -errno;
	control->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	return control->signals < 0 ? -errno : 0;
}

void loop_close(struct control *control)
{
	if (control->signals >= 0)
		close(control->signals);
}

static int wait_ms(const struct control *control)
{
	uint64_t next = timers_next(&control->timers), now = clock_monotonic_ms();
	int http = http_server_timeout(control->server);
	int timeout = WAIT_MAX_MS;

	if (control->restless)
		return 0;
	if (next != UINT64_MAX && (next <= now || next - now < (uint64_t)timeout))
		timeout = next <= now ? 0 : (int)(next - now);
	return http >= 0 && http < timeout ? http : timeout;
}

static void wait_for_anything(struct control *control)
{
	struct curl_waitfd waits[3] = {
		{.fd = control->signals, .events = CURL_WAIT_POLLIN},
		{.fd = http_server_descriptor(control->server), .events = CURL_WAIT_POLLIN},
	};
	unsigned count = 2;
	int timeout = wait_ms(control);
	short events;

	waits[2].fd = dataplane_link_descriptor(control->link, &events);
	if (waits[2].fd >= 0) {
		waits[2].events = CURL_WAIT_POLLIN;
		if (events & POLLOUT)
			waits[2].events |= CURL_WAIT_POLLOUT;
		count = 3;
	}
	control->restless = false;
	curl_multi_poll(http_client_multi(control->client), waits, count, timeout, NULL);
}

static void take_signals(struct control *control)
{
	struct signalfd_siginfo signal;

	if (read(control->signals, &signal, sizeof(signal)) == sizeof(signal))
		control->stopping = true;
}

// Group commit: everything that this turn wrote, at once.
static void commit(struct control *control)
{
	uint64_t started_us;
	int error;

	if (!control->dirty)
		return;
	started_us = clock_monotonic_us();
	error = weir_store_commit(control->store);
	control->sync.took_us = clock_monotonic_us() - started_us;
	control->sync.done_us = clock_wall_us();
	control->dirty = false;
	control->commits++;
	control->commits_us += control->sync.took_us;
	if (error) {
		log_line("%s: the store cannot be written: %s; stopping; make room there, or mend "
			 "the disk, and start it again",
			control->config->control.state, weir_store_error(control->store));
		control->failure = error;
	}
}

int control_run(struct control *control)
{
	log_line("listening on %s", control->config->control.listen);
	while (!control->stopping && !control->failure) {
		wait_for_anything(control);
		control->turns++;
		take_signals(control);
		http_client_run(
			control->client); // sends what the turn before decided, committed by now
		dataplane_link_run(control->link);
		http_server_run(control->server);
		timers_run(&control->timers, clock_monotonic_ms());
		weir_store_tidy(control->store);
		event_book_work(control);
		event_book_step(control);
		commit(control);
		if (control->failure)
			break;
		event_book_act(control);
		http_server_answer(control->server);
	}
	log_line("stopping");
	return control->failure;
}
