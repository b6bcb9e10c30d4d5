#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Hundreds of events come and go. An ended event leaves the memory of a control process, at its leader and at its
helper; the store has it. So it is still in every list, page by page, answers as before, cannot be announced again,
and is the same after a restart."""

import concurrent.futures
import json
import os
import re
import sys
import time

import lab_path  # noqa: F401
import netlab
from control_plane import Plane, call, join, join_body
from netlab import Lab, wait_until
from plane_steps import join_all, set_automatic

EVENTS = 901                # more than a list's page has, and what they would take in memory is more than caches do
GROWTH_MOST_KIB = 2048      # over the second half, in which the store's caches are full
PAGE = 256                  # events of the store in one answer, api_event_list.c
ENTRIES, SLICE = 1500, 50   # in the first event's log; of which so many are read in a turn, event_book.c


def anonymous_kib(appliance):
    with open(f"/proc/{appliance.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])


def state_of(appliance, event):
    answer = call(appliance, appliance.identity, "GET", f"/v1/events/{event}")
    return answer.json["state"] if answer.status == 200 else None


def cancel(plane, event):
    assert call(plane.leader, plane.operator, "DELETE", f"/v1/events/{event}").status == 200
    for appliance in plane.appliances:
        wait_until(lambda a=appliance: state_of(a, event) == "failed", 30, "the end at both", interval=0.01)


def come_and_go(plane, numbers):
    """Two at once: their ends are numbered one after the other, also where a page ends between them."""
    events = []
    for number in numbers:
        answer = call(plane.leader, plane.operator, "POST", "/v1/events", plane.terms(job=f"job{number}"))
        assert answer.status == 202, answer
        events.append(answer.json["id"])
    for event in events:
        wait_until(lambda e=event: state_of(plane.leader, e) == "open", 30, "the event to open", interval=0.01)
    for event in events:
        cancel(plane, event)
    return events


def listed(appliance, caller, after=0):
    """All pages, and how many they were."""
    events, pages = [], 0
    while True:
        answer = call(appliance, caller, "GET", f"/v1/events?after={after}").json
        assert answer["next"] >= after, answer
        events, pages, after = events + answer["events"], pages + 1, answer["next"]
        if not answer.get("more"):
            return events, pages
        assert len(answer["events"]) <= PAGE


def collected(plane, event):
    shares = [call(appliance, plane.collector, "GET", f"/v1/events/{event}/aggregate-share")
              for appliance in plane.appliances]
    result = call(plane.leader, plane.collector, "GET", f"/v1/events/{event}/result")
    receipts = call(plane.leader, plane.operator, "GET", f"/v1/events/{event}/clients/1")
    assert {answer.status for answer in [*shares, result, receipts]} == {200}, (shares, result, receipts)
    assert result.json["count"] == 2 and len(receipts.json["receipts"]) == len(plane.appliances)
    return [answer.body for answer in [*shares, result, receipts]]


def a_sum_stays(plane):
    """What the collector of an event and its clients got of it they get as well when it has left memory."""
    set_automatic(plane, True)
    event = plane.announce(job="published", target_clients=2)
    join_all(plane, event, plane.clients[1:3])
    for appliance in plane.appliances:
        plane.wait_for_state(event["id"], ["published"], appliance=appliance)
    before = collected(plane, event["id"])
    for number in range(6):
        come_and_go(plane, [f"later{number}", f"last{number}"])
    time.sleep(1.5)       # ended events are looked at each second
    assert collected(plane, event["id"]) == before
    for appliance in plane.appliances:
        appliance.process.kill()
        appliance.start_control()
    assert collected(plane, event["id"]) == before


def the_list_is_whole(plane, ids):
    for caller in (plane.operator, plane.collector, plane.clients[1]):
        events, pages = listed(plane.leader, caller)
        assert [event["id"] for event in events] == ids, (len(events), len(ids))
        assert pages == EVENTS // PAGE + 1, pages
        sequences = [event["sequence"] for event in events]
        assert sequences == sorted(set(sequences)), "each change has a number of its own"
        assert all(event["state"] == "failed" for event in events)
        # from the middle, and behind the last
        assert listed(plane.leader, caller, sequences[100])[0] == events[101:]
        assert listed(plane.leader, caller, sequences[-1])[0] == []
    assert [event["id"] for event in listed(plane.appliances[1], plane.appliances[1].identity)[0]] == ids


def the_first_is_as_it_was(plane, first, client):
    """The oldest event: its terms, counts, reason, its clients' access; and it is not to be had again."""
    event = call(plane.leader, plane.operator, "GET", f"/v1/events/{first['id']}").json
    assert (event["state"], event["reason"]) == ("failed", "cancelled by an operator"), event
    assert event["announcement"] == first["announcement"], event
    answer = call(plane.leader, client, "GET", f"/v1/events/{first['id']}/clients/0")  # has left the roster
    assert answer.status == 200 and answer.json["state"] == "aborted", answer
    answer = call(plane.leader, plane.clients[1], "GET", f"/v1/events/{first['id']}/clients/0")
    assert answer.status == 403, answer
    answer = call(plane.leader, plane.operator, "POST", "/v1/events", plane.terms(job="job0"))
    assert answer.status == 409 and answer.code == "round", answer
    answer = call(plane.leader, plane.operator, "DELETE", f"/v1/events/{first['id']}")
    assert answer.status == 200 and answer.json["state"] == "failed", answer


def the_programs_see_all(plane, ids):
    client = os.path.join(plane.lab.directory, "client")
    os.mkdir(client, 0o700)
    plane.clients[1].save(os.path.join(client, "identity.pem"))
    with open(os.path.join(client, "client.cfg"), "w", encoding="utf-8") as file:
        aggregators = ", ".join(f'{{ name = "{a.name}"; identity = "{a.identity.hex}"; url = "{a.url}"; }}'
                                for a in plane.appliances)
        file.write(f'key = "identity.pem"; state = "state"; aggregators = ( {aggregators} );\n')
    listing = plane.namespace.run([netlab.program("weir"), "events", "--json", "--config",
                                   os.path.join(client, "client.cfg")], 60)
    assert [event["id"] for event in json.loads(listing.stdout)["events"]] == ids

    def weirctl(*words):
        return plane.namespace.run([netlab.program("weirctl"), *words, "--config", plane.leader.config], 60)
    listing = json.loads(weirctl("events", "--json").stdout)
    assert [event["id"] for event in listing["events"]] == ids[-100:] and listing["older"] == EVENTS - 100
    listing = weirctl("events")
    assert listing.stderr == f"and {EVENTS - 100} that ended before; --all lists them too\n", listing.stderr
    listing = json.loads(weirctl("events", "--json", "--all").stdout)
    assert [event["id"] for event in listing["events"]] == ids and listing["older"] == 0
    assert all(event["reason"] == "cancelled by an operator" for event in listing["events"])
    listing = json.loads(weirctl("events", ids[0][:16], "--json").stdout)
    assert [event["id"] for event in listing["events"]] == ids[:1], listing
    assert weirctl("watch", "--count", "2").stdout.count("cancelled by an operator") == 2 * 8


def a_dataplane_answers_late(plane):
    """Events are drafted and cancelled while it says nothing. What it then says of them finds them, or nothing: they
    stay in memory until it has answered. (What was freed is filled with another byte in these processes.)"""
    with plane.leader.dataplane.lock:
        events = []
        for number in range(12):
            answer = call(plane.leader, plane.operator, "POST", "/v1/events", plane.terms(job=f"late{number}"))
            assert answer.status == 202, answer
            events.append(answer.json["id"])
            assert call(plane.leader, plane.operator, "DELETE", f"/v1/events/{events[-1]}").status == 200
        time.sleep(2.5)       # ended events are looked at each second
    wait_until(lambda: not plane.leader.dataplane.events, 20, "the dataplane to have closed them")
    assert {state_of(plane.leader, event) for event in events} == {"failed"}
    come_and_go(plane, ["afterwards"])


def turns(appliance):
    return int(re.search(r"^weir_control_turns_total (\d+)", call(appliance, None, "GET", "/metrics").body.decode(),
                         re.M)[1])


def a_long_log_is_read_in_slices(plane, first, short):
    """Whoever asks for an old event with a long log holds nobody up: its log is read in several turns, in which
    others are served. Who asks meanwhile waits as well."""
    def asked_at_once(event):
        before = turns(plane.leader)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda caller: call(plane.leader, caller, "GET", f"/v1/events/{event}"),
                                    [plane.operator, plane.collector, plane.clients[1]]))
        assert all(answer.status == 200 for answer in answers), answers
        return turns(plane.leader) - before, [sum(answer.json["counts"].values()) for answer in answers]
    few, _ = asked_at_once(short)
    many, clients = asked_at_once(first["id"])
    assert clients == [ENTRIES] * 3, clients
    assert few < ENTRIES // SLICE <= many, f"{many} turns, {few} for a short log"


def counted(appliance):
    text = call(appliance, None, "GET", "/metrics").body.decode()
    return {state: int(count) for state, count in
            re.findall(r'^weir_events\{state="(\w+)"\} (\d+)', text, re.M)}


def check(plane, first, client, ids):
    a_long_log_is_read_in_slices(plane, first, ids[1])
    the_list_is_whole(plane, ids)
    the_first_is_as_it_was(plane, first, client)
    for appliance in plane.appliances:
        assert counted(appliance)["failed"] == EVENTS, counted(appliance)
        assert sum(counted(appliance).values()) == EVENTS, counted(appliance)


def main():
    os.environ["MALLOC_PERTURB_"] = "165"
    with Lab() as lab, Plane(lab, clients=ENTRIES) as plane:
        client = plane.clients[0]
        plane.start()
        first = plane.announce(job="job0", max_clients=ENTRIES)
        for one in plane.clients:
            body = join_body(one, first["announcement"] | {"id": first["id"]})
            assert join(plane.leader, one, body).status == 200
        cancel(plane, first["id"])
        ids = [first["id"]]
        while len(ids) < EVENTS // 2:
            ids += come_and_go(plane, range(len(ids), len(ids) + 2))
        before = [anonymous_kib(appliance) for appliance in plane.appliances]
        while len(ids) < EVENTS:
            ids += come_and_go(plane, range(len(ids), len(ids) + 2))
        grown = [anonymous_kib(appliance) - kib for appliance, kib in zip(plane.appliances, before)]
        print(f"{EVENTS} events; over the second half memory grew by {grown} KiB")
        assert max(grown) < GROWTH_MOST_KIB, grown

        for appliance in plane.appliances:
            appliance.roster = plane.clients[1:]
            appliance.write_config()
            appliance.process.stop()
            appliance.start_control()
        check(plane, first, client, ids)
        the_programs_see_all(plane, ids)
        again = come_and_go(plane, [EVENTS])      # and it goes on
        assert listed(plane.leader, plane.operator)[0][-1]["id"] == again[0]
        a_dataplane_answers_late(plane)
        a_sum_stays(plane)
    return 0


if __name__ == "__main__":
    sys.exit(main())
