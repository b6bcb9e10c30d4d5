# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Mounts that nobody else sees and that go with the process. `unshare --propagation private` does as
much, but not in a chroot whose root is no mount of its own: nothing there names the mount to be changed.

    private_mounts.enter()  # once, before there are threads; as root
    private_mounts.small_disk(path, mebibytes)
"""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
FILL = "fill"

_libc = ctypes.CDLL(None, use_errno=True)


def _do(result, what):
    if result == -1:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def enter():
    _do(_libc.unshare(CLONE_NEWNS), "unshare")
    # Of the new namespace, as is its own number.
    folder, root = (os.open(path, os.O_PATH | os.O_DIRECTORY) for path in (".", "/"))
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    # To join a mount namespace, be it one's own, is to be at its very root, out of any chroot.
    _do(_libc.setns(namespace, CLONE_NEWNS), "setns")
    _do(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "private mounts")
    os.fchdir(root)
    os.chroot(".")
    os.fchdir(folder)
    for descriptor in (folder, root, namespace):
        os.close(descriptor)


def small_disk(path, mebibytes):
    os.mkdir(path, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "weir-small-disk",
                    path], check=True)


def fill(path, leave=0):
    """Every byte that is left, or all but so many; whoever frees some finds the rest taken still."""
    with open(os.path.join(path, FILL), "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
        if leave:
            file.truncate(file.seek(0, os.SEEK_END) - leave)


def free(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(path, FILL))


def release(directory):
    """The disks in it, whoever still uses them, so that it can be removed."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        paths = [line.split()[1] for line in mounts]
    for path in paths:
        if path.startswith(directory):
            subprocess.run(["umount", "--lazy", path], check=True)
