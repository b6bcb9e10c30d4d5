#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""How aggregators agree on who is in the sum, seen from outside: batches, receipts, a batch that an
aggregator loses, clients that are too slow, dataplanes that hold the wrong set, a helper that is away, a log that
forks. Real control processes; dataplanes that move no packets."""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import time

import lab_path  # noqa: F401
import fake_dataplane
import netlab
from control_plane import Plane, call, committed_set, join, join_body
from plane_steps import (cancel, check_receipts, client_state, join_all, log_of, numbers,
                         set_automatic, set_state, shares, types, wait_for_type)


def stored_keys(appliance):
    """How many per-event keys the appliance's store holds."""
    path = f"file:{appliance.path('state/control.db')}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as store:
        return store.execute("SELECT count(*) FROM event_key").fetchone()[0]


def an_event_from_draft_to_published(plane):
    set_automatic(plane, True)
    event = plane.announce(round=1, target_clients=3)
    assert all(stored_keys(appliance) == 1 for appliance in plane.appliances)
    join_all(plane, event, plane.clients, weights=[1, 3, 2])
    published = plane.wait_for_state(event["id"], ["published"])
    log = log_of(plane, event)
    assert log == log_of(plane, event, plane.appliances[1])
    assert [e["type"] for e in log][-2:] == ["FREEZE", "PUBLISHED"], log
    assert (log[-2]["count"], log[-2]["weight"]) == (3, 6), log[-2]
    value = committed_set(event["id"], log)
    assert published["set_digest"] == value.hex() == log[-1]["set_digest"]
    for index in range(3):
        check_receipts(plane, event, index)
    for appliance, share in shares(plane, event):
        header = struct.unpack_from("<8s32s32s32sQQIIQ", share)
        assert header == (b"WEIRAGG1", bytes.fromhex(event["id"]),
                          bytes.fromhex(appliance.identity.hex), value, 3, 6, 2, 0, 4), header
        assert len(share) == 136 + 32 + 64
        # Closed at the dataplane, its key gone.
        netlab.wait_until(lambda a=appliance: not a.dataplane.events, 20, "EVENT_CLOSE")
        netlab.wait_until(lambda a=appliance: not stored_keys(a), 20, "the key to be wiped")
    result = call(plane.leader, plane.collector, "GET", f"/v1/events/{event['id']}/result").json
    assert result == {"state": "published", "count": 3, "weight": 6, "set_digest": value.hex(),
                      "reason": ""}, result


def keys_of_both_ends_agree(plane):
    """What the dataplane is given is what control/README.md and dataplane/README.md say."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from control_plane import raw
    set_automatic(plane, False)
    event = plane.announce(round=2)
    client, own = plane.clients[0], X25519PrivateKey.generate()
    body = join_body(client, event["announcement"], key=raw(own.public_key()).hex(), weight=2)
    assert join(plane.leader, client, body).status == 200
    for appliance, signed, number in zip(plane.appliances, event["announcement"]["offers"],
                                         numbers(event)):
        offer = json.loads(signed["offer"])
        secret = own.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(offer["key"])))
        keys = b"".join(HKDF(hashes.SHA256(), 32, bytes.fromhex(event["id"]),
                             b"weir share v1" + bytes([direction]) + bytes.fromhex(client.hex) +
                             bytes.fromhex(appliance.identity.hex)).derive(secret)
                        for direction in (1, 2))
        netlab.wait_until(lambda a=appliance, n=number: a.dataplane.events[n].clients, 20,
                          "CLIENT_ADD")
        assert appliance.dataplane.events[number].clients[0] == (2, keys)
    cancel(plane, event)


def a_batch_is_rolled_back(plane):
    """The helper has lost a slot of the first batch: both return to what they held, and the same
    clients are committed again under a new number."""
    set_automatic(plane, True)
    plane.appliances[1].dataplane.lose_batches = 1
    event = plane.announce(round=3, target_clients=2)
    join_all(plane, event, plane.clients[:2])
    published = plane.wait_for_state(event["id"], ["published"])
    log = log_of(plane, event)
    rolled = [e["batch"] for e in log if e["type"] == "ROLLBACK"]
    sealed = [e["batch"] for e in log if e["type"] == "SEALED"]
    assert rolled == [1] and 1 not in sealed and min(sealed) == 2, log
    assert published["set_digest"] == committed_set(event["id"], log).hex()
    for index in (0, 1):
        check_receipts(plane, event, index)


def slow_clients_are_aborted(plane):
    """One of three never completes at the helper; the others' sum goes on, and it may join anew."""
    set_automatic(plane, False)
    event = plane.announce(round=4, admit_timeout_ms=8000, duration_ms=20000)
    join_all(plane, event, plane.clients)
    set_state(plane, event, 0, fake_dataplane.REQUESTED, only=1)  # asked at one place only
    set_state(plane, event, 1, fake_dataplane.REQUESTED, ring=False)  # and the doorbell was lost
    set_state(plane, event, 2, fake_dataplane.REQUESTED)
    netlab.wait_until(lambda: sum(len(e["clients"]) for e in log_of(plane, event)
                                  if e["type"] == "ADMIT") == 3, 20, "three admissions")
    set_state(plane, event, 0, fake_dataplane.COMPLETE)
    set_state(plane, event, 2, fake_dataplane.COMPLETE, only=0)
    set_state(plane, event, 1, fake_dataplane.COMPLETE)
    aborted = client_state(plane, event, 2, wait=20)
    assert aborted["state"] == "aborted" and "admit timeout" in aborted["reason"], aborted
    assert aborted["receipts"] == [] and aborted["batch"] == 0, aborted
    again = join(plane.leader, plane.clients[2], join_body(plane.clients[2], event["announcement"]))
    assert again.json == {"client": 3, "state": "joined"}, again
    published = plane.wait_for_state(event["id"], ["published"])
    assert published["counts"] == {"joined": 0, "admitted": 0, "committed": 0, "sealed": 2,
                                   "aborted": 2}, published
    late = client_state(plane, event, 3)
    assert late["state"] == "aborted" and "froze" in late["reason"], late
    number = numbers(event)[1]
    assert [s for k, n, s in plane.appliances[1].dataplane.commands(fake_dataplane.CLIENT_ABORT)
            if n == number] == [0]
    # The log has the reasons: a leader that was started again gives the same.
    plane.leader.process.kill()
    plane.leader.start_control()
    assert [client_state(plane, event, index) for index in (2, 3)] == [aborted, late]


def slots_are_never_exceeded(plane):
    """The helper's dataplane has room for two slots only: its offer says so, and nobody is admitted
    beyond it."""
    set_automatic(plane, False)
    plane.appliances[1].dataplane.slot_limit = 2
    event = plane.announce(round=5, target_clients=3)
    plane.appliances[1].dataplane.slot_limit = None
    offers = [json.loads(o["offer"])["slots"] for o in event["announcement"]["offers"]]
    assert offers == [10, 2], offers
    join_all(plane, event, plane.clients)
    for client in range(3):
        set_state(plane, event, client, fake_dataplane.REQUESTED)
    wait_for_type(plane, event, "ADMIT")
    time.sleep(0.3)

    def admitted():
        return [c for e in log_of(plane, event) if e["type"] == "ADMIT" for c in e["clients"]]
    assert len(admitted()) == 2, admitted()
    first, second = admitted()
    third = 3 - first - second
    set_state(plane, event, first, fake_dataplane.COMPLETE)
    netlab.wait_until(lambda: third in admitted(), 20, "the third to be admitted")
    for client in (second, third):
        set_state(plane, event, client, fake_dataplane.COMPLETE)
    plane.wait_for_state(event["id"], ["published"])


def a_wrong_set_is_never_published(plane):
    set_automatic(plane, True)
    plane.appliances[1].dataplane.wrong_digest = True
    event = plane.announce(round=6, target_clients=2)
    join_all(plane, event, plane.clients[:2])
    failed = plane.wait_for_state(event["id"], ["failed"])
    plane.appliances[1].dataplane.wrong_digest = False
    assert "a1" in failed["reason"] and "another set" in failed["reason"], failed
    answer = call(plane.appliances[1], plane.collector, "GET",
                  f"/v1/events/{event['id']}/aggregate-share")
    assert answer.status in (409, 410), answer


def an_aggregators_own_minimum_counts(plane):
    """The helper's min_clients is 3 (see main): an event of two fails, whatever its terms say."""
    set_automatic(plane, True)
    event = plane.announce(round=7, duration_ms=5000, min_clients=2)
    join_all(plane, event, plane.clients[:2])
    failed = plane.wait_for_state(event["id"], ["failed"])
    assert "required: 3" in failed["reason"], failed
    assert "FREEZE" not in types(plane, event)


def a_helper_that_is_away_only_delays(plane):
    set_automatic(plane, True)
    helper = plane.appliances[1]
    helper.process.kill()
    answer = call(plane.leader, plane.operator, "POST", "/v1/events",
                  plane.terms(round=9, target_clients=3))
    time.sleep(0.5)
    assert plane.wait_for_state(answer.json["id"], ["draft", "open"])["state"] == "draft"
    helper.start_control()
    event = plane.wait_for_state(answer.json["id"], ["open"])
    join_all(plane, event, plane.clients)
    plane.wait_for_state(event["id"], ["published"])


def what_has_ended_stays_as_it_was(plane):
    """Receipts and shares included, over restarts of both control processes."""
    for appliance in plane.appliances:
        appliance.process.kill()
        appliance.start_control()
    first = next(e for e in call(plane.leader, plane.operator, "GET", "/v1/events").json["events"]
                 if e["round"] == 1)
    event = call(plane.leader, plane.operator, "GET", f"/v1/events/{first['id']}").json
    assert event["state"] == "published" and event["counts"]["sealed"] == 3, event
    check_receipts(plane, event, 2)
    assert len(list(shares(plane, event))) == 2
    # A round that was used stays used.
    again = call(plane.leader, plane.operator, "POST", "/v1/events", plane.terms(round=1))
    assert again.status == 409 and again.code == "round", again


def a_log_that_forks_is_not_followed(plane):
    """The leader returns to an older copy of its store, and its log goes on differently from there."""
    set_automatic(plane, False)
    leader, helper = plane.leader, plane.appliances[1]
    event = plane.announce(round=14)
    shutil.copytree(leader.path("state"), leader.path("old"))
    join_all(plane, event, plane.clients[:1])
    netlab.wait_until(lambda: len(log_of(plane, event, helper)) == 2, 20, "the helper to follow")
    before = log_of(plane, event, helper)
    helper.process.kill()
    leader.process.kill()
    shutil.rmtree(leader.path("state"))
    os.rename(leader.path("old"), leader.path("state"))
    leader.start_control()
    assert call(leader, plane.operator, "DELETE", f"/v1/events/{event['id']}").status == 200
    plane.wait_for_state(event["id"], ["failed"])
    helper.start_control()
    failed = plane.wait_for_state(event["id"], ["failed"], appliance=helper)
    assert "the log forks: entry 1" in failed["reason"], failed
    assert log_of(plane, event, helper) == before != log_of(plane, event)
    netlab.wait_until(lambda: not helper.dataplane.events, 20, "EVENT_CLOSE")


def a_leader_that_lost_its_store_is_left(plane):
    """Its helper closes its part of the event, and takes part in new ones."""
    set_automatic(plane, False)
    leader, helper = plane.leader, plane.appliances[1]
    event = plane.announce(round=12)
    join_all(plane, event, plane.clients[:1])
    assert leader.process.stop() == 0
    shutil.rmtree(leader.path("state"))
    leader.start_control()
    failed = plane.wait_for_state(event["id"], ["failed"], appliance=helper)
    assert "does not know the event" in failed["reason"], failed
    netlab.wait_until(lambda: not helper.dataplane.events, 20, "EVENT_CLOSE")
    cancel(plane, plane.announce(round=13))
    # The helper remembers the rounds that the leader has forgotten.
    again = call(leader, plane.operator, "POST", "/v1/events", plane.terms(round=1))
    failed = plane.wait_for_state(again.json["id"], ["failed"])
    assert "took part in that round" in failed["reason"], failed


def main():
    stories = (an_event_from_draft_to_published, keys_of_both_ends_agree, a_batch_is_rolled_back,
               slow_clients_are_aborted, slots_are_never_exceeded, a_wrong_set_is_never_published,
               a_helper_that_is_away_only_delays, what_has_ended_stays_as_it_was,
               a_log_that_forks_is_not_followed, a_leader_that_lost_its_store_is_left)
    with netlab.Lab() as lab, Plane(lab) as plane:
        plane.start()
        for story in stories:
            started = time.monotonic()
            story(plane)
            print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    with netlab.Lab() as lab, Plane(lab) as plane:
        plane.appliances[1].extra_control = "min_clients = 3;"
        plane.start()
        an_aggregators_own_minimum_counts(plane)


main()
