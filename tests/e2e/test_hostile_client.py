#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""Clients of the roster that do not keep to the protocol: that take slots and never finish, replay an
aborted join, send every chunk from many ports to both workers while somebody forges the same chunks,
send other bytes under a chunk's number, and ask for what is the collector's. Every other client is in
the sum, exactly once, and the sum is exact."""

import json
import random
import socket
import sys
import threading
import time

import lab_path  # noqa: F401
from deployment import Deployment
from netlab import Lab, wait_until
from signed_request import load_key, signed_request
from weir_client import Appliance, HttpError, Participation
from weir_documents import load_identity, sign
from weir_packets import ADMITTED, COMPLETE, GRANT, STATE

DIMENSION, CHUNK = 30_000, 176
CHUNKS = -(-DIMENSION // CHUNK)
PORTS = 6


class Evil:
    """A client of the roster with the Python client's pieces in its hands."""

    def __init__(self, weir, client, event):
        key = load_identity(client.path("identity.pem"))
        self.leader = Appliance(weir.leader.url, weir.leader.identity, key)
        self.part = Participation(self.leader, key, event,
                                  [appliance.identity for appliance in weir.appliances])
        document, _ = self.part.announcement.join(key, self.part.agreement_key, 1)
        self.body = {"join": document, "signature": sign(key, "weir-join", document.encode())}
        self.part.announcement.join = lambda *_: (document, self.body["signature"])
        self.part.join()

    def take_slots(self, values):
        self.uploads, _ = self.part.uploads(values)
        for upload in self.uploads:
            upload.ask(upload.session.request, GRANT)

    def state(self):
        _, found = self.leader.call("GET", f"{self.part.path}/clients/{self.part.index}")
        return found

    def join_again(self):
        """The very same join."""
        try:
            return self.leader.call("POST", f"{self.part.path}/join", self.body)
        except HttpError as error:
            return error.status, error.answer


def submit(weir, event, client, row, timeout=120):
    with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
        file.write(",".join(map(str, row)) + "\n")
    return client.run("submit", "--event", event, "--input", client.path("vector.csv"), "--again",
                      timeout=timeout)


def published(weir, event, rows):
    found = weir.wait_for_state(event, {"published", "failed"})
    assert found["state"] == "published" and found["counts"]["sealed"] == len(rows), found
    assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"
    return found


def slots_are_taken_and_never_used(weir, draw, evil_clients, honest):
    """Two slots, four who want them and send one chunk or none. After admit_timeout they are out."""
    rows = [[draw.randint(-1000, 1000) for _ in range(DIMENSION)] for _ in honest]
    event = weir.announce(dimension=DIMENSION, chunk_elements=CHUNK, max_clients=20,
                          target_clients=len(honest), admit_timeout="4 s",
                          encoding={"kind": "integer", "signed": True, "bound": 1000})
    weir.wait_for_state(event, {"open"})
    with weir.star.clients.entered():
        evil = [Evil(weir, client, event) for client in evil_clients]
        for one in evil:
            one.take_slots(rows[0])
        wait_until(lambda: sum(one.state()["state"] == "admitted" for one in evil) == 2, 30,
                   "both slots to be taken")
        for one in evil[::2]:
            one.uploads[0].send(one.uploads[0].session.share(0, one.uploads[0].plaintexts[0]))
    for client, row in zip(honest, rows):
        submit(weir, event, client, row)
    found = published(weir, event, rows)
    assert found["counts"]["aborted"] == len(evil), found
    with weir.star.clients.entered():
        reasons = [one.state()["reason"] for one in evil]
    assert sum("admit timeout" in reason for reason in reasons) >= 2, reasons
    print(f"slots: {len(evil)} clients that never finished are out: {reasons[0]}", flush=True)


def an_aborted_join_is_replayed(weir, evil_client, honest):
    """Nothing that was aborted comes back: not by the same join, and not by its old packets."""
    rows = [[i + j for j in range(DIMENSION)] for i in range(len(honest))]
    event = weir.announce(dimension=DIMENSION, chunk_elements=CHUNK, max_clients=20,
                          target_clients=len(honest), admit_timeout="2 s",
                          encoding={"kind": "integer", "signed": True, "bound": 10**6})
    weir.wait_for_state(event, {"open"})
    with weir.star.clients.entered():
        evil = Evil(weir, evil_client, event)
        evil.take_slots(rows[0])
        wait_until(lambda: evil.state()["state"] == "aborted", 60, "the abort")
        for _ in range(3):
            status, answer = evil.join_again()
            assert status >= 400 or answer == {"client": evil.part.index, "state": "aborted"}, answer
        before = [no_slot(appliance) for appliance in weir.appliances]
        for upload in evil.uploads:
            for chunk, plaintext in enumerate(upload.plaintexts):
                upload.send(upload.session.share(chunk, plaintext))
        for appliance, count in zip(weir.appliances, before):
            wait_until(lambda a=appliance, c=count: no_slot(a) >= c + CHUNKS, 30,
                       f"{CHUNKS} old packets to be dropped")
        assert evil.state()["state"] == "aborted"
    for client, row in zip(honest, rows):
        submit(weir, event, client, row)
    published(weir, event, rows)
    print(f"replayed: an aborted join: {status} {json.dumps(answer)[:80]}", flush=True)


def no_slot(appliance):
    return sum(worker["drop_no_slot"] for worker in appliance.stats()["workers"])


def counted(appliance):
    total = {}
    for worker in appliance.stats()["workers"]:
        for name, value in worker.items():
            total[name] = total.get(name, 0) + value
    return total


def many_ports(upload):
    """Sockets like the client's own, each of which may come to another worker."""
    sockets = []
    for _ in range(PORTS):
        other = socket.socket(upload.socket.family, socket.SOCK_DGRAM)
        other.connect(upload.socket.getpeername())
        sockets.append(other)
    return sockets


def forged(datagram, draw):
    """The same header, and a body that nobody with the key has made."""
    changed = bytearray(datagram)
    for _ in range(3):
        changed[draw.randrange(24, len(changed))] ^= draw.randrange(1, 256)
    return bytes(changed)


def pour(sender, datagrams, draw):
    datagrams = list(datagrams)
    draw.shuffle(datagrams)
    for i, datagram in enumerate(datagrams):
        sender.send(datagram)
        if i % 16 == 15:
            time.sleep(0.002)


def chunks_from_many_ports(weir, draw, evil_client, honest):
    """Each chunk six times from six ports, and six forgeries of it between them, into two workers."""
    rows = [[draw.randint(-1000, 1000) for _ in range(DIMENSION)] for _ in range(1 + len(honest))]
    event = weir.announce(dimension=DIMENSION, chunk_elements=CHUNK, max_clients=20,
                          target_clients=len(rows), admit_timeout="100 s",
                          encoding={"kind": "integer", "signed": True, "bound": 1000})
    weir.wait_for_state(event, {"open"})
    before = [counted(appliance) for appliance in weir.appliances]
    with weir.star.clients.entered():
        evil, threads = Evil(weir, evil_client, event), []
        evil.take_slots(rows[0])
        for upload in evil.uploads:
            wait_until(lambda u=upload: u.ask(u.session.request, GRANT).state >= ADMITTED, 30, "a slot")
            good = [upload.session.share(i, chunk) for i, chunk in enumerate(upload.plaintexts)]
            for sender in many_ports(upload):
                seeded = random.Random(draw.random())
                lies = [forged(datagram, seeded) for datagram in good]
                threads.append(threading.Thread(target=pour, args=(sender, good + lies, seeded)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        evil.part.send(evil.uploads)  # whatever was lost on the way
        other_bytes(evil, weir)
    for client, row in zip(honest, rows[1:]):
        submit(weir, event, client, row)
    published(weir, event, rows)
    for appliance, old in zip(weir.appliances, before):
        new = counted(appliance)
        difference = {name: new[name] - old[name] for name in new if new[name] != old[name]}
        assert difference["shares_staged"] == CHUNKS * len(rows), difference
        assert difference["drop_tag"] > 0 and difference["drop_duplicate"] > 0, difference
        busy = [worker["shares_staged"] for worker in appliance.stats()["workers"]]
        assert min(busy) > 0, f"only one worker had anything to do: {busy}"
        print(f"{appliance.name}: {difference['shares_staged']} staged by {len(busy)} workers "
              f"({busy} in all), {difference['drop_duplicate']} duplicates, "
              f"{difference['drop_tag']} forgeries", flush=True)


def other_bytes(evil, weir):
    """Under its own key, after it is complete: the first bytes are what counts."""
    for upload, appliance in zip(evil.uploads, weir.appliances):
        before = counted(appliance)["drop_duplicate"]
        for chunk, plaintext in enumerate(upload.plaintexts):
            upload.send(upload.session.share(chunk, bytes(len(plaintext))))
        wait_until(lambda a=appliance, b=before: counted(a)["drop_duplicate"] >= b + CHUNKS, 30,
                   "all of them to be dropped")
        state = upload.ask(lambda u=upload: u.session.query(0), STATE)
        assert state.state >= COMPLETE, state.state
        other = upload.plaintexts[1]
        upload.send(upload.session.share(0, other))


def shares_for_nobody_else(weir, stranger):
    """Of a published event: each aggregator gives its aggregate share to the collector alone."""
    events = json.loads(weir.leader.weirctl("events", "--json").stdout)["events"]
    event = next(found["id"] for found in events if found["state"] == "published")
    people = {"a stranger": stranger, "a client that is in the sum": weir.clients[-1]}
    for appliance in weir.appliances:
        target = f"/v1/events/{event}/aggregate-share"
        keys = {what: (load_key(client.path("identity.pem")), client.identity)
                for what, client in people.items()}
        for peer in weir.appliances:
            if peer is not appliance:
                keys["another aggregator"] = (load_key(peer.path("identity.pem")), peer.identity)
        for what, (key, identity) in keys.items():
            for wanted in (target, f"/v1/events/{event}/log", f"/v1/events/{event}/result"):
                if what == "another aggregator" and wanted.endswith("/log"):
                    continue  # which is for aggregators
                status, body = signed_request(weir.star.clients, key, identity, appliance.identity,
                                              appliance.url, "GET", wanted)
                assert status == 403, f"{appliance.name}: {what}: {wanted}: {status} {body[:80]}"
        collector = weir.collector
        status, body = signed_request(
            weir.star.clients, load_key(collector.path("identity.pem")), collector.identity,
            appliance.identity, appliance.url, "GET", target)
        assert status == 200 and body[:8] == b"WEIRAGG1", status
        # The collector's name without its key.
        status, body = signed_request(
            weir.star.clients, load_key(stranger.path("identity.pem")), collector.identity,
            appliance.identity, appliance.url, "GET", target)
        assert status == 401, (status, body)
    print("aggregate shares: refused to strangers, clients and aggregators", flush=True)


def main():
    draw = random.Random(11)
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=2, workers=2, arena=32 << 20)
        evil = [weir.add_client(f"evil{i}") for i in range(4)]
        honest = [weir.add_client(f"c{i}") for i in range(3)]
        stranger = weir.add_client("stranger", in_roster=False)
        weir.start()
        slots_are_taken_and_never_used(weir, draw, evil, honest)
        an_aborted_join_is_replayed(weir, evil[0], honest)
        chunks_from_many_ports(weir, draw, evil[1], honest)
        shares_for_nobody_else(weir, stranger)
    return 0


if __name__ == "__main__":
    sys.exit(main())
