#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 400 s
"""durability = "disk": every batch is in a snapshot before it is acknowledged, and comes back from it when a dataplane
has lost its memory. A snapshot that is torn or damaged is refused and the event fails. Real control processes;
dataplanes that move no packets."""

import glob
import os
import time

import lab_path  # noqa: F401
import netlab
from control_plane import Plane
from fake_dataplane import COMPLETE, REQUESTED, RESTORE
from plane_steps import (check_receipts, client_state, join_all, log_of, numbers, set_automatic,
                         set_state, shares, types, wait_for_type)

rounds = iter(range(1, 1000))


def snapshots(appliance):
    return sorted(os.path.basename(path) for path in glob.glob(appliance.path("state/snapshot-*")))


def sealed_event(plane, clients=2, **changes):
    """An open event in which these clients are sealed, in however many batches."""
    set_automatic(plane, True)
    event = plane.announce(round=next(rounds), target_clients=3, **changes)
    join_all(plane, event, plane.clients[:clients])
    for index in range(clients):
        netlab.wait_until(lambda i=index: len(client_state(plane, event, i)["receipts"]) == 2, 30,
                          "receipts")
    return event


def last_sealed(plane, event):
    return max(e["batch"] for e in log_of(plane, event) if e["type"] == "SEALED")


def finish(plane, event):
    join_all(plane, event, plane.clients[2:])
    plane.wait_for_state(event["id"], ["published"])
    for index in range(3):
        check_receipts(plane, event, index)
    assert len({share[72:104] for _, share in shares(plane, event)}) == 1
    for appliance in plane.appliances:
        netlab.wait_until(lambda a=appliance: not snapshots(a), 20, "the snapshots to go")


def there_is_one_of_the_last_sealed_batch(plane):
    event = sealed_event(plane)
    batch = last_sealed(plane, event)
    for appliance in plane.appliances:
        netlab.wait_until(lambda a=appliance: snapshots(a) == [f"snapshot-{event['id']}-{batch}"], 20,
                          f"one snapshot of batch {batch}")
        path = appliance.path(f"state/{snapshots(appliance)[0]}")
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert os.stat(path).st_size == 128 + 4 * 8
    finish(plane, event)


def a_lost_memory_comes_back(plane):
    for appliance in plane.appliances:
        event = sealed_event(plane)
        appliance.dataplane.restart(lose_memory=True)
        netlab.wait_until(lambda a=appliance: [s for _, _, s in a.dataplane.commands(RESTORE)][-1:]
                          == [0], 20, "RESTORE")
        finish(plane, event)


def the_machine_goes_down(plane):
    """All memory and all processes at once."""
    event = sealed_event(plane)
    for appliance in plane.appliances:
        appliance.process.kill()
        appliance.dataplane.restart(lose_memory=True)
    for appliance in plane.appliances:
        appliance.start_control()
    finish(plane, event)


def open_batch(plane):
    """An event with a batch that the helper holds and the leader does not: all that is missing is the leader's
    dataplane."""
    set_automatic(plane, False)
    leader, helper = plane.appliances
    event = plane.announce(round=next(rounds), target_clients=2)
    join_all(plane, event, plane.clients[:2])
    leader.dataplane.silent_commits = True
    for client in (0, 1):
        set_state(plane, event, client, REQUESTED)
    netlab.wait_until(lambda: sum(len(e["clients"]) for e in log_of(plane, event)
                                  if e["type"] == "ADMIT") == 2, 30, "two admissions")
    for client in (0, 1):
        set_state(plane, event, client, COMPLETE)
    wait_for_type(plane, event, "COMMIT")
    netlab.wait_until(lambda: snapshots(helper), 20, "the helper's snapshot")
    helper.dataplane.restart(lose_memory=True)
    number = numbers(event)[1]
    netlab.wait_until(lambda: number in helper.dataplane.events, 20, "EVENT_OPEN")
    return event


def complete_until_published(plane, event, places):
    """The clients send what is missing at these aggregators, whenever they hold a slot there."""
    def done():
        for place in places:
            appliance, number = plane.appliances[place], numbers(event)[place]
            for client in (0, 1):
                if number in appliance.dataplane.events:
                    appliance.dataplane.set_state(number, client, COMPLETE, expected=3)
        return types(plane, event)[-1] == "PUBLISHED"
    netlab.wait_until(done, 60, "PUBLISHED", interval=0.1)
    for index in (0, 1):
        check_receipts(plane, event, index)


def an_open_batch_that_was_acknowledged_is_sealed(plane):
    leader, helper = plane.appliances
    event = open_batch(plane)
    leader.dataplane.silent_commits = False
    leader.dataplane.hang_up()  # COMMIT comes again
    complete_until_published(plane, event, [0, 1])
    assert "ROLLBACK" not in types(plane, event)


def an_open_batch_that_was_acknowledged_is_rolled_back(plane):
    """The leader's dataplane lost its slots; the helper's clients get theirs again."""
    leader, helper = plane.appliances
    event = open_batch(plane)
    leader.dataplane.restart(lose_memory=True)
    leader.dataplane.silent_commits = False
    complete_until_published(plane, event, [0, 1])
    assert types(plane, event).count("ROLLBACK") >= 1
    assert not snapshots(helper)


def damage_is_refused(plane):
    """Torn at any place, or a bit turned over; also that of an earlier batch under this one's name."""
    def truncate(content):
        return content[:-1]

    def empty(_):
        return b""

    def turn_element(content):
        return content[:140] + bytes([content[140] ^ 1]) + content[141:]

    def turn_digest(content):
        return content[:60] + bytes([content[60] ^ 128]) + content[61:]

    for harm in (truncate, empty, turn_element, turn_digest):
        event = sealed_event(plane)
        helper = plane.appliances[1]
        netlab.wait_until(lambda h=helper: len(snapshots(h)) == 1, 20, "one snapshot")
        path = helper.path(f"state/{snapshots(helper)[0]}")
        with open(path, "r+b") as file:
            content = harm(file.read())
            file.seek(0)
            file.truncate()
            file.write(content)
        helper.dataplane.restart(lose_memory=True)
        failed = plane.wait_for_state(event["id"], ["failed"])
        assert "a1" in failed["reason"] and "torn or damaged" in failed["reason"], failed
        for appliance in plane.appliances:
            netlab.wait_until(lambda a=appliance: not snapshots(a), 20, "the snapshots to go")


def leftovers_go_at_the_start(plane):
    helper = plane.appliances[1]
    event = sealed_event(plane)
    ours = snapshots(helper)
    for name in (f"snapshot-{'0' * 64}-1", f"snapshot-{event['id']}-7.new", f"snapshot-{event['id']}-99"):
        with open(helper.path(f"state/{name}"), "wb") as file:
            file.write(b"left over")
    with open(helper.path("state/snapshot-of-my-cat"), "wb"):
        pass
    helper.process.kill()
    helper.start_control()
    assert snapshots(helper) == sorted(ours + ["snapshot-of-my-cat"]), snapshots(helper)
    os.unlink(helper.path("state/snapshot-of-my-cat"))
    finish(plane, event)


def main():
    stories = (there_is_one_of_the_last_sealed_batch, a_lost_memory_comes_back, the_machine_goes_down,
               an_open_batch_that_was_acknowledged_is_sealed,
               an_open_batch_that_was_acknowledged_is_rolled_back, damage_is_refused,
               leftovers_go_at_the_start)
    with netlab.Lab() as lab, Plane(lab) as plane:
        for appliance in plane.appliances:
            appliance.extra_control = 'durability = "disk";'
        plane.start()
        for story in stories:
            started = time.monotonic()
            story(plane)
            print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)


main()
