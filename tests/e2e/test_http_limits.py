#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""Those who only want to keep the control process busy: idle connections by the thousand, requests
that never become whole, headers and bodies without end. Each of them is bounded, shows in the metrics,
and honest callers are answered all the while."""

import contextlib
import os
import re
import resource
import select
import socket
import sys
import time

import lab_path  # noqa: F401
import netlab
from control_plane import Plane, call, join, join_body

IDLE = 10_000
CONNECTIONS = 8192  # the default
ADDRESSES = 8
HEADER_LIMIT = 16 << 10
GOOD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def metric(plane, name):
    text = call(plane.leader, None, "GET", "/metrics").body.decode()
    return int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE)[1])


def resident(plane):
    with open(f"/proc/{plane.leader.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) << 10


def descriptors(plane):
    return len(os.listdir(f"/proc/{plane.leader.process.pid}/fd"))


def connect(plane, source="127.0.0.1", wait=True):
    """A connection to the leader from an address of the loopback device."""
    with plane.namespace.entered():
        caller = socket.socket()
    caller.bind((source, 0))
    caller.settimeout(30)
    caller.setblocking(wait)
    with contextlib.suppress(BlockingIOError):
        caller.connect(("127.0.0.1", plane.leader.port))
    return caller


def is_open(caller):
    """Nothing has come from the server, not even an end."""
    return not closed([caller])


def closed(callers):
    poll = select.poll()
    for caller in callers:
        poll.register(caller, select.POLLIN)
    return len(poll.poll(0))


def ends(caller, timeout):
    """Waits for the server to hang up; returns what it said before."""
    caller.settimeout(timeout)
    said = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while received := caller.recv(65536):
            said += received
    caller.close()
    return said


def is_answered(plane):
    answer = call(plane.leader, plane.operator, "GET", "/v1/events", timeout=60)
    assert answer.status == 200, answer


def settled(plane, count, what):
    netlab.wait_until(lambda: metric(plane, "weir_http_connections") <= count, 60, what, interval=0.2)


@contextlib.contextmanager
def plane_with(*settings):
    with netlab.Lab() as lab, Plane(lab) as plane:
        for appliance in plane.appliances:
            appliance.extra_control = "".join(f"{setting};" for setting in settings)
        plane.start()
        yield plane


def one_address_has_its_share(plane):
    """Of 200 connections one address takes 50 and no more; others still get theirs."""
    greedy = [connect(plane, "127.0.0.7") for _ in range(120)]
    netlab.wait_until(lambda: closed(greedy) >= 70, 30, "70 to be turned away")
    assert closed(greedy) == 70, closed(greedy)
    assert metric(plane, "weir_http_turned_away_total") == 70
    is_answered(plane)
    for caller in greedy:
        caller.close()
    settled(plane, 20, "the greedy to be gone")
    again = connect(plane, "127.0.0.7")
    again.sendall(GOOD)
    assert again.recv(100).startswith(b"HTTP/1.1 200"), "the address has connections again"
    again.close()
    print("one address: 50 of 120 connections", flush=True)


def a_crowd_is_cut_sooner(plane):
    """More than three quarters of 200: who asks nothing gets 5 seconds instead of 60."""
    before, started = metric(plane, "weir_http_cut_total"), time.monotonic()
    crowd = [connect(plane, f"127.0.3.{1 + i % 4}") for i in range(160)]
    netlab.wait_until(lambda: closed(crowd) > 0, 25, "the first of a crowd to be cut")
    assert time.monotonic() - started > 4, "cut at once"
    is_answered(plane)
    assert metric(plane, "weir_http_cut_total") > before
    for caller in crowd:
        caller.close()
    settled(plane, 20, "the crowd to be gone")
    print("a crowd: cut sooner", flush=True)


def slow_requests_are_cut(plane):
    """request_timeout is 2 s: a byte now and then does not help, in no part of a request."""
    post = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
    parts = {"nothing": b"", "a request line": b"GET /health", "headers": GOOD[:-2],
             "a body": post, "a chunked body": post.replace(b"Content-Length: 1000",
                                                           b"Transfer-Encoding: chunked"),
             "a second request": GOOD}
    before = metric(plane, "weir_http_cut_total")
    callers = {what: connect(plane) for what in parts}
    for what, part in parts.items():
        callers[what].sendall(part)
    assert callers["a second request"].recv(1000).startswith(b"HTTP/1.1 200")
    poller = connect(plane)  # what waits for the server is not slow
    started, alive = time.monotonic(), dict(callers)
    while alive and time.monotonic() - started < 60:
        time.sleep(0.2)
        for what, caller in list(alive.items()):
            try:
                if not is_open(caller):
                    alive.pop(what)
                elif what != "nothing":
                    caller.sendall(b"1\r\nx\r\n" if "chunked" in what else b"x")
            except (BrokenPipeError, ConnectionResetError):
                alive.pop(what)
    assert not alive, f"not cut in a minute: {list(alive)}"
    netlab.wait_until(lambda: metric(plane, "weir_http_cut_total") >= before + len(parts), 30,
                      "all to be counted")
    for caller in (*callers.values(), poller):
        caller.close()
    is_answered(plane)
    print(f"cut: {', '.join(parts)}", flush=True)


def slow_networks_are_not_cut(plane):
    """A long-poll beyond the timeout, and a body that takes longer than it but arrives steadily."""
    after = call(plane.leader, plane.operator, "GET", "/v1/events").json["next"]
    started = time.monotonic()
    answer = call(plane.leader, plane.operator, "GET", f"/v1/events?after={after}&wait=5")
    assert answer.status == 200 and time.monotonic() - started > 3, answer
    caller, size = connect(plane), 1 << 20
    caller.sendall(b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(16):
        caller.sendall(b"x" * (size // 16))
        time.sleep(0.3)
    assert caller.recv(1000).startswith(b"HTTP/1.1 401"), "the body was not heard to its end"
    caller.close()


def ten_thousand_idle_connections(plane):
    """Of eight addresses, each within what an address may have. Half never say anything, half begin."""
    before, idle = resident(plane), []
    for i in range(IDLE):
        idle.append(connect(plane, f"127.0.1.{1 + i % ADDRESSES}", wait=False))
        if i % 500 == 499:
            is_answered(plane)
            assert descriptors(plane) < CONNECTIONS + 256, descriptors(plane)
    most = metric(plane, "weir_http_connections")
    for caller in idle[::2]:
        with contextlib.suppress(OSError):
            caller.send(b"GET / HTT")
    # A whole event, while they are all there and those that were cut come back.
    for appliance in plane.appliances:
        appliance.dataplane.automatic = True
    event = plane.announce(target_clients=3)
    for client in plane.clients:
        assert join(plane.leader, client, join_body(client, event["announcement"])).status == 200
        for i, caller in enumerate(idle):
            if i % 10 == 0 and not is_open(caller):
                caller.close()
                idle[i] = connect(plane, f"127.0.1.{1 + i % ADDRESSES}", wait=False)
        assert descriptors(plane) < CONNECTIONS + 256, descriptors(plane)
    plane.wait_for_state(event["id"], ["published"])
    grown = resident(plane) - before
    assert grown < 400 << 20, f"{grown >> 20} MiB for idle connections"
    cut = metric(plane, "weir_http_cut_total")
    assert cut > 0, "nobody was cut while connections were scarce"
    for caller in idle:
        caller.close()
    settled(plane, 20, "the idle to be gone")
    assert descriptors(plane) < 256, descriptors(plane)
    print(f"{IDLE} idle connections: {most} were open, {cut} cut, {grown >> 20} MiB", flush=True)


def refused_headers(plane):
    """Too long, too many, or none at all: an error or an end, at once."""
    many = b"".join(b"X-%d: y\r\n" % i for i in range(5000))
    for what, request in {
            "a long header": b"GET /healthz HTTP/1.1\r\nX: " + b"y" * (2 * HEADER_LIMIT) + b"\r\n\r\n",
            "many headers": b"GET /healthz HTTP/1.1\r\n" + many + b"\r\n",
            "a long target": b"GET /" + b"y" * (2 * HEADER_LIMIT) + b" HTTP/1.1\r\n\r\n",
            "no HTTP": bytes(range(256)) * 200,
            "a length that is none": b"POST /v1/events HTTP/1.1\r\nHost: a\r\n"
                                     b"Content-Length: -1\r\n\r\n",
            "a length beyond numbers": b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                       + b"9" * 30 + b"\r\n\r\n",
            "a chunk beyond numbers": b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                      b"chunked\r\n\r\n" + b"f" * 30 + b"\r\n"}.items():
        caller = connect(plane)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            caller.sendall(request)
            # What never becomes whole may also just be waited for, and cut.
        said = ends(caller, 60)
        assert not said or re.match(rb"HTTP/1\.[01] [45]", said), (what, said[:100])
        print(f"refused: {what}: {said[:30]!r}", flush=True)
    is_answered(plane)


def refused_bodies(plane):
    """Above what a client or an aggregator may send; and many that say they are an aggregator's."""
    answer = call(plane.leader, plane.clients[0], "POST", "/v1/events", b"x" * (2 << 20))
    assert (answer.status, answer.code) == (413, "too_large"), answer
    before, size = resident(plane), 48 << 20
    claim = plane.appliances[1].identity.hex.encode()
    huge = connect(plane)
    huge.sendall(b"POST /v1/events HTTP/1.1\r\nHost: a\r\nWeir-Identity: " + claim +
                 b"\r\nContent-Length: %d\r\n\r\n" % (65 << 20) + b"x" * (65 << 20))
    assert huge.recv(12) == b"HTTP/1.1 413", "more than an aggregator may send"
    huge.close()
    # Of four addresses, so that it is all of them together that find no room.
    liars = [connect(plane, f"127.0.2.{i % 4 + 1}") for i in range(12)]
    for caller in liars:
        caller.sendall(b"POST /v1/events HTTP/1.1\r\nHost: a\r\nWeir-Identity: " + claim +
                       b"\r\nContent-Length: %d\r\n\r\n" % size)
    most, piece = 0, b"x" * (1 << 20)
    for sent in range(size >> 20):
        for caller in liars:
            caller.sendall(piece)
        most = max(most, resident(plane) - before)
        if sent % 8 == 7:  # what clients send is small, and there is always room for it
            answer = call(plane.leader, plane.operator, "POST", "/v1/events", {"x": "y" * 8000})
            assert (answer.status, answer.code) == (400, "event"), answer
    for caller in liars:
        said = caller.recv(12)
        assert said in (b"HTTP/1.1 401", b"HTTP/1.1 503"), said
        caller.close()
    assert most < 400 << 20, f"{most >> 20} MiB for bodies"
    is_answered(plane)
    print(f"bodies: {len(liars)} of {size >> 20} MiB took {most >> 20} MiB", flush=True)


def one_address_does_not_take_all_room_for_bodies(plane):
    """Six of them want 288 MiB, which is more than there is; another address still gets its 32."""
    size, claim = 48 << 20, plane.appliances[1].identity.hex.encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nWeir-Identity: " + claim + \
           b"\r\nContent-Length: %d\r\n\r\n"
    liars = [connect(plane, "127.0.2.1") for _ in range(6)]
    for caller in liars:
        caller.sendall(head % size)
        caller.sendall(b"x" * (size - 1))
    honest = connect(plane, "127.0.2.3")
    honest.sendall(head % (32 << 20))
    honest.sendall(b"x" * (32 << 20))
    assert honest.recv(12) == b"HTTP/1.1 401"  # heard to its end, and only then judged
    said = []
    for caller in liars:
        caller.sendall(b"x")
        said.append(caller.recv(65536)[:12])
    assert b"HTTP/1.1 503" in said, said
    # Answered, but not gone: what they had is there again.
    again = connect(plane, "127.0.2.1")
    again.sendall(head % size)
    again.sendall(b"x" * size)
    assert again.recv(12) == b"HTTP/1.1 401", "an address does not get its room back"
    for caller in (*liars, honest, again):
        caller.close()


def many_requests_at_once(plane):
    """Of one connection, without waiting for answers: each is answered."""
    caller = connect(plane)
    caller.sendall(GOOD * 300)
    said = b""
    while said.count(b"HTTP/1.1 200") < 300:
        said += caller.recv(65536)
    caller.close()


def few_descriptors():
    """A process that may have 600 descriptors takes 344 connections, whatever its config says, and has
    the rest for its files and its peers."""
    with plane_with() as plane:
        plane.leader.process.stop()
        plane.leader.process = plane.namespace.start(
            ["prlimit", "--nofile=600", netlab.program("weir-control"), "--config",
             plane.leader.config], "leader-control")
        netlab.wait_until(plane.leader.is_healthy, 20, "the leader, with few descriptors")
        own = descriptors(plane)
        idle = [connect(plane, f"127.0.4.{1 + i % ADDRESSES}", wait=False) for i in range(560)]
        netlab.wait_until(lambda: descriptors(plane) > 320, 30, "the connections to be taken")
        most = max(descriptors(plane) for _ in range(20) if not time.sleep(0.05))
        assert most <= 344 + own, f"{most} descriptors"
        is_answered(plane)
        for caller in idle:
            caller.close()
    print(f"600 descriptors: {most} taken", flush=True)


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 1000:
        print(f"{hard} descriptors are not enough for {IDLE} connections")
        return 77
    few_descriptors()
    with plane_with("connections = 200", "connections_per_address = 50") as plane:
        one_address_has_its_share(plane)
        a_crowd_is_cut_sooner(plane)
    with plane_with('request_timeout = "2 s"') as plane:
        slow_requests_are_cut(plane)
        slow_networks_are_not_cut(plane)
        refused_headers(plane)
    with plane_with() as plane:
        refused_bodies(plane)
        one_address_does_not_take_all_room_for_bodies(plane)
        many_requests_at_once(plane)
        ten_thousand_idle_connections(plane)
    return 0


if __name__ == "__main__":
    sys.exit(main())
