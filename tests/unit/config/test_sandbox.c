// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Each test has a process of its own, so it may give up what it likes.

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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
#include <threads.h>
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
	// Nothing here may do harm where the filter does not work.
	expect_refused(chmod("", 0700));
	expect_refused(setuid(0));
	expect_refused(kill(getppid(), 0));
	expect_refused(prctl(PR_SET_DUMPABLE, 1));
	expect_refused(syscall(SYS_io_uring_setup, 1, NULL));
	// Even where the filter's author did not think of a call's neighbours on other machines.
	expect_refused(syscall(100000));
}

// What an intruder would want next. Arguments of -1 are harmless where a call is let through.
#define CALL(name)                                                                                 \
	{                                                                                          \
		SYS_##name, #name                                                                  \
	}

static const struct {
	long number;
	const char *name;
} deadly[] = {CALL(execve), CALL(execveat), CALL(ptrace), CALL(process_vm_readv),
	CALL(process_vm_writev), CALL(fork), CALL(mount), CALL(umount2), CALL(move_mount),
	CALL(open_tree), CALL(fsopen), CALL(pivot_root), CALL(chroot), CALL(unshare), CALL(setns),
	CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load),
	CALL(kexec_file_load), CALL(bpf), CALL(userfaultfd), CALL(perf_event_open), CALL(keyctl),
	CALL(add_key), CALL(request_key), CALL(reboot), CALL(swapon), CALL(personality),
	CALL(open_by_handle_at), CALL(pidfd_getfd), CALL(acct), CALL(quotactl)},
  refused[] = {CALL(setresuid), CALL(setresgid), CALL(setgid), CALL(setgroups), CALL(setfsuid),
	  CALL(capset), CALL(seccomp), CALL(kill), CALL(tkill), CALL(rt_sigqueueinfo),
	  CALL(pidfd_open), CALL(pidfd_send_signal), CALL(fchmod), CALL(fchmodat), CALL(chown),
	  CALL(fchown), CALL(lchown), CALL(symlink), CALL(link), CALL(linkat), CALL(mknod),
	  CALL(setxattr), CALL(truncate), CALL(utimensat), CALL(settimeofday), CALL(clock_settime),
	  CALL(adjtimex), CALL(sethostname), CALL(iopl), CALL(ioperm), CALL(modify_ldt),
	  CALL(shmat), CALL(memfd_create), CALL(memfd_secret), CALL(creat), CALL(fsetxattr),
	  CALL(process_madvise), CALL(move_pages), CALL(kcmp), CALL(name_to_handle_at),
	  CALL(fanotify_init), CALL(inotify_init1), CALL(io_uring_enter), CALL(ioctl),
	  CALL(setrlimit), CALL(arch_prctl)};

static size_t chosen;

static long call_with_nonsense(long number)
{
	return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
}

static void make_a_deadly_call(void)
{
	call_with_nonsense(deadly[chosen].number);
}

static void make_refused_calls(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		long result = call_with_nonsense(refused[i].number);

		if (result != -1 || errno != EPERM) {
			fprintf(stderr, "%s: %ld, %s\n", refused[i].name, result, strerror(errno));
			_exit(1);
		}
	}
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

Test(sandbox, calls_of_an_intruder)
{
	if (LEAKS_ARE_CHECKED)
		cr_skip_test("no filter where leaks are checked");
	is_refused(make_refused_calls);
	for (chosen = 0; chosen < sizeof(deadly) / sizeof(deadly[0]); chosen++) {
		int status = in_sandbox(make_a_deadly_call);

		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %#x",
			deadly[chosen].name, (unsigned)status);
	}
}

static int wait_and_call(void *descriptor)
{
	char byte;

	if (read(*(int *)descriptor, &byte, 1) != 1)
		return 1;
	return listen(-1, 1) == -1 && errno == EPERM ? 0 : 1;
}

// The filter is in force in threads that were there before.
Test(sandbox, threads)
{
	char message[SANDBOX_MESSAGE] = "";
	int pipe_ends[2], result;
	thrd_t thread;

	if (LEAKS_ARE_CHECKED)
		cr_skip_test("no filter where leaks are checked");
	cr_assert_eq(pipe(pipe_ends), 0);
	cr_assert_eq(thrd_create(&thread, wait_and_call, &pipe_ends[0]), thrd_success);
	cr_assert_eq(sandbox_keep(0, message), 0, "%s", message);
	cr_assert_eq(
		sandbox_filter(calls, sizeof(calls) / sizeof(calls[0]), message), 0, "%s", message);
	cr_assert_eq(write(pipe_ends[1], "x", 1), 1);
	cr_assert_eq(thrd_join(thread, &result), thrd_success);
	cr_expect_eq(result, 0);
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
	uid_t users[3];
	gid_t groups[3], others[64];

	cr_expect_eq(sandbox_user("", &uid, &gid, message), 0);
	cr_expect(uid == (uint32_t)-1 && gid == (uint32_t)-1);
	cr_expect_eq(sandbox_user("nobody-of-that-name", &uid, &gid, message), -ENOENT);
	cr_expect(strstr(message, "useradd"), "%s", message);
	if (geteuid() != 0)
		cr_skip_test("only root can become somebody");
	cr_expect_eq(sandbox_user("root", &uid, &gid, message), 0);
	cr_expect_eq(uid, (uint32_t)-1);
	cr_assert_eq(setgroups(1, (const gid_t[]){0}), 0);
	cr_assert_eq(sandbox_become("nobody", message), 0, "%s", message);
	cr_expect(getuid() != 0 && geteuid() != 0 && getgid() != 0);
	cr_expect_eq(getresuid(&users[0], &users[1], &users[2]), 0);
	cr_expect_eq(getresgid(&groups[0], &groups[1], &groups[2]), 0);
	cr_expect(users[2] != 0 && groups[1] != 0 && groups[2] != 0);
	for (int i = getgroups(64, others) - 1; i >= 0; i--)
		cr_expect_neq(others[i], 0);
	cr_expect_eq(status_of("CapPrm", 16), 0);
	cr_expect_eq(prctl(PR_GET_DUMPABLE), 0);
	cr_expect_neq(setuid(0), 0);
	cr_expect_eq(sandbox_become("nobody", message), 0, "again: %s", message);
	cr_expect_eq(sandbox_become("root", message), -EPERM);
}
