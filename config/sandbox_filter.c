// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// What libc does for any program that has threads, waits, and works on files that it has opened.
static const struct sandbox_call common[] = {
	{"brk"},
	{"munmap"},
	{"mremap"},
	{"madvise"},
	{"mlock"},
	{"munlock"},
	// Executable or writable, not both: libraries that are loaded late (name service) still are.
	{"mmap", 3, PROT_WRITE, 0},
	{"mmap", 3, PROT_EXEC, 0},
	{"mprotect", 3, PROT_EXEC, 0},
	{"clone", 1, CLONE_THREAD, CLONE_THREAD},
	{"set_robust_list"},
	{"rseq"},
	{"futex"},
	{"gettid"},
	{"getpid"},
	{"sched_yield"},
	{"sched_getaffinity"},
	{"sched_setaffinity"},
	{"exit"},
	{"exit_group"},
	{"tgkill"},
	{"rt_sigaction"},
	{"rt_sigprocmask"},
	{"rt_sigreturn"},
	{"rt_sigtimedwait"},
	{"sigaltstack"},
	{"prctl", 1, UINT32_MAX, PR_SET_NAME},
	{"restart_syscall"},
	{"clock_gettime"},
	{"clock_getres"},
	{"clock_nanosleep"},
	{"nanosleep"},
	{"gettimeofday"},
	{"time"},
	{"getrandom"},
	{"getrlimit"},
	{"prlimit64"},
	{"getrusage"},
	{"sysinfo"},
	{"uname"},
	{"getuid"},
	{"geteuid"},
	{"getgid"},
	{"getegid"},
	{"read"},
	{"readv"},
	{"pread64"},
	{"preadv"},
	{"preadv2"},
	{"write"},
	{"writev"},
	{"pwrite64"},
	{"pwritev"},
	{"pwritev2"},
	{"lseek"},
	{"close"},
	{"close_range"},
	{"fstat"},
	{"newfstatat"},
	{"stat"},
	{"lstat"},
	{"statx"},
	{"fstatfs"},
	{"statfs"},
	{"access"},
	{"faccessat"},
	{"faccessat2"},
	{"readlink"},
	{"readlinkat"},
	{"getcwd"},
	{"open"},
	{"openat"},
	{"getdents64"},
	{"fcntl"},
	{"flock"},
	{"fsync"},
	{"fdatasync"},
	{"sync_file_range"},
	{"ftruncate"},
	{"fallocate"},
	{"fadvise64"},
	{"unlink"},
	{"unlinkat"},
	{"rmdir"},
	{"mkdir"},
	{"mkdirat"},
	{"rename"},
	{"renameat"},
	{"renameat2"},
	{"dup"},
	{"dup2"},
	{"dup3"},
	{"pipe2"},
	{"eventfd2"},
	{"poll"},
	{"ppoll"},
	{"epoll_create"},
	{"epoll_create1"},
	{"epoll_ctl"},
	{"epoll_wait"},
	{"epoll_pwait"},
	{"epoll_pwait2"},
	{"sendto"},
	{"sendmsg"},
	{"recvfrom"},
	{"recvmsg"},
	{"shutdown"},
	{"accept4"},
};

// Neither process nor any library in it makes these, whatever happens: who does has taken it over.
static const char *const deadly[] = {"execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "fork", "vfork", "mount", "umount2", "move_mount", "open_tree",
	"fsopen", "pivot_root", "chroot", "unshare", "setns", "init_module", "finit_module",
	"delete_module", "kexec_load", "kexec_file_load", "bpf", "userfaultfd", "perf_event_open",
	"keyctl", "add_key", "request_key", "reboot", "swapon", "personality", "open_by_handle_at",
	"pidfd_getfd", "acct", "quotactl"};

static int add(scmp_filter_ctx filter, uint32_t action, const struct sandbox_call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);
	int error;

	if (number == __NR_SCMP_ERROR)
		return 0;
	if (!call->argument) {
		error = seccomp_rule_add(filter, action, number, 0);
	} else {
		struct scmp_arg_cmp compare = SCMP_CMP(
			(unsigned)call->argument - 1, SCMP_CMP_MASKED_EQ, call->mask, call->value);

		error = seccomp_rule_add_array(filter, action, number, 1, &compare);
	}
	// Some calls are not there on every architecture.
	return error == -EDOM ? 0 : error;
}

static int fill(scmp_filter_ctx filter, const struct sandbox_call *calls, size_t count)
{
	// libc then falls back to clone, whose flags a filter can see.
	const struct sandbox_call newer = {"clone3"};
	int error = add(filter, SCMP_ACT_ERRNO(ENOSYS), &newer);

	for (size_t i = 0; !error && i < COUNT(common); i++)
		error = add(filter, SCMP_ACT_ALLOW, &common[i]);
	for (size_t i = 0; !error && i < count; i++)
		error = add(filter, SCMP_ACT_ALLOW, &calls[i]);
	for (size_t i = 0; !error && i < COUNT(deadly); i++) {
		const struct sandbox_call call = {deadly[i]};

		error = add(filter, SCMP_ACT_KILL_PROCESS, &call);
	}
	return error;
}

// The leak checker ends a process by looking at it from a clone, as a debugger does.
#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_CHECKED 1
#elif defined(__has_feature)
#define LEAKS_ARE_CHECKED __has_feature(address_sanitizer)
#else
#define LEAKS_ARE_CHECKED 0
#endif

int sandbox_filter(const struct sandbox_call *calls, size_t count, char *message)
{
	if (LEAKS_ARE_CHECKED)
		return 0;

	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error = filter ? 0 : -ENOMEM;

	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	// No slower memory for a process that runs nobody else's code.
	if (!error)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	if (!error)
		error = fill(filter, calls, count);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	if (error)
		snprintf(message, SANDBOX_MESSAGE,
			"cannot filter system calls: %s; a kernel without seccomp needs "
			"sandbox = false; in the config",
			strerror(-error));
	return error;
}
