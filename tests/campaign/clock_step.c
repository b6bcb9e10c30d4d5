// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Preloaded into a process, steps its wall clock: WEIR_CLOCK_FILE names a file whose first 8 bytes are
// nanoseconds that it is ahead. Whoever writes them there steps the clock while the process runs.
// The monotonic clock stays, as it does when an administrator or NTP steps a machine's time.

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static const volatile int64_t *ahead;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

// As early as this, because a sandbox may forbid opening files afterwards.
__attribute__((constructor)) static void open_clock_file(void)
{
	const char *path = getenv("WEIR_CLOCK_FILE");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	real_clock_gettime =
		(int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (file < 0)
		return;
	map = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, file, 0);
	close(file);
	if (map != MAP_FAILED)
		ahead = map;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t moved;
	int error;

	// Other libraries' constructors may run before ours.
	if (!real_clock_gettime)
		return (int)syscall(SYS_clock_gettime, clock, now);
	error = real_clock_gettime(clock, now);
	if (error || !ahead || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return error;
	moved = (int64_t)now->tv_sec * SECOND + now->tv_nsec + *ahead;
	now->tv_sec = moved / SECOND;
	now->tv_nsec = moved % SECOND;
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *result)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (result)
		*result = now.tv_sec;
	return now.tv_sec;
}
