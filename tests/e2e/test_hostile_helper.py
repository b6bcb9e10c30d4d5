#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A helper that lies: it signs its requests with its real key, and says what it likes of clients,
batches and sums. The leader is a real control process over a dataplane that moves no packets. No lie
puts a client into the sum that is not complete at the leader, seals a batch that the helper has not
acknowledged, or publishes: at worst the event fails."""

import json
import re
import struct
import time

import lab_path  # noqa: F401
import fake_dataplane
import netlab
from control_plane import Plane, call, committed_set, digest, join_body, raw
from plane_steps import client_state
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

QUIET = 0.5  # seconds in which the leader would have acted
MANY = 5000  # receipts in one report
GROWTH_MOST_KIB = 6144


class Helper:
    """Appliance 1 without its programs: everything that it says is said by the test."""

    def __init__(self, plane):
        self.plane, self.leader = plane, plane.leader
        self.identity = plane.appliances[1].identity

    def post(self, event, name, body, status=200):
        answer = call(self.leader, self.identity, "POST", f"/v1/events/{event}/{name}", body)
        assert answer.status == status, (name, body, answer)
        return answer

    def get(self, target):
        answer = call(self.leader, self.identity, "GET", target)
        assert answer.status == 200, answer
        return answer.json

    def log(self, event):
        return [json.loads(e["entry"]) for e in self.get(f"/v1/events/{event}/log")["entries"]]

    def types(self, event):
        return [entry["type"] for entry in self.log(event)]

    def wait_for(self, event, kind, count=1):
        return netlab.wait_until(lambda: self.types(event).count(kind) >= count and self.log(event),
                                 40, f"{count} {kind}")

    def open(self, round_number, **changes):
        """Announces, offers, and lets three clients join: the event's id."""
        plane = self.plane
        answer = call(self.leader, plane.operator, "POST", "/v1/events",
                      plane.terms(round=round_number, **changes))
        assert answer.status == 202, answer
        event = answer.json["id"]
        offer = json.dumps({
            "version": 1, "event": event, "aggregator": self.identity.hex,
            "key": raw(X25519PrivateKey.generate().public_key()).hex(), "number": round_number,
            "endpoint": "10.77.1.2:9347", "url": plane.appliances[1].url, "slots": 8,
            "min_clients": 2})
        self.post(event, "offer", {"offer": offer,
                                   "signature": self.identity.sign("weir-offer", offer.encode())})
        self.announcement = plane.wait_for_state(event, ["open"])["announcement"]
        return event

    def join(self, event, client, signer=None):
        """A client's join with our acceptance, signed by ourselves or by somebody else."""
        body = join_body(client, self.announcement)
        call(self.leader, client, "POST", f"/v1/events/{event}/join", body, timeout=60)
        join_digest = digest("weir-join", body["join"].encode())
        self.post(event, "acceptances", {"acceptances": [{
            "join": join_digest.hex(), "signature": (signer or self.identity).sign(
                "weir-acceptance", bytes.fromhex(event) + join_digest)}]})
        return call(self.leader, client, "POST", f"/v1/events/{event}/join", body)

    def opened(self, round_number, clients=3, **changes):
        event = self.open(round_number, **changes)
        for client in self.plane.clients[:clients]:
            answer = self.join(event, client)
            assert answer.status == 200, answer
        return event

    def says(self, event, requested=(), complete=()):
        self.post(event, "completions", {"requested": list(requested), "complete": list(complete)})

    def acknowledge(self, event):
        """Truly, whatever batch is open, until the event freezes or ends."""
        def acknowledged():
            log = self.log(event)
            settled = {e["batch"] for e in log if e["type"] in ("SEALED", "ROLLBACK")}
            for entry in log:
                if entry["type"] == "COMMIT" and entry["batch"] not in settled:
                    self.post(event, "batches", {"batch": entry["batch"], "status": "committed"})
            return "FREEZE" in self.types(event)
        netlab.wait_until(acknowledged, 60, "FREEZE", interval=0.1)

    def cancel(self, event):
        assert call(self.leader, self.plane.operator, "DELETE", f"/v1/events/{event}").status == 200


def the_truth(helper):
    """By which the lies differ: the event publishes."""
    event = helper.opened(1, target_clients=3)
    helper.says(event, requested=[0, 1, 2], complete=[0, 1, 2])
    helper.acknowledge(event)
    value = committed_set(event, helper.log(event)).hex()
    helper.post(event, "published", {"set_digest": value})
    assert helper.plane.wait_for_state(event, ["published"])["set_digest"] == value


def complete_clients_that_are_not(helper):
    """None of that index, none that was admitted, none that the leader's own dataplane has."""
    dataplane = helper.leader.dataplane
    dataplane.automatic = False
    event = helper.opened(2)
    helper.says(event, complete=[3, 9, 10, 2**32 - 2])
    helper.says(event, requested=[7, 2**31], complete=[0, 1, 2])
    time.sleep(QUIET)
    assert set(helper.types(event)) == {"ANNOUNCE", "JOIN"}, helper.types(event)
    helper.says(event, requested=[0, 1, 2])
    helper.wait_for(event, "ADMIT")
    helper.says(event, complete=[0, 1, 2])
    time.sleep(QUIET)
    assert "COMMIT" not in helper.types(event), "clients that are incomplete at the leader"
    number = json.loads(helper.announcement["offers"][0]["offer"])["number"]
    dataplane.set_state(number, 1, fake_dataplane.COMPLETE)
    dataplane.set_state(number, 2, fake_dataplane.COMPLETE)
    # The two that are complete wait for the third as long as it has time.
    time.sleep(QUIET)
    committed = [c for e in helper.log(event) if e["type"] == "COMMIT" for c in e["clients"]]
    assert 0 not in committed, committed
    helper.cancel(event)
    dataplane.automatic = True


def a_batch_before_there_is_one(helper):
    """An acknowledgement in advance is none: SEALED waits for one after COMMIT."""
    event = helper.opened(3, target_clients=3)
    for batch in (1, 2, 99):
        helper.post(event, "batches", {"batch": batch, "status": "committed"})
    helper.says(event, requested=[0, 1, 2], complete=[0, 1, 2])
    helper.wait_for(event, "COMMIT")
    helper.post(event, "batches", {"batch": 2, "status": "committed"})
    time.sleep(QUIET)
    assert "SEALED" not in helper.types(event), helper.types(event)
    helper.post(event, "batches", {"batch": 1, "status": "committed"})
    helper.wait_for(event, "SEALED")
    # And after: what is sealed is not lost any more.
    helper.post(event, "batches", {"batch": 1, "status": "lost"})
    time.sleep(QUIET)
    assert "ROLLBACK" not in helper.types(event), helper.types(event)
    helper.cancel(event)


def every_batch_is_lost(helper):
    """It says that all is complete, and can never commit it: nobody is in, and the event ends."""
    event = helper.opened(4, target_clients=3, duration_ms=8000)
    helper.says(event, requested=[0, 1, 2], complete=[0, 1, 2])
    ended = time.monotonic() + 60
    while time.monotonic() < ended:
        found = helper.get(f"/v1/events/{event}")
        if found["state"] == "failed":
            break
        log = helper.log(event)
        settled = {e["batch"] for e in log if e["type"] == "ROLLBACK"}
        for entry in log:
            if entry["type"] == "COMMIT" and entry["batch"] not in settled:
                helper.post(event, "batches", {"batch": entry["batch"], "status": "lost"})
        helper.says(event, complete=[0, 1, 2])
        time.sleep(0.1)
    assert found["state"] == "failed" and found["counts"]["sealed"] == 0, found
    assert "ROLLBACK" in helper.types(event) and "SEALED" not in helper.types(event)
    answer = call(helper.leader, helper.plane.collector, "GET", f"/v1/events/{event}/aggregate-share")
    assert answer.status == 410, answer


def another_sum(helper):
    """Before FREEZE nobody has published; after it, only who has the same set."""
    event = helper.opened(5, target_clients=3)
    before = committed_set(event, []).hex()
    answer = call(helper.leader, helper.identity, "POST", f"/v1/events/{event}/published",
                  {"set_digest": before})
    assert answer.status in (200, 409), answer
    time.sleep(QUIET)
    assert helper.get(f"/v1/events/{event}")["state"] == "open"
    helper.says(event, requested=[0, 1, 2], complete=[0, 1, 2])
    helper.acknowledge(event)
    assert "PUBLISHED" not in helper.types(event), "published by what was said before"
    helper.post(event, "published", {"set_digest": "ab" * 32})
    failed = helper.plane.wait_for_state(event, ["failed"])
    assert "a1" in failed["reason"], failed
    print(f"failed: {failed['reason']}", flush=True)


def an_acceptance_by_somebody_else(helper):
    """It makes no client: the event fails, and the reason names the helper."""
    event = helper.open(6)
    answer = helper.join(event, helper.plane.clients[0], signer=helper.plane.clients[1])
    assert answer.status >= 400, answer
    failed = helper.plane.wait_for_state(event, ["failed"])
    assert "a1" in failed["reason"] and "JOIN" not in helper.types(event), failed


def another_offer(helper):
    """Once the event is announced, and for an event that is somebody else's."""
    event = helper.open(7)
    before = helper.log(event)
    offer = json.dumps(json.loads(helper.announcement["offers"][1]["offer"]) |
                       {"key": raw(X25519PrivateKey.generate().public_key()).hex()})
    call(helper.leader, helper.identity, "POST", f"/v1/events/{event}/offer",
         {"offer": offer, "signature": helper.identity.sign("weir-offer", offer.encode())})
    time.sleep(QUIET)
    assert helper.log(event) == before
    assert helper.get(f"/v1/events/{event}")["announcement"] == helper.announcement
    helper.cancel(event)


def receipts_that_are_none(helper):
    """Another client's, another batch's, one by somebody else: none is given to a client. The true one is."""
    event = helper.opened(8, target_clients=3)
    helper.says(event, requested=[0, 1, 2], complete=[0, 1, 2])
    helper.wait_for(event, "COMMIT")
    helper.post(event, "batches", {"batch": 1, "status": "committed"})
    helper.wait_for(event, "SEALED")
    join = bytes.fromhex(client_state(helper.plane, {"id": event}, 0)["join"])
    other = bytes.fromhex(client_state(helper.plane, {"id": event}, 1)["join"])

    def sign(signer, *, join=join, batch=1):
        return signer.sign("weir-receipt", bytes.fromhex(event) + join + struct.pack("<I", batch))

    for signature in (sign(helper.identity, join=other), sign(helper.identity, batch=2),
                      sign(helper.plane.clients[0]), "00" * 64):
        helper.post(event, "receipts", {"batch": 1, "receipts": [{"client": 0, "signature": signature}]})
    time.sleep(QUIET)
    given = client_state(helper.plane, {"id": event}, 0)["receipts"]
    assert all(r["aggregator"] != helper.identity.hex for r in given), given
    true = sign(helper.identity)
    helper.post(event, "receipts", {"batch": 1, "receipts": [{"client": 0, "signature": true}]})
    netlab.wait_until(lambda: {"aggregator": helper.identity.hex, "signature": true} in
                      client_state(helper.plane, {"id": event}, 0)["receipts"], 30, "the receipt")
    helper.cancel(event)


def receipts_without_end(helper):
    """False ones for a client that lacks one, for clients that are not sealed, and of an event that has ended.
    They are not gathered, and the true one is still taken."""
    def flood(event, client, status):
        receipts = {"batch": 1, "receipts": [{"client": client, "signature": "00" * 64}] * MANY}
        for _ in range(60):
            answer = call(helper.leader, helper.identity, "POST", f"/v1/events/{event}/receipts", receipts)
            assert answer.status == status, answer

    event = helper.opened(9, target_clients=3)
    helper.says(event, requested=[0, 1, 2], complete=[0, 1, 2])
    flood(event, 1, 200)
    helper.wait_for(event, "COMMIT")
    helper.post(event, "batches", {"batch": 1, "status": "committed"})
    helper.wait_for(event, "SEALED")
    before = anonymous_kib(helper.leader)
    flood(event, 0, 503)
    join = bytes.fromhex(client_state(helper.plane, {"id": event}, 0)["join"])
    true = helper.identity.sign("weir-receipt", bytes.fromhex(event) + join + struct.pack("<I", 1))
    helper.post(event, "receipts", {"batch": 1, "receipts": [{"client": 0, "signature": true}]})
    netlab.wait_until(lambda: {"aggregator": helper.identity.hex, "signature": true} in
                      client_state(helper.plane, {"id": event}, 0)["receipts"], 30, "the receipt")
    helper.cancel(event)
    helper.plane.wait_for_state(event, ["failed"])
    flood(event, 1, 200)
    grown = anonymous_kib(helper.leader) - before
    print(f"the leader has grown by {grown} KiB", flush=True)
    assert grown <= GROWTH_MOST_KIB, grown


def a_slot_that_never_comes(helper):
    """It accepts a client that wants its slot at once, and never says that it is there. When the event fails,
    the client is told, and not to wait any longer."""
    event = helper.opened(10, clients=1, fec={"data": 4, "parity": 2})
    client = helper.plane.clients[1]
    body = join_body(client, helper.announcement) | {"admit": "now"}
    call(helper.leader, client, "POST", f"/v1/events/{event}/join", body)
    join_digest = digest("weir-join", body["join"].encode())
    helper.post(event, "acceptances", {"acceptances": [{
        "join": join_digest.hex(), "signature": helper.identity.sign(
            "weir-acceptance", bytes.fromhex(event) + join_digest)}]})
    answer = call(helper.leader, client, "POST", f"/v1/events/{event}/join", body)
    assert answer.status == 202, answer
    helper.cancel(event)
    helper.plane.wait_for_state(event, ["failed"])
    answer = call(helper.leader, client, "POST", f"/v1/events/{event}/join", body)
    assert answer.status == 410 and answer.code == "failed", answer
    assert "cancelled" in answer.json["error"], answer


def anonymous_kib(appliance):
    with open(f"/proc/{appliance.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])


def main():
    with netlab.Lab() as lab, Plane(lab) as plane:
        plane.leader.extra_control = 'poll = "300 ms";'  # joins are told at once to ask again
        plane.leader.write_config()
        plane.leader.start_dataplane()
        plane.leader.dataplane.automatic = True
        plane.leader.start_control()
        helper = Helper(plane)
        for story in (the_truth, complete_clients_that_are_not, a_batch_before_there_is_one,
                      every_batch_is_lost, another_sum, an_acceptance_by_somebody_else,
                      another_offer, receipts_that_are_none, receipts_without_end,
                      a_slot_that_never_comes):
            story(helper)
            print(story.__name__, flush=True)


main()
