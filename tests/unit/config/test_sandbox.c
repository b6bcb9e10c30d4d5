// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Each test has a process of its own, so it may give up what it likes.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>

#include "sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_CHECKED 1
#elif defined(__has_feature)
#define LEAKS_ARE_CHECKED __has_feature(address_sanitizer)
#else
#define LEAKS_ARE_CHECKED 0
#endif

static const struct sandbox_call calls[] = {
	{"socket", 1, UINT32_MAX, AF_INET},
	{"getsockname"},
	{"no_such_call_anywhere"},
};

enum { FAILED_TO_ENTER = 100 };

// The status of a child that has entered the filter and does this.
static int in_sandbox(void (*act)(void))
{
	char message[SANDBOX_MESSAGE] = "";
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (sandbox_keep(0, message) ||
			sandbox_filter(calls, sizeof(calls) / sizeof(calls[0]), message))
			_exit(FAILED_TO_ENTER);
		act();
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static void expect_refused(long result)
{
	if (result != -1 || errno != EPERM)
		_exit(1);
}

static void ordinary_work(void)
{
	char text[16] = "";
	void *memory = malloc(1 << 20);
	int file = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	int inet = socket(AF_INET, SOCK_STREAM, 0);

	if (!memory || file < 0 || read(file, text, sizeof(text)) <= 0 || inet < 0 || close(inet))
		_exit(1);
	free(memory);
	close(file);
	// Libraries that are loaded late are mapped like this.
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED)
		_exit(1);
}

static void forbidden_work(void)
{
	expect_refused(socket(AF_UNIX, SOCK_STREAM, 0));
	expect_refused(socket(AF_PACKET, SOCK_RAW, 0));
	expect_refused(listen(0, 1));
	expect_refused(chmod("/", 0700));
	expect_refused(setuid(0));
	expect_refused(kill(getppid(), 0));
	expect_refused(prctl(PR_SET_DUMPABLE, 1));
	expect_refused(syscall(SYS_io_uring_setup, 1, NULL));
	// Even where the filter's author did not think of a call's neighbours on other machines.
	expect_refused(syscall(100000));
}

static void writable_code(void)
{
	const int both = PROT_WRITE | PROT_EXEC;
	void *memory = mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect_refused(
		mmap(NULL, 4096, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	expect_refused(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
	expect_refused(mprotect(memory, 4096, both));
}

static void another_process(void)
{
	expect_refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		_exit(1);
}

static void run_a_program(void)
{
	execl("/bin/true", "true", NULL);
}

static void trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void mount_something(void)
{
	syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static void old_table(void)
{
	// The 32-bit table's getpid, which a filter of the 64-bit one would take for another call.
	long result = 20;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	_exit(3);
}

static void is_refused(void (*act)(void))
{
	int status = in_sandbox(act);

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}

static void is_killed(void (*act)(void))
{
	int status = in_sandbox(act);

	cr_expect(
		WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %#x", (unsigned)status);
}

Test(sandbox, calls)
{
	if (LEAKS_ARE_CHECKED)
		cr_skip_test("no filter where leaks are checked");
	is_refused(ordinary_work);
	is_refused(forbidden_work);
	is_refused(writable_code);
	is_refused(another_process);
	is_killed(run_a_program);
	is_killed(trace);
	is_killed(mount_something);
	is_killed(old_table);
}

// What /proc says of this thread.
static unsigned long long status_of(const char *name, int base)
{
	char line[256];
	unsigned long long value = ~0ull;
	FILE *file = fopen("/proc/thread-self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, base);
	if (file)
		fclose(file);
	return value;
}

Test(sandbox, capabilities)
{
	char message[SANDBOX_MESSAGE] = "";
	const unsigned long long before = status_of("CapEff", 16);
	const unsigned long long one = 1ull << CAP_NET_BIND_SERVICE;

	cr_assert_eq(sandbox_keep(one, message), 0, "%s", message);
	cr_expect_eq(status_of("CapEff", 16), before & one);
	cr_expect_eq(status_of("CapPrm", 16), before & one);
	cr_expect_eq(status_of("CapInh", 16), 0);
	cr_expect_eq(status_of("NoNewPrivs", 10), 1);
	if (before >> CAP_SETPCAP & 1)
		cr_expect_eq(status_of("CapBnd", 16) & ~one, 0);
	cr_assert_eq(sandbox_keep(0, message), 0, "%s", message);
	cr_expect_eq(status_of("CapEff", 16), 0);
	cr_expect_eq(status_of("CapPrm", 16), 0);
}

Test(sandbox, user)
{
	char message[SANDBOX_MESSAGE] = "";
	uint32_t uid, gid;

	cr_expect_eq(sandbox_user("", &uid, &gid, message), 0);
	cr_expect(uid == (uint32_t)-1 && gid == (uint32_t)-1);
	cr_expect_eq(sandbox_user("nobody-of-that-name", &uid, &gid, message), -ENOENT);
	cr_expect(strstr(message, "useradd"), "%s", message);
	if (geteuid() != 0)
		cr_skip_test("only root can become somebody");
	cr_expect_eq(sandbox_user("root", &uid, &gid, message), 0);
	cr_expect_eq(uid, (uint32_t)-1);
	cr_assert_eq(sandbox_become("nobody", message), 0, "%s", message);
	cr_expect(getuid() != 0 && geteuid() != 0 && getgid() != 0);
	cr_expect_eq(status_of("CapPrm", 16), 0);
	cr_expect_eq(prctl(PR_GET_DUMPABLE), 0);
	cr_expect_neq(setuid(0), 0);
	cr_expect_eq(sandbox_become("nobody", message), 0, "again: %s", message);
	cr_expect_eq(sandbox_become("root", message), -EPERM);
}
