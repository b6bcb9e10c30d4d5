# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The control process's end of the control link, for one event: commands as dataplane/control_link.h has
them, and a look into the shared memory."""

import array
import mmap
import os
import socket
import struct
import time

(HELLO, RESULT, EVENT_OPEN, CLIENT_ADD, CLIENT_ADMIT, CLIENT_ABORT, COMMIT, COMMITTED, ROLLBACK, SEAL,
 FREEZE, EVENT_CLOSE, DOORBELL, RESTORE) = range(1, 15)
SHM_EVENT = struct.Struct("<IIII QIIII QQQQQ QIII92x")  # struct weir_shm_event, up to accumulators


class Gone(Exception):
    """The dataplane has ended."""


class Refused(Exception):
    """status, a negative errno, is what it answered."""

    def __init__(self, kind, status, detail):
        super().__init__(f"command {kind} was answered with {os.strerror(-status)} ({detail})")
        self.status = status


class Control:
    """dimension: elements of 4 bytes. patience: how long there may be nobody to connect to; an answer may
    take longer."""

    def __init__(self, path, event, dimension, patience=10):
        self.number, self.dimension = event, dimension
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.settimeout(60)
        give_up = time.monotonic() + patience
        while True:
            try:
                self.link.connect(path)
                break
            except (ConnectionRefusedError, FileNotFoundError) as error:
                if time.monotonic() > give_up:
                    raise Gone from error
                time.sleep(0.005)
        self.sequence, self.committed, self.rung = 0, [], set()
        self.memory = None
        self.command(HELLO, b"")

    def command(self, kind, body, descriptors=()):
        """Sends a command and returns when it has been answered with status 0."""
        self.sequence += 1
        message = struct.pack("<HHIII", 1, kind, self.sequence, 16 + len(body), 0) + body
        try:
            if descriptors:
                socket.send_fds(self.link, [message], descriptors)
            else:
                self.link.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Gone from error
        while True:
            answered, sequence, content = self.receive()
            if answered == RESULT:
                status, detail = struct.unpack("<iI", content)
                assert sequence == self.sequence, (kind, sequence, self.sequence)
                if status != 0:
                    raise Refused(kind, status, detail)
                return

    def receive(self):
        try:
            message, ancillary, _, _ = self.link.recvmsg(65536, socket.CMSG_SPACE(4))
        except ConnectionResetError as error:
            raise Gone from error
        if not message:
            raise Gone
        if ancillary:
            descriptor = array.array("i", ancillary[0][2])[0]
            size = struct.unpack("<Q", os.pread(descriptor, 8, 16))[0]
            self.memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ)
            os.close(descriptor)
        _, kind, sequence, length, _ = struct.unpack_from("<HHIII", message)
        assert length == len(message)
        content = message[16:]
        if kind == COMMITTED:
            event, batch, status = struct.unpack_from("<IIi", content)
            self.committed.append((event, batch, status))
        elif kind == DOORBELL:
            event, n = struct.unpack_from("<II", content)
            self.rung |= {(event, client) for client in struct.unpack_from(f"<{n}I", content, 8)}
        return kind, sequence, content

    def open(self, modulus, chunk, clients, slots, max_weight=1000, window=3):
        self.command(EVENT_OPEN, struct.pack("<IIQIIIIIIQ", self.number, modulus, self.dimension, chunk,
                                             clients, slots, max_weight, window, 0, 0))

    def add(self, clients):
        """clients: (index, weight, key to the aggregator, key to the client)."""
        self.command(CLIENT_ADD, struct.pack("<II", self.number, len(clients)) + b"".join(
            struct.pack("<II32s32s", *client) for client in clients))

    def list(self, kind, clients):
        self.command(kind, struct.pack(f"<II{len(clients)}I", self.number, len(clients), *clients))

    def batch(self, kind, batch):
        self.command(kind, struct.pack("<IIiI", self.number, batch, 0, 0))

    def start_commit(self, batch, clients, count, weight, digest):
        self.command(COMMIT, struct.pack(f"<IIQQ32sII{len(clients)}I", self.number, batch, count, weight,
                                         digest, len(clients), 0, *clients))

    def commit(self, batch, clients, count, weight, digest):
        """Returns when the batch is in the accumulator, or with the status if it cannot be."""
        self.start_commit(batch, clients, count, weight, digest)
        while True:
            for event, done, status in self.committed:
                if (event, done) == (self.number, batch):
                    self.committed.clear()
                    return status
            self.receive()

    def restore(self, batch, count, weight, digest, descriptor, offset):
        self.command(RESTORE, struct.pack("<IIQQ32sQ", self.number, batch, count, weight, digest, offset),
                     [descriptor])

    def event(self):
        offset, capacity = self.at("<Q", 56)[0], self.at("<I", 48)[0]
        start = offset + self.number % capacity * 320
        return SHM_EVENT.unpack_from(self.memory, start), start + 192

    def at(self, layout, offset):
        return struct.unpack_from(layout, self.memory, offset)

    def state(self, client):
        return self.at("<I", self.event()[0][9] + 16 * client)[0]

    def received(self, client):
        return self.at("<I", self.event()[0][9] + 16 * client + 4)[0]

    def batches(self):
        """The batch held, the open one and the last sealed one."""
        fields = self.event()[0]
        return fields[14] >> 1, fields[15], fields[16]

    def accumulator(self):
        """count, weight, batch, set digest and elements of the current one."""
        fields, accumulators = self.event()
        offset, count, weight, batch, _, digest = self.at("<QQQII32s",
                                                          accumulators + 64 * (fields[14] & 1))
        assert batch == fields[14] >> 1
        return count, weight, batch, digest, self.at(f"<{self.dimension}I", offset)
