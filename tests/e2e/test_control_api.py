#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""What the control plane's API refuses, and that everybody else goes on undisturbed: requests that are
not signed, not fresh, not for this appliance; identities without access; malformed and oversized
bodies; events whose sum might wrap; joins that any aggregator has reason to refuse. Two real
appliances; no shares are sent."""

import json
import time

import lab_path  # noqa: F401
import netlab
from control_plane import Identity, Plane, call, join, join_body, new_time


def expect(answer, status, code=None, *words):
    assert answer.status == status, answer
    assert code is None or answer.code == code, answer
    for word in words:
        assert word in answer.json["error"], (word, answer)
    return answer


def requests_must_be_signed(plane):
    leader, operator, target = plane.leader, plane.operator, "/v1/roster"
    everyone = call(leader, None, "GET", "/v1/appliance")
    assert expect(everyone, 200).json["identity"] == operator.hex
    assert everyone.json["endpoint"] == "10.77.0.2:9347", everyone
    expect(call(leader, None, "GET", "/healthz"), 200)
    expect(call(leader, None, "GET", "/metrics"), 200)
    expect(call(leader, operator, "GET", target), 200)
    expect(call(leader, None, "GET", target), 401, "signature")
    other = Identity()
    expect(call(leader, other, "GET", target, claimed=operator.hex), 401, "signature")
    expect(call(leader, operator, "GET", target, recipient=other.hex), 401, "signature")
    expect(call(leader, operator, "GET", target, signed_target="/v1/events"), 401, "signature")
    expect(call(leader, operator, "GET", target, claimed="zz" * 32), 401, "signature")
    expect(call(leader, operator, "GET", target, headers={"Weir-Signature": "12"}), 401, "signature")
    body = {"add": [], "remove": []}
    expect(call(leader, operator, "POST", target, body), 200)
    expect(call(leader, operator, "POST", target, body, signed_body=b"{}"), 401, "signature")
    expect(call(leader, other, "GET", target), 403, "identity")
    for wrong in (-61_000, 61_000):
        now = int(time.time() * 1000)
        refused = expect(call(leader, operator, "GET", target, time=now + wrong), 401, "time")
        assert abs(refused.json["time_ms"] - now) < 10_000, refused
    expect(call(leader, operator, "GET", target, time="soon"), 401, "signature")


def unknown_paths_and_bad_bodies(plane):
    leader, operator = plane.leader, plane.operator
    expect(call(leader, operator, "GET", "/v1/nothing"), 404, "path")
    expect(call(leader, operator, "GET", "/v1/events/"), 404)
    expect(call(leader, operator, "PUT", "/v1/roster", {}), 405, "method")
    expect(call(leader, operator, "DELETE", "/v1/appliance"), 405, "method")
    expect(call(leader, operator, "GET", "/v1/events?after=x"), 400, "query")
    for body in (b"", b"{", b"[]", b'{"add":[],"add":[]}', b'{"add":1}', b'{"unknown":[]}',
                 b'{"add":[{"identity":"12","name":""}]}', b"\0{}", b"\xff"):
        expect(call(leader, operator, "POST", "/v1/roster", body), 400, "body")
    large = b'{"add":[' + b" " * (1 << 20) + b"]}"
    expect(call(leader, operator, "POST", "/v1/roster", large), 413, "too_large")
    expect(call(leader, operator, "POST", "/v1/roster", large[:1 << 20]), 400, "body")
    expect(call(leader, operator, "GET", "/v1/roster"), 200)


def roster_changes(plane):
    leader, operator, member = plane.leader, plane.operator, Identity()
    before = expect(call(leader, operator, "GET", "/v1/roster"), 200).json["roster"]
    add = {"add": [{"identity": member.hex, "name": "late"}]}
    for added in (1, 0):
        answer = call(leader, operator, "POST", "/v1/roster", add)
        assert expect(answer, 200).json == {
            "members": len(before) + 1, "added": added, "removed": 0}, answer
    assert {"identity": member.hex, "name": "late"} in \
        call(leader, operator, "GET", "/v1/roster").json["roster"]
    expect(call(leader, member, "GET", "/v1/events"), 200)
    # One bad entry spoils all of a change.
    bad = {"add": [{"identity": Identity().hex, "name": "x"}, {"identity": "?", "name": ""}]}
    expect(call(leader, operator, "POST", "/v1/roster", bad), 400, "body")
    for removed in (1, 0):
        answer = call(leader, operator, "POST", "/v1/roster",
                      {"remove": [member.hex, Identity().hex, member.hex]})
        assert expect(answer, 200).json == {
            "members": len(before), "added": 0, "removed": removed}, answer
    expect(call(leader, member, "GET", "/v1/events"), 403, "identity")
    # Who overheard a change cannot make it once more after a later one.
    now = int(time.time() * 1000)
    call(leader, operator, "POST", "/v1/roster", add, time=now)
    call(leader, operator, "POST", "/v1/roster", {"remove": [member.hex]})
    answer = call(leader, operator, "POST", "/v1/roster", add, time=now)
    assert expect(answer, 200).json == {
        "members": len(before), "added": 1, "removed": 0}, "a repetition tells what was done"
    expect(call(leader, member, "GET", "/v1/events"), 403, "identity")


def announcements(plane):
    leader, operator = plane.leader, plane.operator

    def announce(caller=operator, **changes):
        return call(leader, caller, "POST", "/v1/events", plane.terms(**changes))
    expect(announce(caller=plane.clients[0]), 403, "identity")
    expect(announce(caller=plane.collector), 403, "identity")
    wraps = {"encoding": {"kind": "integer", "signed": True, "bound": 1 << 59}}
    expect(announce(**wraps), 400, "event", "max_clients", "max_weight", "bound")
    expect(announce(dimension=0), 400, "event", "dimension")
    expect(announce(modulus="2^16"), 400, "event", "modulus")
    expect(announce(dimension=None), 400, "event", "dimension")
    expect(announce(surprise=1), 400, "event")
    expect(announce(version=1), 400, "event", "version")
    expect(announce(duration_ms=0), 400, "event", "duration_ms")
    expect(announce(duration_ms=None), 400, "event", "duration_ms")
    expect(announce(max_weight=2_000_000, max_clients=2), 403, "refused", "max_weight")
    expect(announce(max_clients=9999), 403, "refused", "max_clients")
    expect(announce(min_clients=1), 403, "refused", "min_clients")
    expect(announce(chunk_elements=1600, dimension=2000), 403, "refused", "MTU")
    strangers = [leader.identity.hex, Identity().hex]
    expect(announce(aggregators=strangers), 403, "refused", "peers")
    expect(announce(aggregators=strangers[:1]), 400, "event")
    expect(announce(aggregators=[a.identity.hex for a in plane.appliances[::-1]]), 400, "leader")
    # None of these used up the round; this one does.
    event = expect(announce(round=3), 202).json["id"]
    plane.wait_for_state(event, ["open"])
    expect(announce(round=3), 409, "round", "3")
    now = new_time()
    again = [call(leader, operator, "POST", "/v1/events", plane.terms(round=4), time=now)
             for _ in range(2)]
    assert [a.status for a in again] == [202, 202] and again[0].json == again[1].json, again
    for used in (event, again[0].json["id"]):
        for _ in range(2):
            expect(call(leader, operator, "DELETE", f"/v1/events/{used}"), 200)
        failed = plane.wait_for_state(used, ["failed"])
        assert "cancelled" in failed["reason"], failed


def helper_refuses_an_event(plane):
    """The leader would allow weights up to a million, the helper only up to ten."""
    answer = call(plane.leader, plane.operator, "POST", "/v1/events",
                  plane.terms(round=5, max_weight=11))
    failed = plane.wait_for_state(expect(answer, 202).json["id"], ["failed"])
    assert "a1" in failed["reason"] and "max_weight" in failed["reason"], failed
    assert failed["announcement"] is None, failed


def joins(plane):
    """The last client is in the leader's roster only."""
    event = plane.announce(round=6)
    announcement, leader = event["announcement"], plane.leader
    good, second, third, unknown_there = plane.clients
    url = f"/v1/events/{event['id']}/join"

    def refused(identity, body, *words, code="refused"):
        return expect(join(leader, identity, body), 403, code, *words)
    refused(good, join_body(good, announcement, signer=second), "signature")
    refused(good, join_body(good, announcement, offers="00" * 32), "offers")
    refused(good, join_body(good, announcement, weight=0), "weight")
    refused(good, join_body(good, announcement, weight=4), "weight", "4")
    refused(good, join_body(good, announcement, key="00" * 32), "key")
    refused(good, join_body(good, announcement, extra=1))
    refused(good, join_body(second, announcement), "another identity")
    wrong_event = join_body(good, announcement, event="11" * 32)
    expect(call(leader, good, "POST", url, wrong_event), 403, "refused", "another event")
    stranger = Identity()
    refused(stranger, join_body(stranger, announcement), code="identity")
    refused(unknown_there, join_body(unknown_there, announcement), "a1", "roster")
    for bad in (b"{", b'{"join":"x"}', b'{"join":1,"signature":"00"}'):
        expect(call(leader, good, "POST", url, bad), 400, "body")
    expect(call(plane.appliances[1], good, "POST", url, join_body(good, announcement)), 409,
           "leader")

    # After all that, they join; the same join again is the same client, another is refused.
    body = join_body(good, announcement)
    assert expect(join(leader, good, body), 200).json == {"client": 0, "state": "joined"}
    assert expect(join(leader, good, body), 200).json == {"client": 0, "state": "joined"}
    expect(join(leader, good, join_body(good, announcement)), 409, "joined")
    assert expect(join(leader, second, join_body(second, announcement, weight=3)),
                  200).json["client"] == 1
    counts = call(leader, good, "GET", f"/v1/events/{event['id']}").json["counts"]
    assert counts == {"joined": 2, "admitted": 0, "committed": 0, "sealed": 0, "aborted": 0}, counts
    # A refused join stays refused, even once its identity is welcome there.
    late = join_body(unknown_there, announcement)
    refused(unknown_there, late, "a1", "roster")
    helper = plane.appliances[1]
    change = {"add": [{"identity": unknown_there.hex, "name": ""}]}
    expect(call(helper, helper.identity, "POST", "/v1/roster", change), 200)
    refused(unknown_there, late, "a1", "roster")
    expect(join(leader, unknown_there, join_body(unknown_there, announcement)), 200)
    expect(call(helper, helper.identity, "POST", "/v1/roster",
                {"remove": [unknown_there.hex]}), 200)
    return event["id"], third


def who_may_read(plane, event, not_joined):
    leader, helper, client = plane.leader, plane.appliances[1], plane.clients[0]
    stranger, base = Identity(), f"/v1/events/{event}"
    for target in (base, f"{base}/log", f"{base}/aggregate-share", f"{base}/clients/0"):
        expect(call(leader, stranger, "GET", target), 403, "identity")
        # The same for an event that does not exist.
        expect(call(leader, stranger, "GET", target.replace(event, "ab" * 32)), 403, "identity")
    expect(call(leader, plane.operator, "GET", f"/v1/events/{'ab' * 32}"), 404, "event")
    for reader in (helper.identity, plane.collector):
        log = expect(call(leader, reader, "GET", f"{base}/log"), 200).json["entries"]
        types = [json.loads(entry["entry"])["type"] for entry in log]
        assert types == ["ANNOUNCE", "JOIN", "JOIN", "JOIN"], types
    part = call(leader, plane.collector, "GET", f"{base}/log?from=3").json["entries"]
    assert part == log[3:], part
    own = call(helper, plane.collector, "GET", f"{base}/log").json["entries"]
    assert own == log[:len(own)] and own, own  # the helper's own copy
    expect(call(leader, client, "GET", f"{base}/log"), 403, "identity")
    expect(call(leader, client, "GET", f"{base}/aggregate-share"), 403, "identity")
    expect(call(leader, helper.identity, "GET", f"{base}/aggregate-share"), 403, "identity")
    expect(call(leader, plane.collector, "GET", f"{base}/aggregate-share"), 409, "not_published")
    expect(call(leader, client, "GET", f"{base}/result"), 403, "identity")
    assert expect(call(leader, plane.collector, "GET", f"{base}/result"), 200).json["state"] == "open"
    assert expect(call(leader, client, "GET", f"{base}/clients/0"), 200).json["state"] == "joined"
    expect(call(leader, client, "GET", f"{base}/clients/1"), 403, "identity")
    expect(call(leader, not_joined, "GET", f"{base}/clients/0"), 403, "identity")
    expect(call(leader, client, "GET", f"{base}/clients/77"), 403, "identity")
    expect(call(leader, client, "GET", f"{base}/joins"), 403, "identity")
    for report in ("completions", "batches", "receipts", "published", "acceptances", "offer"):
        expect(call(leader, client, "POST", f"{base}/{report}", {}), 403, "identity")
        expect(call(leader, helper.identity, "POST", f"{base}/{report}", {"x": 1}), 400, "body")
    for caller, sees in ((client, True), (plane.collector, True), (stranger, None)):
        listed = call(leader, caller, "GET", "/v1/events")
        if sees is None:
            expect(listed, 403, "identity")
        else:
            assert any(e["id"] == event for e in listed.json["events"]), listed


def too_few_clients(plane):
    event = plane.announce(round=7, duration_ms=5000)
    expect(join(plane.leader, plane.clients[0],
                join_body(plane.clients[0], event["announcement"])), 200)
    started = time.monotonic()
    state = call(plane.leader, plane.clients[0], "GET",
                 f"/v1/events/{event['id']}/clients/0?wait=20")
    assert time.monotonic() - started < 5, "the long-poll must end with the event"
    assert state.json["state"] == "aborted" and "required: 2" in state.json["reason"], state
    failed = plane.wait_for_state(event["id"], ["failed"])
    assert failed["reason"] == "clients in the sum at the deadline: 0, required: 2", failed
    for appliance in plane.appliances:
        plane.wait_for_state(event["id"], ["failed"], appliance=appliance)
        expect(call(appliance, plane.collector, "GET",
                    f"/v1/events/{event['id']}/aggregate-share"), 410, "failed")
    expect(join(plane.leader, plane.clients[1],
                join_body(plane.clients[1], event["announcement"])), 410, "closed")


def full(plane):
    event = plane.announce(round=8, max_clients=2)
    for client in plane.clients[:2]:
        expect(join(plane.leader, client, join_body(client, event["announcement"])), 200)
    third = plane.clients[2]
    expect(join(plane.leader, third, join_body(third, event["announcement"])), 429, "full")
    expect(call(plane.leader, plane.operator, "DELETE", f"/v1/events/{event['id']}"), 200)


def program_says_what_is_wrong(plane):
    program, leader = netlab.program("weir-control"), plane.leader

    def run(status, words, *args):
        done = plane.namespace.run([program, *args], 20, check=False)
        assert done.returncode == status, (args, done.returncode, done.stderr)
        assert done.stderr.count("\n") <= 1, done.stderr
        for word in words:
            assert word in done.stderr + done.stdout, (word, done)
    run(0, [], "--config", leader.config, "--check")
    run(0, ["usage"], "--help")
    run(0, ["weir-control"], "--version")
    run(2, ["--config"])
    run(2, ["/none.cfg"], "--config", "/none.cfg")
    run(2, ["arguments"], "--config", leader.config, "surplus")
    run(1, ["another weir-control uses it; stop that one"], "--config", leader.config)
    with open(leader.config, encoding="utf-8") as file:
        text = file.read()
    for name, old, new, status, words in (
            ("bad", "control = {", "control = { surprise = 1;", 2, ["bad.cfg:", "surprise"]),
            ("keyless", '"identity.pem"', '"nobody.pem"', 2, ["nobody.pem", "keygen"])):
        path = leader.path(f"{name}.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        run(status, words, "--config", path)


def main():
    with netlab.Lab() as lab, Plane(lab, clients=4, real=True) as plane:
        helper = plane.appliances[1]
        helper.roster = plane.clients[:3]
        helper.extra_control = "max_weight = 10;"
        plane.start()
        requests_must_be_signed(plane)
        unknown_paths_and_bad_bodies(plane)
        roster_changes(plane)
        announcements(plane)
        helper_refuses_an_event(plane)
        event, not_joined = joins(plane)
        who_may_read(plane, event, not_joined)
        too_few_clients(plane)
        full(plane)
        program_says_what_is_wrong(plane)
        for appliance in plane.appliances:
            assert appliance.process.stop() == 0, appliance.process.tail()


main()
