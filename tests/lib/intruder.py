# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Makes a running process do a system call of our choosing, as somebody would who has taken it over:
its main thread is stopped, given a system call instruction, and put back as it was. x86-64, as root.

    with Intruder(pid) as intruder:
        assert intruder.call(SOCKET, AF_PACKET, SOCK_RAW, 0) == -errno.EPERM
"""

import ctypes
import os
import signal

PTRACE_PEEKTEXT, PTRACE_POKETEXT, PTRACE_CONT, PTRACE_SINGLESTEP = 1, 4, 7, 9
PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 12, 13, 16, 17
SYSCALL = 0x050F  # the instruction's two bytes

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
        "fs_base gs_base ds es fs gs").split()]


class Ended(Exception):
    """The process has ended; .signal says by which signal."""

    def __init__(self, number):
        super().__init__(f"ended by signal {number}")
        self.signal = number


class Intruder:
    def __init__(self, pid):
        self.pid, self.ended = pid, False

    def __enter__(self):
        self._ptrace(PTRACE_ATTACH)
        self._wait()
        return self

    def __exit__(self, *_):
        if not self.ended:
            self._ptrace(PTRACE_DETACH)

    def call(self, number, *arguments):
        """The result as the kernel gives it: -errno for an error. Ended if it was the last."""
        saved, changed = Registers(), Registers()
        for registers in (saved, changed):
            self._ptrace(PTRACE_GETREGS, data=ctypes.addressof(registers))
        ctypes.set_errno(0)
        text = self._ptrace(PTRACE_PEEKTEXT, saved.rip)
        # Not 8-byte aligned, but a word that begins in a mapped page's code; its end may be beyond.
        self._ptrace(PTRACE_POKETEXT, saved.rip, text & ~0xFFFF | SYSCALL)
        changed.orig_rax, changed.rax = 2**64 - 1, number
        for name, value in zip("rdi rsi rdx r10 r8 r9".split(), arguments + (0,) * 6):
            setattr(changed, name, value)
        self._ptrace(PTRACE_SETREGS, data=ctypes.addressof(changed))
        self._ptrace(PTRACE_SINGLESTEP)
        self._wait()
        self._ptrace(PTRACE_GETREGS, data=ctypes.addressof(changed))
        self._ptrace(PTRACE_POKETEXT, saved.rip, text)
        self._ptrace(PTRACE_SETREGS, data=ctypes.addressof(saved))
        return ctypes.c_longlong(changed.rax).value

    def _ptrace(self, request, address=0, data=0):
        result = _libc.ptrace(request, self.pid, address, data & 2**64 - 1)
        if result == -1 and ctypes.get_errno():
            raise OSError(ctypes.get_errno(), f"ptrace request {request}")
        return result

    def _wait(self):
        _, status = os.waitpid(self.pid, 0x40000000)  # __WALL
        while os.WIFSTOPPED(status) and os.WSTOPSIG(status) not in (signal.SIGSTOP, signal.SIGTRAP):
            self._ptrace(PTRACE_CONT, data=os.WSTOPSIG(status))
            _, status = os.waitpid(self.pid, 0x40000000)
        if not os.WIFSTOPPED(status):
            self.ended = True
            raise Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
