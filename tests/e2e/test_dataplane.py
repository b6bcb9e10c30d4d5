#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""One dataplane, whole: real datagrams over veth on one side, this test as its control process on the
other. Clients ask for slots, are admitted in two batches into fewer slots than there are clients, send
their chunks in any order and more than once, among packets that must change nothing; the accumulator
is then the exact weighted sum, and stays so when a batch is rolled back and committed again."""

import array
import ipaddress
import mmap
import os
import random
import socket
import struct
import threading
import time

import lab_path  # noqa: F401
import counters
import netlab
import topology
import weir_packets

(HELLO, RESULT, EVENT_OPEN, CLIENT_ADD, CLIENT_ADMIT, _, COMMIT, COMMITTED, ROLLBACK, SEAL, FREEZE,
 EVENT_CLOSE, DOORBELL) = range(1, 14)
M31, MODULUS = 1, 2**31 - 1
EVENT, DIMENSION, CHUNK, SLOTS, CLIENTS = 5, 5 * 352 + 3, 352, 4, 8
SHM_EVENT = struct.Struct("<IIII QIIII QQQQQ QI100x")  # struct weir_shm_event, up to accumulators


class Control:
    """The other end of the control link."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.settimeout(10)
        self.link.connect(path)
        self.sequence, self.committed, self.rung = 0, [], set()
        self.memory = None
        self.command(HELLO, b"")

    def command(self, kind, body):
        """Sends a command and returns when it has been answered with status 0."""
        self.sequence += 1
        self.link.send(struct.pack("<HHIII", 1, kind, self.sequence, 16 + len(body), 0) + body)
        while True:
            answered, sequence, content = self.receive()
            if answered == RESULT:
                status, detail = struct.unpack("<iI", content)
                assert (sequence, status) == (self.sequence, 0), (kind, sequence, status, detail)
                return

    def receive(self):
        message, ancillary, _, _ = self.link.recvmsg(65536, socket.CMSG_SPACE(4))
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

    def batch(self, kind, batch):
        self.command(kind, struct.pack("<IIiI", EVENT, batch, 0, 0))

    def commit(self, batch, clients, count, weight, digest):
        body = struct.pack(f"<IIQQ32sII{len(clients)}I", EVENT, batch, count, weight, digest,
                           len(clients), 0, *clients)
        self.command(COMMIT, body)
        while (EVENT, batch, 0) not in self.committed:
            self.receive()
        self.committed.clear()

    def event(self):
        offset, capacity = self.at("<Q", 56)[0], self.at("<I", 48)[0]
        start = offset + EVENT % capacity * 320
        return SHM_EVENT.unpack_from(self.memory, start), start + 192

    def at(self, layout, offset):
        return struct.unpack_from(layout, self.memory, offset)

    def state(self, client):
        return self.at("<I", self.event()[0][9] + 16 * client)[0]

    def accumulator(self):
        """count, weight, batch, set digest and elements of the current one."""
        fields, accumulators = self.event()
        offset, count, weight, batch, _, digest = self.at("<QQQII32s",
                                                          accumulators + 64 * (fields[14] & 1))
        assert batch == fields[14] >> 1
        return count, weight, batch, digest, self.at(f"<{DIMENSION}I", offset)


def config_of(lab, aggregator):
    path = os.path.join(lab.directory, "appliance.cfg")
    cpus = sorted(os.sched_getaffinity(0))
    workers = cpus[:2]
    with open(path, "w") as config:
        config.write(f"""dataplane = {{
    ports = ( {{ device = "net_af_packet0,iface=data,qpairs={len(workers)}";
                ipv4 = "{aggregator.data_address}"; ipv6 = "{aggregator.data_address6}"; }} );
    workers = [ {", ".join(map(str, workers))} ];
    hugepages = "off"; packet_memory = "32 MiB"; packet_buffers = 8192; arena = "8 MiB";
    wait = "5 ms"; window = 3;
    socket = "dataplane.sock"; file_prefix = "weir-{os.getpid()}";
}};
control = {{ key = "key.pem"; state = "state"; listen = "127.0.0.1:9347"; }};
""")
    return path


def disturb(session, address, plaintexts, source):
    """Packets that must change nothing, of every kind, mixed into an upload."""
    chunk = source.randrange(len(plaintexts))
    good = session.share(chunk, plaintexts[chunk])
    too_big = struct.pack("<I", MODULUS) + plaintexts[1][4:]
    wrong_nonce = weir_packets.seal(session.key_out, weir_packets.SHARE, EVENT, session.client, 1,
                                    os.urandom(8), too_big)
    at = source.randrange(24, len(good))
    tampered = good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET,
                       socket.SOCK_DGRAM) as sender:
        for datagram in (good[:-1], good + b"x", tampered, wrong_nonce, b"", good[:30],
                         good[:4] + b"\x06" + good[5:], good[:8] + b"\x63" + good[9:],
                         b"\x02" + good[1:], good[:1] + b"\x04" + good[2:]):
            sender.sendto(datagram, (str(address), 9347))


def upload(namespace, session, address, plaintexts, source, results):
    with namespace.entered():
        sending = weir_packets.Upload(session, (address, 9347), plaintexts, patience=20)
        send, disturbed = sending.send, []

        def send_twice_and_worse(datagram):
            if datagram[1] == weir_packets.SHARE and not disturbed:
                disturbed.append(disturb(session, address, plaintexts, source))
            send(datagram)
            if datagram[1] == weir_packets.SHARE:
                send(datagram)
        sending.send = send_twice_and_worse
        disturb(session, address, plaintexts, source)  # without a slot
        results[session.client] = sending.run()
        disturb(session, address, plaintexts, source)  # when all is there
        sending.close()


def story(lab):
    source = random.Random(2)
    star = topology.Star(lab, 1)
    aggregator = star.aggregators[0]
    config = config_of(lab, aggregator)
    dataplane = aggregator.namespace.start([netlab.program("weir-dataplane"), "--config", config],
                                           name="dataplane")
    path = os.path.join(lab.directory, "dataplane.sock")
    netlab.wait_until(lambda: os.path.exists(path), 10, path)
    control = Control(path)
    control.command(EVENT_OPEN, struct.pack("<IIQIIIIIIQ", EVENT, M31, DIMENSION, CHUNK, CLIENTS,
                                            SLOTS, 1000, 3, 0, 0))

    weights = [source.randrange(1, 1001) for _ in range(CLIENTS)]
    vectors = [[source.randrange(MODULUS) for _ in range(DIMENSION)] for _ in range(CLIENTS)]
    keys = [(os.urandom(32), os.urandom(32)) for _ in range(CLIENTS)]
    control.command(CLIENT_ADD, struct.pack("<II", EVENT, CLIENTS) + b"".join(
        struct.pack("<II32s32s", i, weights[i], *keys[i]) for i in range(CLIENTS)))

    results, threads = {}, []
    for i in range(CLIENTS):
        address = aggregator.data_address6 if i % 2 else aggregator.data_address
        threads.append(threading.Thread(target=upload, daemon=True, args=(
            star.clients, weir_packets.Session(*keys[i], EVENT, i, os.urandom(8)),
            ipaddress.ip_address(address),
            weir_packets.chunks_of(vectors[i], CHUNK, 4), random.Random(i), results)))
        threads[-1].start()
    while len(control.rung) < CLIENTS:  # each has asked for a slot
        control.receive()
    assert {control.state(i) for i in range(CLIENTS)} == {weir_packets.REQUESTED}

    expected, weight, batch = [0] * DIMENSION, 0, 0
    for clients in (range(0, SLOTS), range(SLOTS, CLIENTS)):
        batch += 1
        control.command(CLIENT_ADMIT, struct.pack(f"<II{len(clients)}I", EVENT, len(clients),
                                                  *clients))
        netlab.wait_until(lambda: all(control.state(i) == weir_packets.COMPLETE for i in clients),
                          20, "complete slots")
        for i in clients:
            threads[i].join(20)
            assert results[i] == weir_packets.COMPLETE, results
        for i in clients:
            expected = [(e + weights[i] * v) % MODULUS for e, v in zip(expected, vectors[i])]
            weight += weights[i]
        digest, count = os.urandom(32), clients[-1] + 1
        control.commit(batch, clients, count, weight, digest)
        assert control.accumulator() == (count, weight, batch, digest, tuple(expected))
        if batch == 1:
            control.batch(ROLLBACK, batch)
            assert control.accumulator()[0] == 0 and not any(control.accumulator()[4])
            assert {control.state(i) for i in clients} == {weir_packets.COMPLETE}
            batch += 1  # numbers are never reused
            control.commit(batch, clients, count, weight, digest)
            assert control.accumulator() == (count, weight, batch, digest, tuple(expected))
        control.batch(SEAL, batch)
        assert {control.state(i) for i in clients} == {weir_packets.SEALED}

    control.batch(FREEZE, 0)
    assert control.accumulator()[4] == tuple(expected)
    control.batch(EVENT_CLOSE, 0)
    control.link.close()
    assert dataplane.returncode is None, dataplane.tail()
    counted = counters.total(path)
    print("  " + ", ".join(f"{name} {n}" for name, n in counted.items() if n))
    assert counted["shares_staged"] == CLIENTS * 6 and counted["slots_completed"] == CLIENTS
    for reason in ("duplicate", "tag", "not_canonical", "packet_length", "packet_short", "packet_type",
                   "packet_version", "event_unknown", "client_unknown", "no_slot"):
        assert counted[f"drop_{reason}"] > 0, reason
    assert dataplane.stop() == 0, dataplane.tail()


with netlab.Lab() as the_lab:
    started = time.monotonic()
    story(the_lab)
    print(f"story: {time.monotonic() - started:.1f} s")
