// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

static int failed(char *message, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int failed(char *message, int error, const char *format, ...)
{
	va_list list;
	size_t length;

	va_start(list, format);
	vsnprintf(message, SANDBOX_MESSAGE, format, list);
	va_end(list);
	length = strlen(message);
	snprintf(message + length, SANDBOX_MESSAGE - length, ": %s", strerror(error));
	return -error;
}

// The C library has no wrapper for these two.
static int get_capabilities(struct __user_cap_data_struct sets[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capget, &header, sets);
}

static int set_capabilities(const struct __user_cap_data_struct sets[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capset, &header, sets);
}

int sandbox_keep(uint64_t keep, char *message)
{
	struct __user_cap_data_struct sets[2];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed(message, errno, "cannot forbid new privileges");
	if (get_capabilities(sets))
		return failed(message, errno, "cannot read this process's capabilities");
	// Only who may set them may narrow the bounding set; for others no_new_privs does as much.
	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(keep >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) && errno != EPERM)
			return failed(message, errno, "cannot give capability %d up", i);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));

		sets[i].effective &= mask;
		sets[i].permitted &= mask;
		sets[i].inheritable = 0;
	}
	if (set_capabilities(sets))
		return failed(message, errno, "cannot give capabilities up");
	return 0;
}

int sandbox_user(const char *user, uint32_t *uid, uint32_t *gid, char *message)
{
	const struct passwd *entry;

	*uid = *gid = (uint32_t)-1;
	if (!user[0])
		return 0;
	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return failed(message, errno ? errno : ENOENT,
			"user = \"%s\" is not known; make it with useradd --system %s", user, user);
	if (entry->pw_uid == geteuid())
		return 0;
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return 0;
}

int sandbox_become(const char *user, char *message)
{
	uint32_t uid, gid;
	int error = sandbox_user(user, &uid, &gid, message);

	if (error || uid == (uint32_t)-1)
		return error;
	if (geteuid() != 0)
		return failed(message, EPERM,
			"only root can become user = \"%s\"; start it as root or as that user",
			user);
	if (initgroups(user, gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return failed(message, errno, "cannot become user = \"%s\"", user);
	// Such a change puts the system's default back.
	if (prctl(PR_SET_DUMPABLE, 0))
		return failed(message, errno, "cannot switch core dumps off");
	return 0;
}
