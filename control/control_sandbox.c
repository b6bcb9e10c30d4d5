// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asm/ioctls.h>
#include <linux/capability.h>

#include "log.h"
#include "sandbox.h"

#define ANY32 UINT32_MAX

// Beyond what every process needs: HTTP in both directions with its name service, the control link, and
// the owner of the database's files, which SQLite sets where it runs as root.
static const struct sandbox_call calls[] = {
	{"socket", 1, ANY32, AF_INET},
	{"socket", 1, ANY32, AF_INET6},
	{"socket", 1, ANY32, AF_UNIX},
	{"socket", 1, ANY32, AF_NETLINK}, // which addresses this machine has: name service
	{"socketpair", 1, ANY32, AF_UNIX},
	{"connect"},
	{"bind"},
	{"getsockname"},
	{"getpeername"},
	{"getsockopt"},
	{"setsockopt"},
	{"sendmmsg"},
	{"recvmmsg"},
	{"sendfile"},
	{"ioctl", 2, ANY32, FIONREAD},
	{"ioctl", 2, ANY32, FIONBIO},
	{"ioctl", 2, ANY32, TCGETS},
	{"fchown"},
	{"fchmod"},
	{"umask"},
};

// The folder's parent is root's as a rule.
static int make_state(const char *path, uint32_t uid, uint32_t gid)
{
	if (uid == (uint32_t)-1)
		return 0;
	if (mkdir(path, 0700))
		return errno == EEXIST || errno == ENOENT ? 0 : -errno; // the store says more
	return chown(path, uid, gid) ? -errno : 0;
}

int control_sandbox_user(const struct weir_appliance_config *config)
{
	char message[SANDBOX_MESSAGE];
	uint32_t uid, gid;
	int error = sandbox_user(config->user, &uid, &gid, message);

	if (!error) {
		error = make_state(config->control.state, uid, gid);
		if (error) {
			log_line("%s: cannot be made and given to user = \"%s\": %s",
				config->control.state, config->user, strerror(-error));
			return error;
		}
		error = sandbox_become(config->user, message);
	}
	// A port below 1024 may be what it listens on.
	if (!error)
		error = sandbox_keep(UINT64_C(1) << CAP_NET_BIND_SERVICE, message);
	if (error)
		log_line("%s", message);
	return error;
}

int control_sandbox_enter(const struct weir_appliance_config *config)
{
	char message[SANDBOX_MESSAGE];
	int error;

	if (!config->sandbox)
		return 0;
	error = sandbox_keep(0, message);
	if (!error)
		error = sandbox_filter(calls, sizeof(calls) / sizeof(calls[0]), message);
	if (error)
		log_line("%s", message);
	return error;
}
