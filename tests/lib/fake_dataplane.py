# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The dataplane's end of the control link (dataplane/control_link.h, shared_memory.h) without any
packets: tests decide what its clients have sent. It holds counts and digests like a real one, and
vectors of zeros. One thread; everything public may be called from the test's thread.

    with FakeDataplane(path) as dataplane:
        dataplane.automatic = True        # clients ask at once, and are complete once admitted
        ...
        dataplane.set_state(number, client, COMPLETE)
"""

import array
import mmap
import os
import socket
import struct
import threading

HELLO, RESULT, EVENT_OPEN, CLIENT_ADD, CLIENT_ADMIT, CLIENT_ABORT, COMMIT, COMMITTED, ROLLBACK, \
    SEAL, FREEZE, EVENT_CLOSE, DOORBELL, RESTORE = range(1, 15)
JOINED, REQUESTED, ADMITTED, COMPLETE, COMMITTED_STATE, SEALED, ABORTED = range(1, 8)
ENOENT, EBUSY, EEXIST, EINVAL, ENOSPC, ENODATA, ESTALE = 2, 16, 17, 22, 28, 61, 116

HEADER = struct.Struct("<HHIII")
EVENTS, EVENT_SIZE, CLIENT_SIZE = 16, 320, 16
EVENTS_OFFSET, ARENA_OFFSET, SIZE = 4096, 16384, 8 << 20


def counter_count():
    """As many as dataplane/counters.h lists: each side checks that the other knows the same."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "dataplane", "counters.h")
    with open(path, encoding="utf-8") as file:
        return sum(line.lstrip().startswith("X(") for line in file)


class Event:
    def __init__(self, number, fields, offset):
        (self.modulus, self.dimension, self.chunk_elements, self.max_clients, self.slots,
         self.max_weight, self.window, _, self.rate) = fields
        self.number, self.offset, self.layout = number, offset, self.layout_of(fields)
        self.clients = {}                # index -> (weight, keys)
        self.states = {}
        self.open_batch = self.sealed_batch = 0
        self.open_clients, self.frozen = [], False
        self.before = (0, 0, bytes(32), 0)
        self.held = (0, 0, bytes(32), 0)  # count, weight, digest, batch

    @staticmethod
    def layout_of(fields):
        """What cannot change while it is open: all but window and rate."""
        return fields[:6] + fields[7:8]


class FakeDataplane:
    def __init__(self, path, slots=None):
        self.path, self.slot_limit = path, slots
        self.automatic = False
        self.mute = False            # EVENT_OPEN is not answered, nor what comes behind it
        self.silent_commits = False  # COMMIT is taken but never done
        self.away = False            # whoever connects is sent away
        self.lose_batches = 0        # so many COMMITs are answered with ENODATA
        self.wrong_digest = False    # it holds another set than it was told
        self.log = []                # (type, number, detail) of every command
        self.events = {}
        self.lock = threading.RLock()
        self.peer = None
        self.sequence = 0
        self.memory_file = os.memfd_create("weir-fake")
        os.ftruncate(self.memory_file, SIZE)
        self.memory = mmap.mmap(self.memory_file, SIZE)
        self._write_header()
        self._arena = ARENA_OFFSET
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(4)
        self.stopping = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stopping = True
        self.hang_up()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        os.unlink(self.path)

    def hang_up(self):
        """Breaks the link, as the death of a dataplane does."""
        with self.lock:
            if self.peer:
                self.peer.shutdown(socket.SHUT_RDWR)

    def restart(self, lose_memory=False):
        """Ends and starts again: the keys are gone, and the memory's contents if it says so."""
        with self.lock:
            if lose_memory:
                for event in self.events.values():
                    self._write_event(event, 0)
                self.events = {}
            for event in self.events.values():
                event.clients = {}
            self.hang_up()

    def set_state(self, number, client, state, ring=True, expected=None):
        """Only if it is in the expected state, where one is given."""
        with self.lock:
            event = self.events[number]
            if expected is not None and event.states.get(client) != expected:
                return
            event.states[client] = state
            self._write_client(event, client)
            if ring and self.peer:
                self._send(DOORBELL, struct.pack("<III", number, 1, client))

    def commands(self, kind):
        with self.lock:
            return [entry for entry in self.log if entry[0] == kind]

    # The memory.

    def _write_header(self):
        n = counter_count()
        struct.pack_into("<QIIQQIIQIIQQQQB", self.memory, 0, 0x314d485352494557, 1, 1, SIZE, 42, n,
                         (n * 8 + 63) // 64 * 64, 1024, EVENTS, 100000, EVENTS_OFFSET, ARENA_OFFSET,
                         SIZE - ARENA_OFFSET, 0, 0)

    def _write_client(self, event, client):
        weight = event.clients[client][0] if client in event.clients else 0
        struct.pack_into("<IIII", self.memory, event.offset + client * CLIENT_SIZE,
                         event.states.get(client, 0), 0, 0xffffffff, weight)

    def _write_event(self, event, number):
        at = EVENTS_OFFSET + (event.number % EVENTS) * EVENT_SIZE
        clients = event.max_clients * CLIENT_SIZE
        vector = event.offset + (clients + 63) // 64 * 64
        count, weight, digest, batch = event.held
        if self.wrong_digest:
            digest = bytes(32)
        struct.pack_into("<IIIIQIIIIQQQQQ", self.memory, at, number, 2 if event.frozen else 1,
                         event.modulus, event.chunk_elements, event.dimension, 1,
                         event.max_clients, event.slots, 0, event.offset, 0, 0, 0, 0)
        struct.pack_into("<QI", self.memory, at + 80, batch << 1, event.open_batch)
        struct.pack_into("<QQQII32s", self.memory, at + 192, vector, count, weight, batch, 0, digest)
        count, weight, digest, batch = event.before
        struct.pack_into("<QQQII32s", self.memory, at + 256, vector, count, weight, batch, 0, digest)

    # The link.

    def _serve(self):
        while not self.stopping:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            if self.away:
                peer.close()
                continue
            with self.lock:
                self.peer = peer
            while not self.stopping:
                try:
                    message, files, _, _ = socket.recv_fds(peer, 65536, 1)
                except OSError:
                    break
                if not message:
                    break
                with self.lock:
                    self._handle(message, files)
                for file in files:
                    os.close(file)
            with self.lock:
                self.peer = None
            peer.close()

    def _send(self, kind, body, descriptor=None, sequence=None):
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        message = HEADER.pack(1, kind, sequence, HEADER.size + len(body), 0) + body
        rights = [] if descriptor is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        try:
            self.peer.sendmsg([message], rights)
        except OSError:
            pass

    def _handle(self, message, files):
        _, kind, sequence, _, _ = HEADER.unpack_from(message)
        body = message[HEADER.size:]
        status, after = 0, None
        if kind == EVENT_OPEN and self.mute:
            return
        if kind == EVENT_OPEN:
            status = self._open(body)
        elif kind != HELLO:
            number = struct.unpack_from("<I", body)[0]
            event = self.events.get(number)
            if event is None:
                status = 0 if kind == EVENT_CLOSE else -ENOENT
            elif kind == RESTORE:
                status = self._restore(event, body, files)
            else:
                status, after = self._command(kind, event, body)
        if kind != HELLO:
            self.log.append((kind, struct.unpack_from("<I", body)[0], status))
        self._send(RESULT, struct.pack("<iI", status, 0),
                   self.memory_file if kind == HELLO else None, sequence)
        if after:
            after()

    def _open(self, body):
        number, *fields = struct.unpack("<IIQIIIIIIQ", body)
        if self.slot_limit is not None and fields[4] > self.slot_limit:
            return -ENOSPC
        known = self.events.get(number)
        if known:
            known.window, known.rate = fields[6], fields[8]
            return 0 if known.layout == known.layout_of(fields) else -EEXIST
        event = Event(number, fields, self._arena)
        room = event.max_clients * CLIENT_SIZE + event.dimension * 8 + 8192
        self._arena += (room + 63) // 64 * 64
        if self._arena > SIZE:
            return -ENOSPC
        self.events[number] = event
        self._write_event(event, number)
        return 0

    def _ring(self, event, clients):
        def ring():
            if self.peer:
                self._send(DOORBELL, struct.pack(f"<II{len(clients)}I", event.number, len(clients),
                                                 *clients))
        return ring

    def _command(self, kind, event, body):
        if kind in (CLIENT_ADD, CLIENT_ADMIT, CLIENT_ABORT):
            return self._clients(kind, event, body)
        if kind == COMMIT:
            return self._commit(event, body)
        batch = struct.unpack_from("<I", body, 4)[0]
        if kind in (ROLLBACK, SEAL):
            return self._settle(kind, event, batch)
        if kind == FREEZE:
            event.frozen = True
            self._write_event(event, event.number)
        if kind == EVENT_CLOSE:
            self._write_event(event, 0)
            del self.events[event.number]
        return 0, None

    def _clients(self, kind, event, body):
        count = struct.unpack_from("<I", body, 4)[0]
        if kind == CLIENT_ADD:
            return self._add(event, count, body)
        clients = struct.unpack_from(f"<{count}I", body, 8)
        allowed = range(1, 8) if kind == CLIENT_ADMIT else (JOINED, REQUESTED, ADMITTED, COMPLETE, ABORTED)
        if any(c not in event.clients or event.states[c] not in allowed for c in clients):
            return -EINVAL, None
        changed = clients
        if kind == CLIENT_ADMIT:
            changed = [c for c in clients if event.states[c] in (JOINED, REQUESTED)]
        for client in changed:
            event.states[client] = ABORTED if kind == CLIENT_ABORT else \
                COMPLETE if self.automatic else ADMITTED
            self._write_client(event, client)
        return 0, self._ring(event, changed) if self.automatic else None

    def _add(self, event, count, body):
        fresh = []
        for i in range(count):
            index, weight = struct.unpack_from("<II", body, 8 + 72 * i)
            client = (weight, body[16 + 72 * i:80 + 72 * i])
            if event.clients.setdefault(index, client) != client:
                return -EEXIST, None
            if not event.states.get(index):
                event.states[index] = REQUESTED if self.automatic else JOINED
                fresh.append(index)
            self._write_client(event, index)
        return 0, self._ring(event, fresh) if self.automatic else None

    def _commit(self, event, body):
        _, batch, count, weight, digest, n, _ = struct.unpack_from("<IIQQ32sII", body)
        clients = struct.unpack_from(f"<{n}I", body, 64)
        if self.silent_commits:
            return 0, None
        if batch == event.held[3]:
            same = digest == event.held[2]
            return (0, self._committed(event, batch, 0)) if same else (-EEXIST, None)
        if event.open_batch:
            return -EBUSY, None
        if batch < event.held[3]:
            return -ESTALE, None
        lost = self.lose_batches > 0
        if lost:
            self.lose_batches -= 1
        elif any(event.states.get(client) != COMPLETE for client in clients):
            lost = True
        elif (count, weight) != (event.held[0] + n,
                                 event.held[1] + sum(event.clients[c][0] for c in clients)):
            return -EINVAL, None
        else:
            event.before, event.held = event.held, (count, weight, digest, batch)
            event.open_batch, event.open_clients = batch, clients
            for client in clients:
                event.states[client] = COMMITTED_STATE
                self._write_client(event, client)
            self._write_event(event, event.number)
        return 0, self._committed(event, batch, -ENODATA if lost else 0)

    def _committed(self, event, batch, status):
        return lambda: self._send(COMMITTED, struct.pack("<IIiI", event.number, batch, status, 0))

    def _restore(self, event, body, files):
        """Its vectors are zeros, so those of the file must be."""
        _, batch, count, weight, digest, offset = struct.unpack_from("<IIQQ32sQ", body)
        if event.held[2:] == (digest, batch):
            return 0
        if event.open_batch or event.held[3] >= batch:
            return -ESTALE
        elements = os.pread(files[0], event.dimension * 8 + 1, offset)
        if elements != bytes(event.dimension * 8):
            return -EINVAL
        event.before, event.held = event.held, (count, weight, digest, batch)
        event.sealed_batch = batch
        self._write_event(event, event.number)
        return 0

    def _settle(self, kind, event, batch):
        if kind == SEAL and batch <= event.sealed_batch:
            return 0, None
        if kind == ROLLBACK and batch <= event.sealed_batch:
            return -ESTALE, None
        if event.open_batch != batch:
            return (0 if kind == ROLLBACK else -ESTALE), None
        if kind == ROLLBACK:
            event.held = event.before
        else:
            event.sealed_batch = batch
        for client in event.open_clients:
            event.states[client] = SEALED if kind == SEAL else COMPLETE
            self._write_client(event, client)
        event.open_batch = 0
        self._write_event(event, event.number)
        return 0, None
