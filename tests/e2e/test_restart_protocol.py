#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""An event goes on where it was when a control process is killed, at any phase, or a dataplane goes and comes back
with or without what it held. Real control processes; dataplanes that move no packets, so that each phase can be
held still."""

import json
import sqlite3
import time

import lab_path  # noqa: F401
import netlab
from control_plane import Plane, call, committed_set
from fake_dataplane import COMMIT, COMPLETE, REQUESTED
from plane_steps import (check_receipts, client_state, join_all, log_of, numbers, set_automatic,
                         set_state, shares, types, wait_for_type)

rounds = iter(range(1, 1000))


def announce(plane, **changes):
    return plane.announce(round=next(rounds), **changes)


def restart(appliance):
    appliance.process.kill()
    appliance.start_control()


def check_published(plane, event, clients):
    """The same set everywhere, all of these clients in it, all with receipts; nothing left behind."""
    published = plane.wait_for_state(event["id"], ["published"])
    log = log_of(plane, event)
    value = committed_set(event["id"], log)
    assert published["set_digest"] == value.hex(), (published, log)
    assert published["counts"]["sealed"] == len(clients), published
    for index in clients:
        check_receipts(plane, event, index)
    for appliance, share in shares(plane, event):
        assert share[72:104] == value, appliance.name
        plane.wait_for_state(event["id"], ["published"], appliance=appliance)
        netlab.wait_until(lambda a=appliance: not a.dataplane.events, 20, "EVENT_CLOSE")


def a_dataplane_comes_back_with_its_memory(plane):
    for appliance in plane.appliances:
        set_automatic(plane, True)
        event = announce(plane, target_clients=3)
        join_all(plane, event, plane.clients[:2])
        wait_for_type(plane, event, "SEALED")
        netlab.wait_until(lambda: len(client_state(plane, event, 1, wait=5)["receipts"]) == 2, 30,
                          "both to be sealed")
        appliance.dataplane.restart()
        join_all(plane, event, plane.clients[2:])
        check_published(plane, event, [0, 1, 2])


def a_dataplane_loses_what_nobody_has_a_receipt_for(plane):
    """Clients' slots, and a batch that is open: it is rolled back, and they send again."""
    for appliance in plane.appliances:
        set_automatic(plane, False)
        event = announce(plane, target_clients=2)
        join_all(plane, event, plane.clients[:2])
        for client in (0, 1):
            set_state(plane, event, client, REQUESTED)
        appliance.dataplane.silent_commits = True
        for client in (0, 1):
            set_state(plane, event, client, COMPLETE)
        wait_for_type(plane, event, "COMMIT")
        appliance.dataplane.restart(lose_memory=True)
        appliance.dataplane.silent_commits = False
        place = plane.appliances.index(appliance)
        wait_for_type(plane, event, "ROLLBACK")
        rolled = log_of(plane, event)
        batch = next(e for e in rolled if e["type"] == "ROLLBACK")["batch"]
        lost = next(e for e in rolled if e["type"] == "COMMIT" and e["batch"] == batch)["clients"]
        for client in lost:
            set_state(plane, event, client, COMPLETE, only=place)
        if len(lost) == 1:  # the other was not in that batch, but its slot is gone as well
            set_state(plane, event, 1 - lost[0], COMPLETE, only=place)
        check_published(plane, event, [0, 1])


def a_dataplane_loses_what_is_sealed(plane):
    """Without snapshots there is no sum then, and never a wrong one."""
    for appliance in plane.appliances:
        set_automatic(plane, True)
        event = announce(plane)
        join_all(plane, event, plane.clients[:2])
        wait_for_type(plane, event, "SEALED")
        appliance.dataplane.restart(lose_memory=True)
        failed = plane.wait_for_state(event["id"], ["failed"])
        assert "has lost batch" in failed["reason"], failed
        if appliance is not plane.leader:
            assert appliance.name in failed["reason"], failed
        for each in plane.appliances:
            netlab.wait_until(lambda a=each: not a.dataplane.events, 20, "EVENT_CLOSE")


def a_batch_was_rolled_back_meanwhile(plane):
    """The helper's dataplane holds the batch, the leader's lost it; the helper's control process is away
    when the log undoes it."""
    set_automatic(plane, False)
    leader, helper = plane.appliances
    event = announce(plane, target_clients=2)
    join_all(plane, event, plane.clients[:2])
    leader.dataplane.silent_commits = True
    for client in (0, 1):
        set_state(plane, event, client, REQUESTED)
    wait_for_type(plane, event, "ADMIT")
    for client in (0, 1):
        set_state(plane, event, client, COMPLETE)
    wait_for_type(plane, event, "COMMIT")
    number = numbers(event)[1]
    netlab.wait_until(lambda: helper.dataplane.events[number].open_batch, 20, "the helper's batch")
    helper.process.kill()
    leader.dataplane.silent_commits = False
    leader.dataplane.restart(lose_memory=True)
    wait_for_type(plane, event, "ROLLBACK")
    helper.start_control()
    netlab.wait_until(lambda: not helper.dataplane.events[number].open_batch or
                      "SEALED" in types(plane, event), 20, "the helper's dataplane to undo it")
    for client in (0, 1):
        set_state(plane, event, client, COMPLETE, only=0)
    check_published(plane, event, [0, 1])


def a_batch_is_sealed_while_its_dataplane_is_away(plane):
    """It holds the batch and has said so; then it dies, and the other aggregator is the last to hold it."""
    for place, appliance in enumerate(plane.appliances):
        other = plane.appliances[1 - place]
        set_automatic(plane, True)
        other.dataplane.silent_commits = True
        event = announce(plane, target_clients=2)
        join_all(plane, event, plane.clients[:2])
        held = appliance.dataplane.events[numbers(event)[place]]
        netlab.wait_until(lambda: held.open_batch and held.held[3] == held.open_batch, 30, "the batch")
        time.sleep(0.5)  # for the acknowledgement
        appliance.dataplane.away = True
        appliance.dataplane.restart()
        other.dataplane.silent_commits = False
        other.dataplane.restart()
        wait_for_type(plane, event, "SEALED")
        appliance.dataplane.away = False
        check_published(plane, event, [0, 1])


def a_draft(plane):
    """The leader is killed while it waits for the helper's offer; both with the helper's offer made."""
    leader, helper = plane.appliances
    set_automatic(plane, True)
    helper.process.kill()
    answer = call(leader, plane.operator, "POST", "/v1/events",
                  plane.terms(round=next(rounds), target_clients=3))
    assert answer.status == 202, answer
    restart(leader)
    assert plane.wait_for_state(answer.json["id"], ["draft", "failed"])["state"] == "draft"
    helper.start_control()
    event = plane.wait_for_state(answer.json["id"], ["open"])
    join_all(plane, event, plane.clients)
    check_published(plane, event, [0, 1, 2])

    # The helper's offer was made, and the leader that it was made to is gone.
    netlab.wait_until(lambda: not leader.dataplane.events, 20, "EVENT_CLOSE")
    leader.dataplane.mute = True
    answer = call(leader, plane.operator, "POST", "/v1/events",
                  plane.terms(round=next(rounds), target_clients=3))
    netlab.wait_until(lambda: helper.dataplane.events, 20, "the helper to open it")
    time.sleep(0.5)  # for its offer
    leader.process.kill()
    helper.process.kill()
    leader.dataplane.mute = False
    leader.start_control()
    helper.start_control()
    event = plane.wait_for_state(answer.json["id"], ["open"])
    join_all(plane, event, plane.clients)
    check_published(plane, event, [0, 1, 2])


def restart_at_each_phase(plane):
    """Of either appliance, one after the other, in one event: nothing and nobody is lost."""
    leader, helper = plane.appliances
    for appliance in plane.appliances:
        set_automatic(plane, False)
        event = announce(plane, target_clients=3)
        restart(appliance)
        join_all(plane, event, plane.clients)
        restart(appliance)                       # joined
        for client in (0, 1, 2):
            set_state(plane, event, client, REQUESTED, only=1)
        wait_for_type(plane, event, "ADMIT")
        restart(appliance)                       # admitted, one by one perhaps
        netlab.wait_until(lambda: sum(len(e["clients"]) for e in log_of(plane, event)
                                      if e["type"] == "ADMIT") == 3, 30, "three admissions")
        for client in (0, 1):
            set_state(plane, event, client, COMPLETE, only=0)
        set_state(plane, event, 2, COMPLETE, only=1)
        time.sleep(0.3)
        restart(appliance)                       # what is complete was reported before
        appliance.dataplane.silent_commits = True
        for client in (0, 1):
            set_state(plane, event, client, COMPLETE, only=1)
        wait_for_type(plane, event, "COMMIT")
        netlab.wait_until(lambda: appliance.dataplane.commands(COMMIT), 20, "COMMIT")
        restart(appliance)                       # a batch is open, and not held here
        appliance.dataplane.silent_commits = False
        restart(appliance)
        wait_for_type(plane, event, "SEALED")
        restart(appliance)                       # receipts are on their way
        for client in (0, 1):
            netlab.wait_until(lambda c=client: len(client_state(plane, event, c)["receipts"]) == 2
                              or client_state(plane, event, c)["state"] != "sealed", 30, "receipts")
        set_state(plane, event, 2, COMPLETE, only=0)
        check_published(plane, event, [0, 1, 2])
        restart(appliance)
        check_receipts(plane, event, 2)


def the_other_acknowledged_before_the_leader_died(plane):
    """The helper has said that it holds the batch; the leader that heard it is gone. The helper says it
    again to the next, and its share and receipts as well."""
    leader, helper = plane.appliances
    set_automatic(plane, True)
    event = announce(plane, target_clients=2)
    leader.dataplane.silent_commits = True
    join_all(plane, event, plane.clients[:2])
    wait_for_type(plane, event, "COMMIT")
    netlab.wait_until(lambda: helper.dataplane.events[numbers(event)[1]].open_batch, 20, "the batch")
    time.sleep(0.5)  # for the acknowledgement
    leader.process.kill()
    leader.dataplane.silent_commits = False
    leader.start_control()
    check_published(plane, event, [0, 1])


def frozen(plane):
    """The deadline comes while the helper is away. The leader has given its share out when it is killed."""
    leader, helper = plane.appliances
    set_automatic(plane, True)
    event = announce(plane, duration_ms=8000)
    join_all(plane, event, plane.clients[:2])
    for client in (0, 1):
        netlab.wait_until(lambda c=client: len(client_state(plane, event, c)["receipts"]) == 2, 30,
                          "receipts")
    helper.process.kill()
    plane.wait_for_state(event["id"], ["frozen"])
    target = f"/v1/events/{event['id']}/aggregate-share?wait=10"
    before = call(leader, plane.collector, "GET", target)
    assert before.status == 200, before
    restart(leader)
    assert call(leader, plane.collector, "GET", target).body == before.body
    helper.start_control()
    check_published(plane, event, [0, 1])


def past_the_deadline(plane):
    """The leader is away over the deadline: what is complete is still committed when it is back."""
    leader, _ = plane.appliances
    set_automatic(plane, False)
    event = announce(plane, duration_ms=6000)
    join_all(plane, event, plane.clients[:2])
    for client in (0, 1):
        set_state(plane, event, client, REQUESTED)
    wait_for_type(plane, event, "ADMIT")
    netlab.wait_until(lambda: sum(len(e["clients"]) for e in log_of(plane, event)
                                  if e["type"] == "ADMIT") == 2, 30, "two admissions")
    leader.process.kill()
    for client in (0, 1):
        set_state(plane, event, client, COMPLETE)
    time.sleep(max(0, json.loads(event["announcement"]["event"])["deadline_ms"] / 1000 - time.time()))
    leader.start_control()
    check_published(plane, event, [0, 1])


def entry_change(event, entry, change):
    def make(store):
        where = (bytes.fromhex(event["id"]), entry)
        text = store.execute("select text from log where event = ? and entry = ?", where).fetchone()[0]
        assert change(text) != text, text
        store.execute("update log set text = ? where event = ? and entry = ?", (change(text), *where))
    return make


def a_store_that_was_changed_is_refused(plane):
    """By one letter of an entry, the last one or an earlier, in a way that is good JSON and a legal entry. Nothing is
    done with it; with what was there before, the event goes on."""
    def weight_of_three(text):
        return text.replace('\\"weight\\":1', '\\"weight\\":3').replace('\\"weight\\": 1', '\\"weight\\": 3')

    set_automatic(plane, False)
    event = announce(plane, target_clients=2)
    join_all(plane, event, plane.clients[:2])
    for appliance in plane.appliances:
        netlab.wait_until(lambda a=appliance: [e["type"] for e in log_of(plane, event, a)] ==
                          ["ANNOUNCE", "JOIN", "JOIN"], 20, "both joins in the log")
        appliance.process.kill()
        path = appliance.path("state/control.db")
        for entry, said in ((2, "not what its leader signed"), (1, "does not follow")):
            store = sqlite3.connect(path)
            store.execute("pragma wal_checkpoint(truncate)")
            with open(path, "rb") as file:
                good = file.read()
            with store:
                entry_change(event, entry, weight_of_three)(store)
            store.execute("pragma wal_checkpoint(truncate)")
            store.close()
            appliance.start_control(wait=False)
            assert appliance.process.wait(20) == 1, appliance.process.tail()
            assert said in appliance.process.output(), appliance.process.tail()
            assert "restore it from a backup" in appliance.process.output(), appliance.process.tail()
            with open(path, "wb") as file:
                file.write(good)
        appliance.start_control()
    set_automatic(plane, True)
    for index in (0, 1):
        set_state(plane, event, index, REQUESTED)
    check_published(plane, event, [0, 1])


def main():
    stories = (a_dataplane_comes_back_with_its_memory, a_dataplane_loses_what_nobody_has_a_receipt_for,
               a_dataplane_loses_what_is_sealed, a_batch_was_rolled_back_meanwhile,
               a_batch_is_sealed_while_its_dataplane_is_away, a_draft,
               restart_at_each_phase, the_other_acknowledged_before_the_leader_died, frozen,
               past_the_deadline, a_store_that_was_changed_is_refused)
    with netlab.Lab() as lab, Plane(lab) as plane:
        plane.start()
        for story in stories:
            started = time.monotonic()
            story(plane)
            print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)


main()
