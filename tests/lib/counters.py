# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""A running dataplane's counters, read as its control process does: HELLO on the control link brings
the descriptor of the shared memory. (The newest peer wins: a control process would lose its link.)"""

import array
import mmap
import os
import re
import socket
import struct

import netlab

HELLO, VERSION = 1, 1


def names():
    """The list in counters.h, in its order."""
    with open(os.path.join(netlab.ROOT, "dataplane", "counters.h"), encoding="utf-8") as header:
        return re.findall(r"^\s*X\((\w+),", header.read(), re.MULTILINE)


def memory_of(path):
    """Maps the shared memory of the dataplane that listens at path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(5)
        link.connect(path)
        link.send(struct.pack("<HHIII", VERSION, HELLO, 1, 16, 0))
        answer, ancillary, _, _ = link.recvmsg(4096, socket.CMSG_SPACE(4))
        status = struct.unpack_from("<i", answer, 16)[0]
        if status != 0 or not ancillary:
            raise netlab.LabError(f"{path}: HELLO was answered with status {status}")
    descriptor = array.array("i", ancillary[0][2])[0]
    try:
        size = struct.unpack("<Q", os.pread(descriptor, 8, 16))[0]
        return mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ)
    finally:
        os.close(descriptor)


def read(path):
    """A list with a dictionary of counters for each worker."""
    memory = memory_of(path)
    try:
        workers = struct.unpack_from("<I", memory, 12)[0]
        count, stride, offset = struct.unpack_from("<IIQ", memory, 32)
        listed = names()
        assert len(listed) == count, (len(listed), count)
        return [dict(zip(listed, struct.unpack_from(f"<{count}Q", memory, offset + i * stride)))
                for i in range(workers)]
    finally:
        memory.close()


def total(path):
    """The same, summed over the workers."""
    workers = read(path)
    return {name: sum(worker[name] for worker in workers) for name in workers[0]}
