#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A leader that tells its two helpers different things: other clients in a batch, another weight in a
join, an event once more. Whatever a helper cannot see from where it is, the collector does: aggregate
shares of different sets are never added."""

import hashlib
import json
import os
import struct

import lab_path  # noqa: F401
import netlab
from control_plane import Plane, call, join_body
from deployment import write_settings
from lying_leader import Event, Leader

HEADER = struct.Struct("<8s32s32s32sQQIIQ")


def share(leader, event, helper):
    answer = call(helper, leader.plane.collector, "GET", f"/v1/events/{event.id}/aggregate-share")
    return answer.status, answer.body


def set_of(body):
    return HEADER.unpack_from(body)[3].hex()


def opened(leader, round_number, members=3, **changes):
    event = Event(leader, round_number, **changes)
    event.announce()
    event.members(members)
    return event


def own_share(leader, event, set_digest, count):
    """The liar's own aggregate share, of zeros, as if it had aggregated that set."""
    elements = bytes(8 * 4)
    head = HEADER.pack(b"WEIRAGG1", event.digest, bytes.fromhex(event.me.hex),
                       bytes.fromhex(set_digest), count, count, 2, 0, 4)
    signature = event.me.sign("weir-aggregate-share", head + hashlib.sha256(elements).digest())
    event.share, event.state = head + elements + bytes.fromhex(signature), "published"


def collect(leader, event):
    """weir collect of the collector, which knows nothing but what it is told."""
    plane = leader.plane
    folder = os.path.join(plane.lab.directory, "collector")
    key, output = os.path.join(folder, "key.pem"), os.path.join(folder, f"{event.id[:8]}.csv")
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o700)
        plane.collector.save(key)
        write_settings(os.path.join(folder, "collector.cfg"), {
            "key": "key.pem", "state": "state",
            "aggregators": tuple({"name": a.name, "identity": a.identity.hex, "url": a.url}
                                 for a in plane.appliances)})
    done = plane.namespace.run(
        [netlab.program("weir"), "collect", "--config", os.path.join(folder, "collector.cfg"),
         "--event", event.id, "--integers", "--output", output], 120, check=False)
    return done, os.path.exists(output)


def the_same_to_both(leader):
    """So that what follows is refused for what was changed."""
    event = opened(leader, 1)
    event.seal(1, [0, 1])
    event.freeze(2)
    netlab.wait_until(lambda: len(event.told("published")) == 2, 40, "both to publish")
    own_share(leader, event, event.set_digest(), 2)
    done, written = collect(leader, event)
    assert done.returncode == 0 and written, done.stderr


def other_clients_in_a_batch(leader):
    """Both sets are above every minimum, both logs are well signed, both helpers publish: of sets that
    differ by one client, whose vector the difference of the two sums would be."""
    event = opened(leader, 2)
    first, second = event.helpers
    event.tell_apart(first)
    event.tell_apart(second)
    event.seal(1, [0, 1], first)
    event.seal(1, [0, 2], second)
    for helper in event.helpers:
        event.freeze(2, helper)
    netlab.wait_until(lambda: len(event.told("published")) == 2, 40, "both to publish")
    (status, one), (_, other) = (share(leader, event, helper) for helper in event.helpers)
    assert status == 200 and set_of(one) == event.set_digest(first), status
    assert set_of(other) == event.set_digest(second) != set_of(one)
    logs = [call(helper, leader.plane.collector, "GET", f"/v1/events/{event.id}/log").json
            for helper in event.helpers]
    assert logs[0] != logs[1], "anybody who compares the logs sees the fork"
    for set_digest in (set_of(one), set_of(other)):
        own_share(leader, event, set_digest, 2)
        done, written = collect(leader, event)
        assert done.returncode == 1 and not written, done
        assert "set" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    print(f"refused by weir collect: {done.stderr.strip()}", flush=True)


def a_log_that_is_changed_on_its_way(leader):
    """One helper is told of two clients more, later: it already has another entry there."""
    event = opened(leader, 3)
    helper = event.helpers[0]
    event.append("ADMIT", clients=[0, 1])
    netlab.wait_until(lambda: len(call(helper, leader.plane.collector, "GET",
                                       f"/v1/events/{event.id}/log").json["entries"]) == 5, 40,
                      "the helper to follow")
    event.tell_apart(helper)
    log = event.log_of(helper.identity.hex)
    log.entries.pop()
    log.last = json.loads(event.common.entries[-1]["entry"])["prev"]
    event.append("ADMIT", helper, clients=[0, 2])
    event.append("ABORT", helper, clients=[1], reason="never mind")
    failed = leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
    assert "prev" in failed["reason"] or "fork" in failed["reason"] or \
        "chain" in failed["reason"], failed
    assert share(leader, event, helper)[0] == 410


def another_weight_at_another_aggregator(leader):
    """A client that signs two joins, and a leader that shows each helper one of them."""
    event = opened(leader, 4, members=0, max_weight=3)
    client, (first, second) = leader.plane.clients[0], event.helpers
    light = join_body(client, event.announcement, weight=1)
    heavy = join_body(client, event.announcement, weight=3)
    accepted = event.accepted(light, [first]) + event.accepted(heavy, [second])
    for helper in event.helpers:
        event.tell_apart(helper)
    for helper, body in ((first, light), (second, heavy)):
        event.append("JOIN", helper, client=0, **body,
                     acceptances=[event.own_acceptance(body), *accepted])
        failed = leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
        assert "bad acceptance" in failed["reason"], failed


def a_weight_beyond_what_was_announced(leader):
    """With everybody's signature but the helpers': they are not asked, or refuse."""
    event = opened(leader, 5, members=0, max_weight=3)
    body = join_body(leader.plane.clients[0], event.announcement, weight=4)
    event.joins.append(body)
    netlab.wait_until(lambda: len(event.told("acceptances")) == 2, 40, "both helpers' refusal")
    for report in event.told("acceptances"):
        assert "weight" in report["acceptances"][0]["refused"], report
    event.join(0, body, [event.own_acceptance(body)] * 2)
    for helper in event.helpers:
        failed = leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
        assert "weight" in failed["reason"] or "bad acceptance" in failed["reason"], failed


def one_share_for_an_event(leader):
    """Frozen, and then once more with a client more; and the same round announced anew."""
    event = opened(leader, 6)
    event.seal(1, [0, 1])
    event.freeze(2)
    netlab.wait_until(lambda: len(event.told("published")) == 2, 40, "both to publish")
    before = [share(leader, event, helper) for helper in event.helpers]
    event.append("COMMIT", batch=2, clients=[2])
    event.append("SEALED", batch=2)
    event.freeze(3)
    for helper, old in zip(event.helpers, before):
        leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
        status, body = share(leader, event, helper)
        assert (status, body) == old or status == 410, status
    again = Event(leader, 6, deadline_ms=None, duration_ms=61000)
    assert len(again.refused) == 2, again.reports
    assert all("round" in body["refused"] for body in again.refused), again.refused
    print(f"refused by both helpers: {again.refused[0]['refused']}", flush=True)


def below_a_helpers_own_minimum(leader):
    """The event asks for two, and one of the helpers, as main says, for three."""
    event = opened(leader, 7, members=3)
    event.seal(1, [0, 1])
    event.freeze(2)
    for helper in event.helpers:
        failed = leader.plane.wait_for_state(event.id, ["failed"], appliance=helper)
        assert "below the 3 that are required" in failed["reason"], failed
        assert share(leader, event, helper)[0] == 410


def run(stories, own_minimum=None):
    with netlab.Lab() as lab, Plane(lab, appliances=3) as plane, Leader(plane) as leader:
        if own_minimum:
            plane.appliances[2].extra_control = f"min_clients = {own_minimum};"
        for helper in plane.appliances[1:]:
            helper.write_config()
            helper.start_dataplane()
            helper.dataplane.automatic = True
            helper.start_control()
        for story in stories:
            story(leader)
            print(story.__name__, flush=True)


run([the_same_to_both, other_clients_in_a_batch, a_log_that_is_changed_on_its_way,
     another_weight_at_another_aggregator, a_weight_beyond_what_was_announced,
     one_share_for_an_event])
run([below_a_helpers_own_minimum], own_minimum=3)
