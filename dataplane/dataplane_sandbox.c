// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "dataplane_sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/capability.h>
#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "console.h"
#include "sandbox.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define OPENING                                                                                    \
	(BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN) | BIT(CAP_IPC_LOCK) | BIT(CAP_SYS_ADMIN) |          \
		BIT(CAP_SYS_RAWIO) | BIT(CAP_SYS_NICE) | BIT(CAP_SYS_RESOURCE) |                   \
		BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_CHOWN) | BIT(CAP_SETUID) |       \
		BIT(CAP_SETGID) | BIT(CAP_BPF) | BIT(CAP_PERFMON))
#define ALARM_WAIT_MS 5000
#define ANY32         UINT32_MAX

// Beyond what every process needs: drivers (ioctl, sockets of their own, memory), the control link, and
// the control thread's priority.
static const struct sandbox_call calls[] = {
	{"ioctl"},
	{"socket", 1, ANY32, AF_INET},
	{"socket", 1, ANY32, AF_UNIX},
	{"connect"},
	{"accept"},
	{"getsockname"},
	{"getpeername"},
	{"getsockopt"},
	{"setsockopt"},
	{"sendmmsg"},
	{"recvmmsg"},
	{"timerfd_create"},
	{"timerfd_settime"},
	{"memfd_create"},
	{"mbind"},
	{"get_mempolicy"},
	{"set_mempolicy"},
	{"mincore"},
	{"sched_setscheduler"},
	{"sched_getscheduler"},
	{"sched_getparam"},
	{"sched_get_priority_min"},
	{"sched_get_priority_max"},
};

static int complain(int error, const char *message)
{
	if (error != 0)
		console("%s", message);
	return error;
}

// Where the limits cannot be raised, as in some containers, memory is not locked, and the main thread
// keeps the capability that its priority takes.
int dataplane_sandbox_begin(void)
{
	const struct rlimit priority = {1, 1}, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	char message[SANDBOX_MESSAGE];

	(void)setrlimit(RLIMIT_RTPRIO, &priority);
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	return complain(sandbox_keep(OPENING, message), message);
}

static int drop_here(void *context)
{
	char message[SANDBOX_MESSAGE];

	return complain(sandbox_keep(0, message), message);
}

struct alarm {
	_Atomic bool done;
	int error;
};

static void drop_in_interrupt_thread(void *context)
{
	struct alarm *alarm = context;

	alarm->error = drop_here(NULL);
	atomic_store(&alarm->done, true);
}

// Alarms run in EAL's interrupt thread, which there is no other way to reach.
static int drop_by_alarm(void)
{
	static struct alarm alarm; // for an alarm that comes too late
	int error = rte_eal_alarm_set(1, drop_in_interrupt_thread, &alarm);

	for (unsigned i = 0; error == 0 && !atomic_load(&alarm.done) && i < ALARM_WAIT_MS; i++)
		rte_delay_us_sleep(1000);
	if (error == 0)
		error = atomic_load(&alarm.done) ? alarm.error : -ETIMEDOUT;
	return error;
}

int dataplane_sandbox_threads(const char *user)
{
	char message[SANDBOX_MESSAGE];
	uint32_t uid, gid;
	unsigned lcore;
	int error = sandbox_user(user, &uid, &gid, message);

	// A thread without them could not follow the others to another user.
	if (error != 0 || uid != (uint32_t)-1)
		return complain(error, message);
	error = drop_by_alarm();
	if (error != 0)
		console("EAL's interrupt thread keeps its capabilities: %s", strerror(-error));
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (error == 0)
			error = rte_eal_remote_launch(drop_here, NULL, lcore);
		if (error == 0)
			error = rte_eal_wait_lcore(lcore);
	}
	return error;
}

int dataplane_sandbox_user(const char *user, const char *socket)
{
	char message[SANDBOX_MESSAGE];
	uint32_t uid, gid;
	int error = sandbox_user(user, &uid, &gid, message);

	if (error != 0)
		return complain(error, message);
	if (uid == (uint32_t)-1)
		return 0;
	if (chown(socket, uid, gid)) {
		error = -errno;
		console("%s: cannot be given to user = \"%s\": %s", socket, user, strerror(errno));
		return error;
	}
	return complain(sandbox_become(user, message), message);
}

int dataplane_sandbox_enter(void)
{
	char message[SANDBOX_MESSAGE];
	struct rlimit priority;
	bool may = getrlimit(RLIMIT_RTPRIO, &priority) == 0 && priority.rlim_cur >= 1;
	int error = sandbox_keep(may ? 0 : BIT(CAP_SYS_NICE), message);

	if (error == 0)
		error = sandbox_filter(calls, RTE_DIM(calls), message);
	return complain(error, message);
}
