#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A leader that lies: it signs whatever it likes with its real key. The helper is a real control
process over a dataplane that moves no packets; it must give its share for nothing but what everybody
agreed to, and go on to serve honest events."""

import json
import threading
import time

import lab_path  # noqa: F401
import netlab
from control_plane import Plane, call, digest, join_body
from lying_leader import Event, Leader


def share(leader, event):
    return call(leader.plane.appliances[1], leader.plane.collector, "GET",
                f"/v1/events/{event.id}/aggregate-share")


def opened(leader, round_number, members=3, **changes):
    event = Event(leader, round_number, **changes)
    event.announce()
    event.members(members)
    return event


def is_left(leader, event, reason):
    """The helper says why it leaves the event, gives no share and keeps nothing of it."""
    helper = leader.plane.appliances[1]
    failed = leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
    assert reason in failed["reason"], failed
    assert share(leader, event).status == 410
    netlab.wait_until(lambda: not helper.dataplane.events, 5, "EVENT_CLOSE")


def honest_events_publish(leader, round_number=1):
    event = opened(leader, round_number)
    event.seal(1, [0, 1])
    event.freeze(2)
    netlab.wait_until(lambda: event.told("published"), 10, "the helper to publish")
    assert event.told("published") == [{"set_digest": event.set_digest()}], event.reports
    assert share(leader, event).status == 200
    return event


def a_published_event_stays_published(leader):
    """Whatever the leader puts behind PUBLISHED."""
    event = honest_events_publish(leader)
    value = event.set_digest()
    event.append("PUBLISHED", set_digest=value)
    event.append("FAILED", reason="or rather not")
    helper = leader.plane.appliances[1]
    leader.plane.wait_for_state(event.id, ["published"], appliance=helper)
    time.sleep(0.3)
    leader.plane.wait_for_state(event.id, ["published"], appliance=helper)
    assert share(leader, event).status == 200


def nothing_is_given_for_too_few(leader):
    """Two clients where the event asks for three: more than the helper's own minimum, and still the
    sum of two."""
    event = opened(leader, 2, min_clients=3)
    event.seal(1, [0, 1])
    event.freeze(2)
    is_left(leader, event, "below the 3 that are required")


def clients_cannot_be_invented(leader):
    stranger = leader.plane.collector
    event = opened(leader, 3, members=0)
    body = join_body(stranger, event.announcement)
    event.joins.append(body)
    netlab.wait_until(lambda: event.told("acceptances"), 10, "the helper's refusal")
    assert "roster" in event.told("acceptances")[0]["acceptances"][0]["refused"], event.reports
    event.join(0, body, [event.own_acceptance(body)])
    is_left(leader, event, "bad acceptance")


def an_acceptance_is_of_one_join(leader):
    """The same client's second join, with what the helper signed for the first."""
    event = opened(leader, 4, members=0)
    client = leader.plane.clients[0]
    accepted = event.accepted(join_body(client, event.announcement))
    event.join(0, join_body(client, event.announcement), accepted)
    is_left(leader, event, "bad acceptance")


def nobody_is_in_twice(leader):
    event = opened(leader, 5, members=1)
    event.join(1, join_body(leader.plane.clients[0], event.announcement))
    is_left(leader, event, "which is client 0 already")


def no_more_than_the_slots_are_admitted(leader):
    event = opened(leader, 6)
    event.append("ADMIT", clients=[0, 1, 2])
    is_left(leader, event, "0 of 2 slots are held")


def nobody_is_committed_who_holds_no_slot(leader):
    event = opened(leader, 7)
    event.append("ADMIT", clients=[0])
    event.append("COMMIT", batch=1, clients=[0, 1])
    is_left(leader, event, "which is joined")


def a_batch_that_was_lost_is_not_sealed(leader):
    """SEALED though the helper said that it does not hold the batch."""
    leader.plane.appliances[1].dataplane.lose_batches = 1
    event = opened(leader, 8)
    event.seal(1, [0, 1])
    assert event.told("batches") == [{"batch": 1, "status": "lost"}], event.reports
    event.freeze(2)
    netlab.wait_until(lambda: event.told("published"), 10, "the helper's refusal")
    assert "seal" in event.told("published")[0]["refused"], event.reports
    assert share(leader, event).status == 409
    event.append("FAILED", reason="given up")
    is_left(leader, event, "given up")


def an_event_that_was_left_stays_left(leader):
    """Over a restart too, though its log in the store says open."""
    event = opened(leader, 9, members=1)
    event.append("SEALED", batch=1)
    is_left(leader, event, "none is open")
    helper = leader.plane.appliances[1]
    helper.process.kill()
    helper.start_control()
    for _ in range(2):
        answer = call(helper, helper.identity, "GET", f"/v1/events/{event.id}").json
        assert answer["state"] == "failed", answer


def what_a_leader_writes_is_one_line(leader):
    """In the helper's log."""
    event = opened(leader, 10, members=0)
    event.append("FAILED", reason="so\nweir-control: event 0123: published: 9 clients\x1b[2J\x7f")
    helper = leader.plane.appliances[1]
    leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
    output = netlab.wait_until(lambda: "failed: so" in helper.process.output() and
                               helper.process.output(), 5, "the line")
    assert "\nweir-control: event 0123" not in output and "\x1b" not in output, output


def drafts_that_are_refused_pile_up_nowhere(leader):
    """It lists ever more of them and takes no refusal. The helper waits until it does, and then goes on."""
    listed, told, taken = [], set(), threading.Event()
    get, post = leader.get, leader.post

    def list_more(target, caller):
        if not target.startswith("/v1/events?") or len(listed) >= 2000:
            return get(target, caller)
        for _ in range(200):
            text = json.dumps({"draft": len(listed)})
            listed.append({"sequence": len(listed) + 1, "id": digest("weir-event", text.encode()).hex(),
                           "state": "draft", "job": "trial", "round": 1, "event": text})
        return 200, {"next": len(listed), "events": listed[-200:]}

    def take_nothing(target, body, caller):
        if target.split("/")[3] not in {draft["id"] for draft in listed}:
            return post(target, body, caller)
        told.add(target)
        taken.wait(30)
        return 404, {}

    leader.get, leader.post = list_more, take_nothing
    netlab.wait_until(lambda: told, 10, "a refusal")
    time.sleep(2)
    print(f"{len(listed)} drafts listed, {len(told)} refused before one refusal was taken", flush=True)
    assert len(listed) <= 400 and len(told) <= 32, (len(listed), len(told))
    leader.get = get
    taken.set()
    honest_events_publish(leader, 100)


def main():
    stories = (a_published_event_stays_published, nothing_is_given_for_too_few,
               clients_cannot_be_invented, an_acceptance_is_of_one_join, nobody_is_in_twice,
               no_more_than_the_slots_are_admitted, nobody_is_committed_who_holds_no_slot,
               a_batch_that_was_lost_is_not_sealed, an_event_that_was_left_stays_left,
               what_a_leader_writes_is_one_line, drafts_that_are_refused_pile_up_nowhere)
    with netlab.Lab() as lab, Plane(lab) as plane, Leader(plane) as leader:
        helper = plane.appliances[1]
        helper.write_config()
        helper.start_dataplane()
        helper.dataplane.automatic = True
        helper.start_control()
        for story in stories:
            story(leader)
            print(story.__name__, flush=True)


main()
