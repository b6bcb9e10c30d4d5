#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""weir-link between two namespaces: faults at the rates asked for, the same ones for the same seed,
and nothing else done to what crosses."""

import os
import socket
import struct
import time
import zlib

import lab_path  # noqa: F401
import netlab
import topology

DATAGRAMS = 6000
COUNTED = ("received", "forwarded", "lost", "duplicated", "reordered", "corrupted")


def two_hosts(lab, label, options, mtu=1500):
    """Two hosts joined by a link, silent but for what we send: no IPv6, known neighbours."""
    left, right = lab.namespace(f"{label}l"), lab.namespace(f"{label}r")
    for host in (left, right):
        host.sysctl("ipv6/conf/default/disable_ipv6", 1)
    link = topology.join(left, "eth0", right, "eth0", mtu, options, label)
    for host, own, other, far in ((left, "10.1.0.1", "10.1.0.2", right),
                                  (right, "10.1.0.2", "10.1.0.1", left)):
        with far.entered():
            hardware = hardware_address("eth0")
        host.add_address("eth0", f"{own}/24")
        host.ip(f"neighbour add {other} lladdr {hardware} dev eth0")
    return left, right, link


def hardware_address(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        return raw.getsockname()[4].hex(":")


def udp_socket(host, address):
    with host.entered():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
    udp.bind((address, 7000))
    udp.setblocking(False)
    return udp


def datagram(number, size=200):
    body = number.to_bytes(4, "little") + bytes(size - 8)
    return body + zlib.crc32(body).to_bytes(4, "little")


def take(udp, numbers):
    """Reads what waits, checks each datagram whole, and notes its number."""
    while True:
        try:
            data = udp.recv(65536)
        except BlockingIOError:
            return
        assert zlib.crc32(data[:-4]).to_bytes(4, "little") == data[-4:], "a damaged datagram"
        numbers.append(int.from_bytes(data[:4], "little"))


def ping_pong(left, right, count=DATAGRAMS):
    """Sends numbered datagrams from left to right; right echoes each. Returns the numbers that
    arrived at right and back at left, in order of arrival."""
    near, far = udp_socket(left, "10.1.0.1"), udp_socket(right, "10.1.0.2")
    there, back, echoed = [], [], 0
    for number in range(count):
        near.sendto(datagram(number), ("10.1.0.2", 7000))
        if number % 50 == 49:
            take(far, there)
            for echo in there[echoed:]:
                far.sendto(datagram(echo), ("10.1.0.1", 7000))
            echoed = len(there)
            take(near, back)
            time.sleep(0.001)
    quiet_until = time.monotonic() + 0.3
    while time.monotonic() < quiet_until:
        take(far, there)
        for echo in there[echoed:]:
            far.sendto(datagram(echo), ("10.1.0.1", 7000))
        echoed = len(there)
        take(near, back)
        time.sleep(0.02)
    near.close()
    far.close()
    return there, back


def near(count, of, probability):
    """Within five standard deviations."""
    expected = of * probability
    return abs(count - expected) <= 5 * (expected * (1 - probability)) ** 0.5


def overtaken(numbers):
    """How many came after one that was sent later."""
    highest, late = -1, set()
    for number in numbers:
        if number < highest:
            late.add(number)
        highest = max(highest, number)
    return len(late)


def rates_and_seeds(lab):
    faults = "--both loss=5%,dup=2%,reorder=10%,hold=1ms --seed"
    outcomes = {}
    for label, seed in (("x", 7), ("y", 7), ("z", 8)):
        left, right, link = two_hosts(lab, label, f"{faults} {seed}")
        there, back = ping_pong(left, right)
        stats = link.stop()
        for direction, sent, arrived in (("a_to_b", DATAGRAMS, there),
                                         ("b_to_a", len(there), back)):
            counters = stats[direction]
            assert counters["overruns"] == counters["send_errors"] == 0, counters
            assert counters["received"] == sent, (counters, sent)
            assert counters["forwarded"] == len(arrived), (counters, len(arrived))
            assert near(counters["lost"], sent, 0.05), counters
            assert near(counters["duplicated"], sent - counters["lost"], 0.02), counters
            assert near(counters["reordered"], sent - counters["lost"], 0.10), counters
            assert len(arrived) == sent - counters["lost"] + counters["duplicated"], counters
        distinct = set(there)
        assert len(there) - len(distinct) == stats["a_to_b"]["duplicated"]
        late = overtaken(there)
        assert late > stats["a_to_b"]["reordered"] * 0.3, f"only {late} were overtaken"
        lost = frozenset(range(DATAGRAMS)) - distinct
        outcomes[label] = (lost, [stats[d][c] for d in ("a_to_b", "b_to_a") for c in COUNTED])
    assert outcomes["x"] == outcomes["y"], "equal seeds decided differently"
    assert outcomes["x"][0] != outcomes["z"][0], "different seeds lost the same datagrams"


def delay_and_jitter(lab):
    left, right, link = two_hosts(lab, "p", "--both delay=1ms,jitter=2ms")
    there, back = ping_pong(left, right, 2000)
    assert there == back == list(range(2000)), "a cable that only delays changed something else"
    link.stop()


def corruption_is_noticed(lab):
    """Also when the sender's kernel leaves the checksum to the hardware, which the link stands for."""
    left, right, link = two_hosts(lab, "c", "--a-to-b corrupt=20% --seed 3")
    left.run(["ethtool", "-K", "eth0", "tx", "on"], 5)
    there, _ = ping_pong(left, right, 2000)  # take() checks every datagram that arrives
    stats = link.stop()
    damaged = stats["a_to_b"]["corrupted"]
    assert near(damaged, 2000, 0.2) and stats["b_to_a"]["corrupted"] == 0
    # A flipped bit of the sender's hardware address hurts nobody; any other is dropped.
    assert 2000 - damaged <= len(there) < 2000 - damaged * 0.7, (len(there), damaged)


def cut_and_heal(lab):
    schedule = os.path.join(lab.directory, "schedule")
    with open(schedule, "w") as file:
        file.write("# cut soon, heal later\n1s both cut\n2s both heal\n")
    left, right, link = two_hosts(lab, "s", f"--schedule {schedule}")
    near_end, far_end = udp_socket(left, "10.1.0.1"), udp_socket(right, "10.1.0.2")
    started, numbers, number = time.monotonic(), [], 0
    arrivals = []
    while time.monotonic() < started + 2.5:
        near_end.sendto(datagram(number), ("10.1.0.2", 7000))
        number += 1
        time.sleep(0.005)
        before = len(numbers)
        take(far_end, numbers)
        arrivals += [time.monotonic() - started] * (len(numbers) - before)
    gaps = [(b - a, a) for a, b in zip(arrivals, arrivals[1:])]
    longest, when = max(gaps)
    assert 0.9 < longest < 2 and when < 1.1, f"gap of {longest} s at {when} s"

    link.command("a-to-b cut")
    near_end.sendto(datagram(0), ("10.1.0.2", 7000))
    time.sleep(0.1)
    numbers.clear()
    take(far_end, numbers)
    assert not numbers, "a datagram crossed a cut link"
    link.command("a-to-b heal")
    near_end.sendto(datagram(1), ("10.1.0.2", 7000))
    netlab.wait_until(lambda: take(far_end, numbers) or numbers, 5, "a datagram after the cut")
    try:
        link.command("both loss=200%")
        raise AssertionError("an impossible loss was accepted")
    except netlab.LabError:
        pass
    link.stop()


def rate_limit(lab):
    left, right, link = two_hosts(lab, "r", "--a-to-b rate=8mbit,queue=100kb")
    near_end, far_end = udp_socket(left, "10.1.0.1"), udp_socket(right, "10.1.0.2")
    started, numbers = time.monotonic(), []
    for number in range(200):
        near_end.sendto(datagram(number, 1000), ("10.1.0.2", 7000))
    # 95 frames of 1042 bytes fit 100 kB at once, and take 99 ms at 1 MB a second.
    netlab.wait_until(lambda: take(far_end, numbers) or len(numbers) >= 95, 5, "95 datagrams",
                      interval=0.001)
    assert 0.09 < time.monotonic() - started < 1, time.monotonic() - started
    time.sleep(0.2)
    take(far_end, numbers)
    drops = link.stop()["a_to_b"]["queue_drops"]
    assert drops > 50 and len(numbers) == 200 - drops, (len(numbers), drops)


def super_frames(lab):
    """TCP with the sender's offloads on, over jumbo frames and a link that loses some."""
    left, right, link = two_hosts(lab, "t", "--both loss=4%,delay=200us", mtu=9000)
    for host in (left, right):
        host.run(["ethtool", "-K", "eth0", "tx", "on", "sg", "on", "tso", "on", "gso", "on"], 5)
    with right.entered():
        server = socket.create_server(("10.1.0.2", 9000))
    with left.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect(("10.1.0.2", 9000))
    peer, _ = server.accept()
    client.setblocking(False)
    peer.setblocking(False)
    content = os.urandom(1 << 20) * 16
    sent, got, deadline = 0, bytearray(), time.monotonic() + 60
    while len(got) < len(content):
        assert time.monotonic() < deadline, f"only {len(got)} bytes after 60 s"
        try:
            if sent < len(content):
                sent += client.send(content[sent:sent + (1 << 18)])
        except BlockingIOError:
            pass
        try:
            got += peer.recv(1 << 20)
        except BlockingIOError:
            time.sleep(0.0005)
    assert got == content, "what came is not what was sent"
    for each in (client, peer, server):
        each.close()
    counters = link.stop()["a_to_b"]
    assert counters["super_frames"] > 50 and counters["lost"] > 0, counters
    assert counters["overruns"] == counters["send_errors"] == 0, counters


def vlan_tags(lab):
    """The kernel takes a tag off the frame and keeps it beside; it must be back on the cable."""
    left, right, link = two_hosts(lab, "v", "--both jitter=1ms")
    packet, auxdata, everything = 263, 8, 3  # SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL
    with left.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with right.entered():
        receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(everything))
    sender.bind(("eth0", 0))
    receiver.setsockopt(packet, auxdata, 1)
    receiver.bind(("eth0", everything))
    receiver.settimeout(5)
    addresses = bytes.fromhex("ffffffffffff 020000000001")
    payload = b"tagged" * 20
    sender.send(addresses + struct.pack("!HHH", 0x8100, 0x604d, 0x88b5) + payload)
    data, ancillary, _, _ = receiver.recvmsg(2048, 256)
    assert data == addresses + b"\x88\xb5" + payload, data
    status, _, _, _, _, tag, protocol = struct.unpack("=IIIHHHH", ancillary[0][2])
    assert status & 0x10 and tag == 0x604d and protocol == 0x8100, (hex(status), hex(tag))
    sender.close()
    receiver.close()
    link.stop()


def bad_usage(lab):
    host = lab.namespace("u")
    for options, word in (("--a nosuch --b lo", "nosuch"), ("--a lo --b lo --both loss=5", "loss=5"),
                          ("--a lo", "--b"), ("--a lo --b lo --seed x", "x"),
                          ("--a lo --b lo --schedule /none", "/none")):
        done = host.run([netlab.program("weir-link"), *options.split()], 5, check=False)
        assert done.returncode in (1, 2) and word in done.stderr, (options, done)


with netlab.Lab() as lab:
    for story in (rates_and_seeds, delay_and_jitter, corruption_is_noticed, cut_and_heal, rate_limit,
                  super_frames, vlan_tags, bad_usage):
        started = time.monotonic()
        story(lab)
        print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)
