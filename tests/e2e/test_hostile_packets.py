#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Packets that must not be, sent to a real dataplane in the middle of an event: malformed, forged,
tampered, replayed, for somebody else, non-canonical, fragments, garbage. Each is counted under its
name and under no other, gets no reply and changes nothing; and at the end the aggregate of all
clients is exact."""

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
from weir_packets import (ADMITTED, COMPLETE, GRANT, PARITY, QUERY, REQUEST, SEALED, SHARE, STATE,
                          seal)

DIMENSION, CHUNK, MODULUS = 1000, 176, 2**61 - 1  # six chunks, the last of 120 elements
GARBAGE = 3000
QUIET = 0.15  # seconds in which a reply would have come
EFFECTS = {"shares_staged", "requests", "queries", "slots_completed"}
# What a kernel sends unasked (multicast listener reports and the like) is counted here.
BACKGROUND = {"drop_not_ours", "drop_ip_options", "drop_not_udp", "drop_not_ip"}


class Attacker:
    """Sends to one aggregator as a client that it may or may not be, and watches its counters."""

    def __init__(self, appliance, upload):
        self.appliance, self.upload, self.session = appliance, upload, upload.session
        self.plaintexts = upload.plaintexts

    def counters(self):
        """The sum over the workers of every counter that says what became of a datagram."""
        total = {}
        for worker in self.appliance.stats()["workers"]:
            for name, value in worker.items():
                if name in EFFECTS or name.startswith("drop_"):
                    total[name] = total.get(name, 0) + value
        return total

    def expect(self, what, name, *datagrams):
        """Exactly these datagrams are counted under name, nothing else is, nobody answers."""
        self.expect_sent(what, name, self.upload.socket.send, *datagrams)

    def expect_sent(self, what, name, send, *datagrams):
        before = self.counters()
        for i, datagram in enumerate(datagrams):
            send(datagram)
            if i % 64 == 63:
                time.sleep(0.01)
        wait_until(lambda: self.counters()[name] - before[name] >= len(datagrams), 10,
                   f"{what} under {name}: {self.difference(before)}", interval=0.05)
        self.silent(what)
        after = self.difference(before)
        after = {key: value for key, value in after.items() if key == name or key not in BACKGROUND}
        assert after == {name: len(datagrams)}, f"{what}: {after}, not {len(datagrams)} {name}"
        print(f"dropped: {what}: {name} {len(datagrams)}", flush=True)

    def difference(self, before):
        return {name: value - before[name] for name, value in self.counters().items()
                if value != before[name]}

    def silent(self, what, asker=None):
        asker = asker or self.upload.socket
        asker.settimeout(QUIET)
        try:
            reply = asker.recv(65536)
        except TimeoutError:
            return
        raise AssertionError(f"{what}: a reply of {len(reply)} bytes")

    def state(self):
        """What the aggregator says of this client."""
        answer = self.upload.ask(lambda: self.session.query(0), STATE)
        return answer.state, answer.received, answer.bitmap if answer.state <= COMPLETE else None

    def packet(self, packet_type=SHARE, chunk=3, plaintext=None, **changes):
        """A correct packet, but for the changes."""
        session = self.session
        fields = {"key": session.key_out, "event": session.number, "client": session.client,
                  "nonce": session.share_nonce if packet_type == SHARE else secrets.token_bytes(8)}
        if plaintext is None:
            plaintext = {SHARE: lambda: self.plaintexts[chunk], REQUEST: lambda: bytes(32),
                         GRANT: lambda: bytes(32), QUERY: lambda: bytes(160),
                         STATE: lambda: bytes(160)}.get(packet_type, lambda: bytes(32))()
        fields |= {"packet_type": packet_type, "chunk": chunk, "plaintext": plaintext} | changes
        return seal(**fields)


def flipped(datagram, *positions):
    changed = bytearray(datagram)
    for position in positions:
        changed[position] ^= 1 << position % 8
    return bytes(changed)


def lengths(attacker):
    good = attacker.packet()
    attacker.expect("less than a header and a tag", "drop_packet_short", b"", b"\1", good[:12],
                    good[:24], good[:39])
    for what, datagram in (
            ("a header and a tag", good[:24] + good[-16:]),
            ("short by one byte", good[:-1]), ("long by one byte", good + b"\0"),
            ("short by an element", attacker.packet(plaintext=attacker.plaintexts[3][:-8])),
            ("long by an element", attacker.packet(plaintext=attacker.plaintexts[3] + bytes(8))),
            ("a last chunk as long as any", attacker.packet(chunk=5, plaintext=bytes(8 * CHUNK))),
            ("a chunk as long as the last", attacker.packet(plaintext=attacker.plaintexts[5])),
            ("a long REQUEST", attacker.packet(REQUEST, plaintext=bytes(33))),
            ("a short QUERY", attacker.packet(QUERY, plaintext=bytes(159)))):
        attacker.expect(what, "drop_packet_length", datagram)


def headers(attacker):
    packet = attacker.packet
    attacker.expect("version 0 and 2", "drop_packet_version", packet(version=0), packet(version=2))
    attacker.expect("flags", "drop_packet_version", packet(flags=1), packet(flags=0x8000),
                    packet(REQUEST, flags=2))
    attacker.expect("types that are none", "drop_packet_type", *(packet(kind, plaintext=bytes(32))
                                                          for kind in (0, 7, 15, 200)))
    attacker.expect("a type that is not repeated", "drop_packet_type", packet(repeat=QUERY),
                    packet(REQUEST, repeat=0), packet(QUERY, repeat=SHARE))
    attacker.expect("what only an aggregator sends", "drop_packet_type", packet(GRANT),
                    packet(STATE))
    attacker.expect("PARITY", "drop_parity", packet(PARITY, plaintext=attacker.plaintexts[3]))
    number, client = attacker.session.number, attacker.session.client
    attacker.expect("unknown events", "drop_event_unknown", packet(event=number + 1),
                    packet(event=0), packet(event=2**32 - 1))
    attacker.expect("unknown clients", "drop_client_unknown", packet(client=client + 1000),
                    packet(client=2**32 - 1))
    attacker.expect("chunks beyond the vector", "drop_chunk_range",
                    packet(chunk=6, plaintext=attacker.plaintexts[3]),
                    packet(chunk=2**28 - 1, plaintext=attacker.plaintexts[3]))


def forgeries(attacker, other):
    """All fail authentication; the chunk itself is then still taken (in main)."""
    good = attacker.packet()
    attacker.expect("a tampered ciphertext", "drop_tag", flipped(good, 24),
                    flipped(good, 700), flipped(good, len(good) - 17))
    attacker.expect("a tampered tag", "drop_tag",
                    *(flipped(good, len(good) - i) for i in range(1, 17)))
    attacker.expect("a tampered nonce", "drop_tag", flipped(good, 16), flipped(good, 23))
    attacker.expect("another chunk's number", "drop_tag",
                    good[:12] + struct.pack("<I", SHARE << 28 | 4) + good[16:])
    attacker.expect("another client's key", "drop_tag",
                    attacker.packet(key=other.session.key_out))
    attacker.expect("the other direction's key", "drop_tag",
                    attacker.packet(key=attacker.session.key_in))
    attacker.expect("a random key", "drop_tag", attacker.packet(key=bytes(32)))
    attacker.expect("questions under another key", "drop_tag",
                    attacker.packet(REQUEST, key=bytes(32)), attacker.packet(QUERY, key=bytes(32)),
                    flipped(attacker.packet(QUERY), 24), flipped(attacker.packet(REQUEST), 70))


def bad_contents(attacker):
    """Sealed correctly, by a client that does not keep to the protocol."""
    words = list(struct.unpack(f"<{CHUNK}Q", attacker.plaintexts[3]))
    for position, value in ((0, MODULUS), (CHUNK - 1, 2**64 - 1), (77, MODULUS + 1)):
        changed = [*words[:position], value, *words[position + 1:]]
        attacker.expect(f"element {position} is not below the modulus", "drop_not_canonical",
                        attacker.packet(plaintext=struct.pack(f"<{CHUNK}Q", *changed)))
    attacker.expect("a REQUEST with something in it", "drop_body",
                    attacker.packet(REQUEST, plaintext=bytes(31) + b"\1"))
    attacker.expect("a QUERY with something behind", "drop_body",
                    attacker.packet(QUERY, plaintext=bytes(159) + b"\1"))
    attacker.expect("a QUERY from the middle of a word", "drop_body",
                    attacker.packet(QUERY, plaintext=struct.pack("<I156x", 1)))
    attacker.expect("a QUERY beyond the vector", "drop_body",
                    attacker.packet(QUERY, plaintext=struct.pack("<I156x", 64)),
                    attacker.packet(QUERY, plaintext=struct.pack("<I156x", 2**32 - 64)))


def fragments(attacker):
    """Datagrams above the MTU, which the sender's kernel cuts in pieces. Of IPv4 the packet socket
    under the dataplane's port puts them together again and cuts what is too long for a frame."""
    good = attacker.packet(REQUEST)
    attacker.expect("1473 bytes over IPv4", "drop_packet_length", good + bytes(1473 - len(good)))
    attacker.expect("5000 and 65507 bytes over IPv4", "drop_frame_short",
                    *(good + bytes(size - len(good)) for size in (5000, 65507)))
    before, sizes = attacker.counters(), (1453, 5000, 65507)
    pieces = sum(-(-(size + 8) // 1448) for size in sizes)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ipv6:
        ipv6.connect((attacker.appliance.network.data_address6,
                      attacker.upload.socket.getpeername()[1]))
        for size in sizes:
            ipv6.send(good + bytes(size - len(good)))
        wait_until(lambda: attacker.difference(before).get("drop_ip_fragment") == pieces, 10,
                   "the fragments", interval=0.1)
        attacker.silent("fragments", ipv6)
    print(f"dropped: fragments over IPv6: drop_ip_fragment {pieces}", flush=True)


def garbage(attacker, draw):
    """Random datagrams, some of which begin as correct ones do. None is correct: 2^-128."""
    before = attacker.counters()
    good = [attacker.packet(), attacker.packet(REQUEST), attacker.packet(QUERY)]
    for i in range(GARBAGE):
        if i % 3:
            start = draw.choice(good)
            datagram = bytearray(start)
            for _ in range(draw.randint(1, 30)):
                datagram[draw.randrange(len(datagram))] = draw.randrange(256)
            if draw.random() < 0.3:
                datagram = datagram[:draw.randint(0, len(datagram))]
            if datagram == start:
                datagram[-1] ^= 1
        else:
            datagram = draw.randbytes(draw.randint(0, 1472))
        attacker.upload.socket.send(datagram)
        if i % 50 == 49:
            time.sleep(0.01)
    wait_until(lambda: sum(attacker.difference(before).values()) >= GARBAGE, 20,
               f"{GARBAGE} drops of garbage", interval=0.1)
    attacker.silent("garbage")
    difference = attacker.difference(before)
    assert not EFFECTS & set(difference), difference
    counted = sum(value for name, value in difference.items() if name not in BACKGROUND)
    assert counted == GARBAGE, difference
    print(f"dropped: garbage: {difference}", flush=True)


def ipv4_frame(attacker, hardware_address, payload):
    """The datagram as the frame that the kernel would send, but without a UDP checksum."""
    own, own_port = attacker.upload.socket.getsockname()
    peer, peer_port = attacker.upload.socket.getpeername()
    with open("/proc/thread-self/net/arp", encoding="ascii") as table:
        target = next(line.split()[3] for line in table if line.startswith(f"{peer} "))
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0,
                       socket.inet_aton(own), socket.inet_aton(peer))
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:]
    return bytes.fromhex(target.replace(":", "")) + hardware_address + b"\x08\x00" + head + \
        struct.pack(">HHHH", own_port, peer_port, 8 + len(payload), 0) + payload


def frames(attacker, draw):
    """Frames whose own headers are wrong, below what a socket can send."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw_socket:
        raw_socket.bind((f"data-{attacker.appliance.index}", 0))
        good = ipv4_frame(attacker, raw_socket.getsockname()[4], attacker.packet(key=bytes(32)))
        attacker.expect_sent("a frame of our own making", "drop_tag", raw_socket.send, good)
        for what, name, frame in (
                ("a wrong IP header checksum", "drop_ip_malformed", flipped(good, 24)),
                ("an IP header of 16 bytes", "drop_ip_malformed", good[:14] + b"\x44" + good[15:]),
                ("IP options", "drop_ip_options", good[:14] + b"\x46" + good[15:]),
                ("a UDP length beyond the frame", "drop_udp_malformed", flipped(good, 38)),
                ("a cut frame", "drop_frame_short", good[:600]),
                ("another Ethernet type", "drop_not_ip", good[:12] + b"\x88\xb5" + good[14:]),
                ("an Ethernet header alone", "drop_frame_short", good[:14])):
            attacker.expect_sent(what, name, raw_socket.send, frame)
        before = attacker.counters()
        # Not the type, which may be a VLAN's, nor the fragment offset: the kernel that the port is
        # made of would keep such a frame, or wait for the rest.
        positions = [i for i in range(14, 60) if i not in (20, 21)]
        for i in range(GARBAGE):
            changed = bytearray(good)
            for _ in range(draw.randint(1, 6)):
                changed[draw.choice(positions)] = draw.randrange(256)
            raw_socket.send(bytes(changed[:draw.choice((len(changed), draw.randint(14, 80)))]))
            if i % 50 == 49:
                time.sleep(0.01)
        wait_until(lambda: sum(attacker.difference(before).values()) >= GARBAGE, 20,
                   f"{GARBAGE} drops of frames", interval=0.1)
        attacker.silent("garbled frames")
        difference = attacker.difference(before)
        assert not EFFECTS & set(difference), difference
        print(f"dropped: garbled frames: {difference}", flush=True)


def answers_are_short(attacker):
    """Of correct questions: one answer each, not longer than the question, and to the right one."""
    for make in (attacker.session.request, lambda: attacker.session.query(0)):
        counter, datagram = make()
        attacker.upload.socket.send(datagram)
        attacker.upload.socket.settimeout(5)
        reply = attacker.upload.socket.recv(65536)
        assert len(reply) <= len(datagram), (len(reply), len(datagram))
        assert attacker.session.open_answer(reply).echo == counter
        attacker.silent("a question that has been answered")


def wait_for_slots(uploads):
    """REQUEST everywhere until both have a slot, as a client does."""
    for upload in uploads:
        assert upload.ask(upload.session.request, GRANT).state < COMPLETE
    for upload in uploads:
        wait_until(lambda: upload.ask(upload.session.request, GRANT).state == ADMITTED, 20, "a slot")


def unchanged(attacker, what, attack, *words):
    """The client's state at the aggregator, before and after."""
    before = attacker.state()
    attack(attacker, *words)
    assert attacker.state() == before, f"{what}: the client's state has changed"


def attack_upload(victim, idle):
    """Around the correct chunks 0, 1 and 3 of six."""
    for chunk in (0, 1):
        victim.upload.send(victim.session.share(chunk, victim.plaintexts[chunk]))
    wait_until(lambda: victim.state()[1] == 2, 30, "two chunks")
    answers_are_short(victim)
    unchanged(victim, "lengths", lengths)
    unchanged(victim, "headers", headers)
    unchanged(victim, "forgeries", forgeries, idle)
    unchanged(victim, "contents", bad_contents)
    unchanged(victim, "fragments", fragments)
    unchanged(victim, "garbage", garbage, random.Random(2024))
    unchanged(victim, "frames", frames, random.Random(2026))
    first = victim.session.share(0, victim.plaintexts[0])
    unchanged(victim, "replay", lambda _: victim.expect("the same SHARE again", "drop_duplicate",
                                                        *[first] * 5))
    before = victim.counters()
    victim.upload.send(victim.packet())
    wait_until(lambda: victim.state()[1] == 3, 30, "the chunk after its forgeries")
    difference = victim.difference(before)
    assert difference.pop("shares_staged") == 1, difference
    assert set(difference) - BACKGROUND == {"queries"}, difference


def main():
    draw = random.Random(7)
    rows = [[draw.randint(-10**6, 10**6) for _ in range(DIMENSION)] for _ in range(4)]
    with Lab() as lab:
        weir = Deployment(lab, 2)
        clients = [weir.add_client(name) for name in ("victim", "idle", "c0", "c1")]
        weir.start()
        event = weir.announce(dimension=DIMENSION, chunk_elements=CHUNK, max_clients=10,
                              target_clients=4, admit_timeout="100 s",
                              encoding={"kind": "integer", "signed": True, "bound": 10**6})
        weir.wait_for_state(event, {"open"})
        required = [appliance.identity for appliance in weir.appliances]
        parts, uploads = [], []
        with weir.star.clients.entered():
            for client, row in zip(clients[:2], rows):
                key = load_identity(client.path("identity.pem"))
                part = Participation(Appliance(weir.leader.url, weir.leader.identity, key), key,
                                     event, required)
                part.join()
                parts.append(part)
                uploads.append(part.uploads(row)[0])
            victim, idle = (Attacker(weir.leader, upload[0]) for upload in uploads)
            idle.expect("a SHARE before any REQUEST", "drop_no_slot", idle.packet())
            wait_for_slots(uploads[0])
            attack_upload(victim, idle)
            parts[0].send(uploads[0])
            wait_until(parts[0].receipts, 30, "the victim's receipts")
            assert victim.state()[0] == SEALED
            unchanged(victim, "sealed", lambda _: victim.expect(
                "SHAREs after sealing", "drop_duplicate",
                *(victim.session.share(i, chunk) for i, chunk in enumerate(victim.plaintexts))))
            unchanged(victim, "sealed", garbage, random.Random(2025))
            # The other finishes with the same socket that its attack came from.
            parts[1].send(uploads[1])
        for client, row in zip(clients[2:], rows[2:]):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
            client.run("submit", "--event", event, "--input", client.path("vector.csv"))
        ended = weir.wait_for_state(event, {"published", "failed"})
        assert ended["state"] == "published" and ended["counts"]["sealed"] == 4, ended
        assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"
        with weir.star.clients.entered():
            victim.expect("a SHARE of an event that is over", "drop_event_unknown", victim.packet())
    return 0


if __name__ == "__main__":
    sys.exit(main())
