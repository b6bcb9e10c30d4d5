#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A helper is not bound to an event for ever. Its operator may leave it until this appliance's aggregate share is out;
past the deadline it gives up by itself once the leader has been silent for leader_timeout. Either way the event fails
there for good, its key and its slots are gone, and the leader hears of it when it listens."""

import json
import sqlite3
import sys
import time

import lab_path  # noqa: F401
from control_plane import Plane, call
from netlab import Lab, wait_until
from plane_steps import join_all, set_automatic, types

LEFT = "left by this appliance's operator"


def leave(helper, event, identity=None):
    return call(helper, identity or helper.identity, "DELETE", f"/v1/events/{event['id']}")


def state(appliance, event):
    answer = call(appliance, appliance.identity, "GET", f"/v1/events/{event['id']}")
    assert answer.status == 200, answer
    return answer.json


def keys_in_store(appliance):
    with sqlite3.connect(f"file:{appliance.path('state/control.db')}?mode=ro", uri=True) as store:
        return store.execute("select count(*) from event_key").fetchone()[0]


def restart(appliance):
    appliance.process.kill()
    appliance.start_control()


def assert_left(helper, event, reason):
    found = state(helper, event)
    assert found["state"] == "failed" and reason in found["reason"], found
    wait_until(lambda: not helper.dataplane.events, 10, "the dataplane to have nothing of it")
    wait_until(lambda: not keys_in_store(helper), 10, "its key to be wiped")
    answer = call(helper, helper.plane.collector, "GET",
                  f"/v1/events/{event['id']}/aggregate-share")
    assert (answer.status, answer.code) == (410, "failed"), answer


def seal_two(plane, event):
    set_automatic(plane, True)
    join_all(plane, event, plane.clients[:2])
    wait_until(lambda: state(plane.leader, event)["counts"]["sealed"] == 2, 20, "two in the sum")


def while_the_leader_is_away(plane):
    """With a client in the sum. It is final: not even the leader's return changes it."""
    event, helper = plane.announce(job="away"), plane.appliances[1]
    seal_two(plane, event)
    assert keys_in_store(helper) == 1 and helper.dataplane.events
    plane.leader.process.kill()
    assert leave(helper, event, plane.collector).status == 403
    assert state(helper, event)["state"] == "open"
    assert leave(helper, event).json == {"id": event["id"], "state": "failed"}
    assert leave(helper, event).status == 200
    assert_left(helper, event, LEFT)
    plane.leader.start_control()
    for appliance in plane.appliances[::2]:
        ended = plane.wait_for_state(event["id"], ["failed"], appliance=appliance)
        assert ended["reason"] == f"aggregator a1: {LEFT}", ended
    restart(helper)
    found = state(helper, event)
    assert (found["state"], found["reason"]) == ("failed", LEFT), found
    assert "FREEZE" not in types(plane, event)


def with_the_leader_there(plane):
    event, helper = plane.announce(job="there"), plane.appliances[1]
    assert leave(helper, event).status == 200
    assert_left(helper, event, LEFT)
    ended = plane.wait_for_state(event["id"], ["failed"])
    assert ended["reason"] == f"aggregator a1: {LEFT}", ended


def a_draft(plane):
    """That waits for the third aggregator."""
    leader, helper, third = plane.appliances
    third.process.kill()
    answer = call(leader, plane.operator, "POST", "/v1/events", plane.terms(job="draft"))
    event = answer.json
    wait_until(lambda: helper.dataplane.events, 20, "the helper to have taken the draft")
    assert leave(helper, event).status == 200
    assert_left(helper, event, LEFT)
    ended = plane.wait_for_state(event["id"], ["failed"])
    assert ended["reason"] == f"aggregator a1: {LEFT}", ended
    third.start_control()


def too_late(plane):
    """Its share is out, the third's is not: leaving would take nothing back. Nor does it give up."""
    event, (leader, helper, third) = plane.announce(job="late", duration_ms=4000), plane.appliances
    seal_two(plane, event)
    third.process.kill()
    wait_until(lambda: call(helper, plane.collector, "GET",
                            f"/v1/events/{event['id']}/aggregate-share").status == 200,
               30, "the helper's share")
    answer = leave(helper, event)
    assert (answer.status, answer.code) == (409, "share"), answer
    leader.process.kill()
    time.sleep(5)                      # more than its leader_timeout
    assert state(helper, event)["state"] == "frozen"
    leader.start_control()
    third.start_control()
    for appliance in plane.appliances:
        plane.wait_for_state(event["id"], ["published"], appliance=appliance)
    answer = leave(helper, event)
    assert (answer.status, answer.code) == (409, "published"), answer


def silence(plane):
    """The leader does not come back. Before the deadline that is no reason."""
    began, helper = time.monotonic(), plane.appliances[1]
    event = plane.announce(job="silent", duration_ms=8000)
    seal_two(plane, event)
    plane.leader.process.kill()
    time.sleep(max(0, began + 7 - time.monotonic()))
    assert state(helper, event)["state"] == "open"
    plane.wait_for_state(event["id"], ["failed"], 20, appliance=helper)
    assert_left(helper, event, "given up: the leader has told nothing for ")
    plane.leader.start_control()
    ended = plane.wait_for_state(event["id"], ["failed"])
    assert ended["reason"].startswith("aggregator a1: given up: the leader"), ended


def slots_are_free(plane):
    """Of a real dataplane: an event with all its slots comes after one that was left."""
    def used():
        return call(helper, helper.identity, "GET", "/v1/stats").json["dataplane"]["arena_used_bytes"]

    helper, slots = plane.appliances[1], 10
    wait_until(lambda: used() == 0, 20, "the dataplane to be there")
    for job in ("left", "next"):
        event = plane.announce(job=job, dimension=100_000, max_clients=slots)
        offers = [json.loads(offer["offer"]) for offer in event["announcement"]["offers"]]
        assert [offer["slots"] for offer in offers] == [slots, slots], offers
        assert used() > slots * 100_000 * 8
        plane.leader.process.kill()
        assert leave(helper, event).status == 200
        wait_until(lambda: used() == 0, 10, "the slots to be free")
        plane.leader.start_control()
        plane.wait_for_state(event["id"], ["failed"])


def main():
    with Lab() as lab, Plane(lab, appliances=3) as plane:
        # The third is as patient as appliances are.
        plane.appliances[1].extra_control = 'leader_timeout = "2 s"; poll = "1 s";'
        plane.start()
        for story in (while_the_leader_is_away, with_the_leader_there, a_draft, too_late, silence):
            story(plane)
            print(story.__name__, flush=True)
    with Lab() as lab, Plane(lab, real=True) as plane:
        plane.start()
        slots_are_free(plane)
        print(slots_are_free.__name__, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
