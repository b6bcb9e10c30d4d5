#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""One dataplane, whole: real datagrams over veth on one side, this test as its control process on the
other. Clients ask for slots, are admitted in two batches into fewer slots than there are clients, send
their chunks in any order and more than once, among packets that must change nothing; the accumulator
is then the exact weighted sum, and stays so when a batch is rolled back and committed again."""

import ipaddress
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
from dataplane_control import CLIENT_ADMIT, EVENT_CLOSE, FREEZE, ROLLBACK, SEAL, Control

M31, MODULUS = 1, 2**31 - 1
EVENT, DIMENSION, CHUNK, SLOTS, CLIENTS = 5, 5 * 352 + 3, 352, 4, 8


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
    control = Control(path, EVENT, DIMENSION)
    control.open(M31, CHUNK, CLIENTS, SLOTS)

    weights = [source.randrange(1, 1001) for _ in range(CLIENTS)]
    vectors = [[source.randrange(MODULUS) for _ in range(DIMENSION)] for _ in range(CLIENTS)]
    keys = [(os.urandom(32), os.urandom(32)) for _ in range(CLIENTS)]
    control.add([(i, weights[i], *keys[i]) for i in range(CLIENTS)])

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
        control.list(CLIENT_ADMIT, clients)
        netlab.wait_until(lambda: all(control.state(i) == weir_packets.COMPLETE for i in clients),
                          20, "complete slots")
        for i in clients:
            threads[i].join(20)
            assert results[i] == weir_packets.COMPLETE, results
        for i in clients:
            expected = [(e + weights[i] * v) % MODULUS for e, v in zip(expected, vectors[i])]
            weight += weights[i]
        digest, count = os.urandom(32), clients[-1] + 1
        assert control.commit(batch, clients, count, weight, digest) == 0
        assert control.accumulator() == (count, weight, batch, digest, tuple(expected))
        if batch == 1:
            control.batch(ROLLBACK, batch)
            assert control.accumulator()[0] == 0 and not any(control.accumulator()[4])
            assert {control.state(i) for i in clients} == {weir_packets.COMPLETE}
            batch += 1  # numbers are never reused
            assert control.commit(batch, clients, count, weight, digest) == 0
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
