#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""Nobody can make an appliance send more than they sent: every kind of frame, to a real dataplane, one
at a time, and all frames that come back are counted, byte by byte, on the wire. Where a question may
come from a forged address there are never more bytes, and never more frames, than the question had."""

import random
import secrets
import socket
import struct
import sys
import time

import lab_path  # noqa: F401
from deployment import Deployment
from netlab import Lab, wait_until
from weir_client import Appliance, Participation
from weir_documents import load_identity
from weir_packets import ADMITTED, GRANT, seal

QUIET = 0.2  # seconds in which a reply would have come
ETH_P_ALL = 3
PORT = 40000
DIMENSION, CHUNK = 1000, 176
TYPES = {1: "REQUEST", 2: "GRANT", 3: "SHARE", 4: "PARITY", 5: "QUERY", 6: "STATE"}


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """The clients' end of an appliance's cable."""

    def __init__(self, weir, appliance):
        self.appliance = appliance
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.raw.bind((f"data-{appliance.index}", 0))
        self.own = self.raw.getsockname()[4]
        network = appliance.network
        self.ipv4 = [socket.inet_aton(a) for a in (network.client_data_address, network.data_address)]
        self.ipv6 = [socket.inet_pton(socket.AF_INET6, a)
                     for a in (network.client_data_address6, network.data_address6)]
        with open("/proc/thread-self/net/arp", encoding="ascii") as table:
            line = next(line for line in table if line.startswith(f"{network.data_address} "))
        self.peer = bytes.fromhex(line.split()[3].replace(":", ""))
        self.port = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.port.bind(("::", PORT))  # so that our kernel does not complain of answers

    def ask(self, frame, expected):
        """All that the appliance sends in answer, waiting for it if it is expected, and the bytes that
        our own kernel has sent beside it (it looks for neighbours), which may be answered too."""
        self.raw.setblocking(False)
        try:
            while True:
                self.raw.recv(65536)
        except BlockingIOError:
            pass
        self.raw.setblocking(True)
        self.raw.send(frame)
        replies, beside, until = [], 0, time.monotonic() + (10 if expected else QUIET)
        while (left := until - time.monotonic()) > 0:
            self.raw.settimeout(left)
            try:
                reply, address = self.raw.recvfrom(65536)
            except TimeoutError:
                break
            if address[2] == socket.PACKET_OUTGOING:
                beside += len(reply)
            elif reply[6:12] == self.peer:
                replies.append(reply)
                until = time.monotonic() + QUIET
        return replies, beside

    def bounded(self, what, frame, answered=None, more=0):
        replies, beside = self.ask(frame, answered)
        if beside:
            replies, beside = self.ask(frame, answered)  # the neighbours are known now
        sent, came = len(frame) + beside, sum(map(len, replies))
        assert len(replies) <= 1 + (beside > 0) and came <= sent + more, f"{what}: {sent} bytes, {came} back"
        assert answered is None or bool(replies) == answered, f"{what}: {len(replies)} replies"
        return came

    def ethernet(self, kind, payload, to=None):
        return (to or self.peer) + self.own + struct.pack(">H", kind) + payload

    def over_ipv4(self, protocol, payload):
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + \
            b"".join(self.ipv4)
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return self.ethernet(0x0800, head + payload)

    def over_ipv6(self, protocol, payload, hops=64, to=None, hardware=None):
        source, target = self.ipv6
        return self.ethernet(0x86DD, struct.pack(">IHBB", 6 << 28, len(payload), protocol, hops) +
                             source + (to or target) + payload, hardware)

    def icmpv6(self, message, **options):
        source, target = self.ipv6
        pseudo = source + (options.get("to") or target) + struct.pack(">II", len(message), 58)
        message = message[:2] + struct.pack(">H", checksum(pseudo + message)) + message[4:]
        return self.over_ipv6(58, message, **options)

    def udp(self, payload, port=9347, version=4):
        head = struct.pack(">HHHH", PORT, port, 8 + len(payload), 0)
        if version == 4:
            return self.over_ipv4(17, head + payload)
        source, target = self.ipv6
        total = checksum(source + target + struct.pack(">II", 8 + len(payload), 17) + head + payload)
        return self.over_ipv6(17, head[:6] + struct.pack(">H", total or 0xFFFF) + payload)


def datagrams(wire, session):
    """Every type, well sealed by a client of the event and not, in every length that matters."""
    counts, strange = {}, bytes(32)
    for packet_type, name in TYPES.items():
        for size in (0, 1, 32, 33, 160, 161, 8 * CHUNK, 1400):
            for key, version in ((session.key_out, 4), (session.key_out, 6), (strange, 4)):
                packet = seal(key, packet_type, session.number, session.client, 3,
                              secrets.token_bytes(8), bytes(size))
                right = key != strange and (name, size) in (("REQUEST", 32), ("QUERY", 160))
                came = wire.bounded(f"{name} of {size} bytes over IPv{version}",
                                    wire.udp(packet, version=version), right)
                counts[name] = counts.get(name, 0) + bool(came)
    assert counts["REQUEST"] == counts["QUERY"] == 2 and sum(counts.values()) == 4, counts
    print(f"datagrams: answers {counts}", flush=True)


def pings(wire):
    for size in (0, 8, 56, 1000, 1400):
        body = struct.pack(">BBHHH", 8, 0, 0, 7, 1) + bytes(size)
        body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
        wire.bounded(f"a ping of {size}", wire.over_ipv4(1, body), True)
        wire.bounded(f"a ping of {size} over IPv6", wire.icmpv6(
            struct.pack(">BBHHH", 128, 0, 0, 7, 1) + bytes(size)), True)
    # What a router or a host would complain about is not complained about.
    wire.bounded("a closed port", wire.udp(bytes(100), port=9), False)
    wire.bounded("a closed port over IPv6", wire.udp(bytes(100), port=9, version=6), False)
    wire.bounded("a protocol that there is not", wire.over_ipv4(132, bytes(100)), False)
    wire.bounded("a TCP SYN", wire.over_ipv4(6, struct.pack(">HHIIBBHHH", 1, 9347, 0, 0, 80, 2, 9, 0,
                                                            0)), False)
    for kind in range(20):
        if kind != 8:
            wire.bounded(f"ICMP type {kind}", wire.over_ipv4(1, struct.pack(
                ">BBH", kind, 0, 0xFFFF - (kind << 8)) + bytes(40)), False)
    print("ICMP: echoes of the same length, nothing else", flush=True)


def neighbours(wire):
    """ARP and neighbour discovery stay on the link, whose hosts have addresses that cannot be forged
    from outside. RFC 4861 wants the advertisement to name the hardware address even where the question
    had no option: the one answer that may be longer, by 8 bytes."""
    request = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + wire.own + wire.ipv4[0] + bytes(6) + \
        wire.ipv4[1]
    wire.bounded("ARP", wire.ethernet(0x0806, request, b"\xff" * 6), True)
    padded = wire.ethernet(0x0806, request + bytes(18), b"\xff" * 6)
    wire.bounded("padded ARP", padded, True)
    target = wire.ipv6[1]
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    hardware = b"\x33\x33" + group[12:]
    solicitation = struct.pack(">BBHI", 135, 0, 0, 0) + target
    option = struct.pack(">BB", 1, 1) + wire.own
    wire.bounded("a solicitation", wire.icmpv6(solicitation + option, hops=255, to=group,
                                               hardware=hardware), True)
    wire.bounded("a solicitation without option", wire.icmpv6(solicitation, hops=255, to=group,
                                                              hardware=hardware), True, more=8)
    wire.bounded("a solicitation from beyond the link", wire.icmpv6(
        solicitation + option, hops=254, to=group, hardware=hardware), False)
    print("neighbours: one answer each", flush=True)


def bytes_of(appliance):
    workers = appliance.stats()["workers"]
    return [sum(worker[name] for worker in workers) for name in ("rx_bytes", "tx_bytes")]


def garbage(wire, session, draw):
    """Thousands of frames with a few wrong bytes, and all that the dataplane has sent since."""
    good = seal(session.key_out, 1, session.number, session.client, 9, secrets.token_bytes(8), bytes(32))
    before, count = bytes_of(wire.appliance), 3000
    for i in range(count):
        frame = bytearray(draw.choice((wire.udp(good), wire.udp(good, version=6))))
        positions = [at for at in range(14, len(frame)) if at not in (20, 21)]
        for _ in range(draw.randint(1, 4)):
            frame[draw.choice(positions)] = draw.randrange(256)
        wire.raw.send(bytes(frame))
        if i % 50 == 49:
            time.sleep(0.02)
    wait_until(lambda: bytes_of(wire.appliance)[0] - before[0] > 90 * count, 30, "all to arrive")
    received, sent = (new - old for new, old in zip(bytes_of(wire.appliance), before))
    assert sent <= received, (sent, received)
    print(f"garbage: {received} bytes there, {sent} back", flush=True)


def main():
    with Lab() as lab:
        weir = Deployment(lab, 2)
        client = weir.add_client("c0")
        weir.start()
        event = weir.announce(dimension=DIMENSION, chunk_elements=CHUNK, max_clients=10,
                              admit_timeout="290 s", encoding={"kind": "integer", "bound": 1000})
        weir.wait_for_state(event, {"open"})
        with weir.star.clients.entered():
            key = load_identity(client.path("identity.pem"))
            part = Participation(Appliance(weir.leader.url, weir.leader.identity, key), key, event,
                                 [appliance.identity for appliance in weir.appliances])
            part.join()
            uploads, _ = part.uploads([1] * DIMENSION)
            for upload in uploads:
                upload.ask(upload.session.request, GRANT)
            upload = uploads[0]
            wait_until(lambda: upload.ask(upload.session.request, GRANT).state == ADMITTED, 30,
                       "a slot")
            wire = Wire(weir, weir.leader)
            datagrams(wire, upload.session)
            pings(wire)
            neighbours(wire)
            garbage(wire, upload.session, random.Random(3))
    return 0


if __name__ == "__main__":
    sys.exit(main())
