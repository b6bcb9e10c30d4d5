#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""A client that is killed at every step and at random moments, whose leader or other aggregator is away at
each step, or that is aborted meanwhile, ends with its receipt by the same command, is in the sum exactly
once, and never sends other bytes under a nonce. All of it is seen from the wire."""

import json
import os
import random
import re
import signal
import sys
import time

import lab_path  # noqa: F401
from deployment import Deployment
from netlab import Lab, wait_until
from share_capture import ShareCapture

SEED = int(os.environ.get("WEIR_SEED", "4"))
ELEMENTS, BOUND = 120_000, 10**6
STEPS = 24  # more than a submission has writes that must last
PATIENCE = 120  # for anything that must happen in the end; the machine may be slow
DURABLE = "fsync,fdatasync,msync,rename,renameat,renameat2,unlinkat,pwrite64,fallocate,ftruncate"
WIRE = "connect,sendto,sendmmsg"


class Scene:
    """A Weir, the clients with their vectors, and what is on the wire."""

    def __init__(self, lab, draw):
        self.draw = draw
        # 8 Mbit/s to each aggregator: an upload takes about a second. What is lost is sent again.
        self.weir = Deployment(lab, 2, slots=1, arena=64 << 20, link="--both rate=8mbit,queue=1mb,loss=3%",
                               control_link="--seed 1", dataplane={"window": 64},
                               control={"min_clients": 1, "allow_single_client": True})
        self.clients = [self.weir.add_client(f"c{i}") for i in range(STEPS)]
        self.weir.start()
        self.capture = ShareCapture(self.weir.star)

    def announce(self, clients, **changes):
        terms = {"dimension": ELEMENTS, "max_clients": 64, "target_clients": clients,
                 "admit_timeout": "300 s", "duration": "20 min",
                 "encoding": {"kind": "integer", "bound": BOUND}}
        event = self.weir.announce(**terms | changes)
        self.weir.wait_for_state(event, {"open"})
        self.expected = [0] * (terms | changes)["dimension"]
        return event

    def vector(self, client):
        """A new vector, which the event's sum must have once."""
        row = [self.draw.randint(0, BOUND) for _ in self.expected]
        self.expected = [a + b for a, b in zip(self.expected, row)]
        path = client.path("vector.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write(",".join(map(str, row)) + "\n")
        return path

    def start(self, client, event, *words):
        return client.start("submit", "--event", event, "--input", client.path("vector.csv"), *words)

    def staged(self, appliance):
        return sum(worker["shares_staged"] for worker in appliance.stats()["workers"])

    def completed(self, appliance):
        return sum(worker["slots_completed"] for worker in appliance.stats()["workers"])

    def check(self, event, clients, aborted=0):
        ended = self.weir.wait_for_state(event, {"published", "failed"}, timeout=PATIENCE)
        assert ended["state"] == "published" and ended["counts"]["sealed"] == clients, ended
        assert ended["counts"]["aborted"] >= aborted, ended
        assert self.weir.collect(event) == self.expected, "the sum differs"
        assert not self.capture.violations, self.capture.violations[:3]


def finish(client, event):
    client.run("submit", "--event", event, "--input", client.path("vector.csv"), timeout=PATIENCE)
    receipt(client, event)


def receipt(client, event):
    """Every aggregator's signature is there, and nothing secret is left behind."""
    state = json.loads(client.run("state", "--event", event, "--json").stdout)
    assert state["client"]["state"] == "sealed" and state["client"]["receipts"] == 2, state
    left = [name for name in os.listdir(client.path("state"))
            if not re.fullmatch(r"ledger|ledger\.key|lock|receipt-[0-9a-f]{64}\.json", name)]
    assert not left, f"left behind: {left}"


def killed_at_call(scene, client, event, calls, number):
    """SIGKILL at the numbered system call among those named. False if the client ended before."""
    words = client.command("submit", "--event", event, "--input", client.path("vector.csv"))
    process = scene.weir.star.clients.start(
        ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={calls}",
         "-e", f"inject={calls}:signal=KILL:when={number}", *words], f"strace-{client.name}")
    status = process.wait(PATIENCE)
    assert status in (0, -signal.SIGKILL), f"{calls} {number}: {status}: {process.tail()}"
    return status != 0


def killed_at_each_write(scene):
    """One client a step: killed there, killed once more at another one, and run to its end."""
    event = scene.announce(STEPS, dimension=500)
    killed = 0
    for number, client in enumerate(scene.clients[:STEPS], 1):
        scene.vector(client)
        killed += killed_at_call(scene, client, event, DURABLE, number)
        killed_at_call(scene, client, event, DURABLE, scene.draw.randint(1, 6))
        finish(client, event)
    assert 8 <= killed < STEPS, f"{killed} of the first {STEPS} steps"
    scene.check(event, STEPS)
    print(f"killed at each of {killed} writes", flush=True)


def killed_at_sends(scene, client, event):
    scene.vector(client)
    kills = 0
    for number in sorted(scene.draw.sample(range(2, 45), 25)):
        if not killed_at_call(scene, client, event, WIRE, number):
            break
        kills += 1
    finish(client, event)
    return kills


def killed_at_random(scene, client, event, most):
    scene.vector(client)
    for kills in range(most):
        process = scene.start(client, event)
        # From its first instructions to the middle of the upload, small times as often as large ones.
        moment = time.monotonic() + 0.01 * 60 ** scene.draw.random()
        while process.returncode is None and time.monotonic() < moment:
            time.sleep(0.002)
        if process.returncode is not None:
            break
        process.kill()
    assert process.returncode in (0, -signal.SIGKILL), process.tail()
    finish(client, event)
    return kills


def killed_while_sending(scene):
    clients = scene.clients[:3]
    event = scene.announce(len(clients))
    sends = killed_at_sends(scene, clients[0], event)
    assert sends >= 10, f"only {sends} sends"
    moments = [killed_at_random(scene, client, event, 40) for client in clients[1:]]
    assert sum(moments) >= 10, moments
    scene.check(event, len(clients))
    print(f"killed at {sends} sends and {sum(moments)} random moments (seed {SEED})", flush=True)


def leader_away(scene):
    """The leader cannot be reached: before the join, while the join waits, while shares are sent, and while
    the client waits for its receipt. One run of one command outlives all of it."""
    weir, client = scene.weir, scene.clients[0]
    leader, helper = (appliance.network.control_link for appliance in weir.appliances)
    event = scene.announce(1, min_clients=1)
    scene.vector(client)
    leader.command("both cut")
    process = scene.start(client, event, "--timeout", f"{PATIENCE}s")
    process.wait_for_log("a0 .*; trying again for", PATIENCE)
    helper.command("both cut")
    leader.command("both heal")
    process.wait_for_log("not every aggregator has accepted the join yet", PATIENCE)
    leader.command("both cut")
    helper.command("both heal")
    time.sleep(1)
    before = [scene.staged(appliance) for appliance in weir.appliances]
    done = {appliance: scene.completed(appliance) for appliance in weir.appliances}
    leader.command("both heal")
    for appliance, staged in zip(weir.appliances, before):
        wait_until(lambda: scene.staged(appliance) > staged, PATIENCE, "the first shares")
    leader.command("both cut")
    for appliance in weir.appliances:
        wait_until(lambda: scene.completed(appliance) > done[appliance], PATIENCE,
                   f"all shares at {appliance.name}")
    time.sleep(2)
    assert process.returncode is None, process.tail()
    leader.command("both heal")
    assert process.wait(PATIENCE) == 0, process.tail()
    receipt(client, event)
    scene.check(event, 1)
    print("the leader was away at each step", flush=True)


def aggregator_away(scene):
    """A dataplane that cannot be reached: the client gives up after --timeout, naming it; the next run
    waits for it and goes on."""
    weir, client = scene.weir, scene.clients[1]
    link = weir.appliances[1].network.data_link
    event = scene.announce(1, min_clients=1)
    scene.vector(client)
    link.command("both cut")
    process = scene.start(client, event, "--timeout", "4s")
    assert process.wait(PATIENCE) == 1, process.tail()
    lines = process.output().splitlines()
    assert len(lines) == 2 and "a1: no answer from its dataplane" in lines[0], lines
    assert "waiting for another" in lines[0] and "run the same command again" in lines[1], lines
    process = scene.start(client, event)
    process.wait_for_log("a1: no answer from its dataplane", PATIENCE)
    link.command("both heal")
    assert process.wait(PATIENCE) == 0, process.tail()
    receipt(client, event)
    scene.check(event, 1)
    print("an aggregator was away", flush=True)


def slot_waited_for(scene):
    """The one slot is a dead client's: the other says that it waits, and gets it once the dead one's time is
    over; then the dead one's command joins anew."""
    weir = scene.weir
    dead, client = scene.clients[:2]
    event = scene.announce(2, admit_timeout="6 s")
    for who in (dead, client):
        scene.vector(who)
    process = scene.start(dead, event)
    wait_until(lambda: weir.event(event)["counts"]["admitted"] == 1, PATIENCE, "admission")
    process.kill()
    process = scene.start(client, event)
    process.wait_for_log("has no slot for this client yet; waiting for another", PATIENCE)
    assert process.wait(PATIENCE) == 0, process.tail()
    receipt(client, event)
    finish(dead, event)
    scene.check(event, 2, aborted=1)
    print("a slot was waited for", flush=True)


def aborted_meanwhile(scene):
    """An aggregator is away for longer than admit_timeout: the running client joins anew by itself."""
    weir, client = scene.weir, scene.clients[2]
    link = weir.appliances[1].network.data_link
    event = scene.announce(1, min_clients=1, admit_timeout="3 s")
    scene.vector(client)
    joins = scene.capture.joins()
    link.command("both cut")
    process = scene.start(client, event)
    wait_until(lambda: weir.event(event)["counts"]["aborted"] > 0, PATIENCE, "the abort")
    link.command("both heal")
    assert process.wait(PATIENCE) == 0, process.tail()
    receipt(client, event)
    scene.check(event, 1, aborted=1)
    assert scene.capture.joins() >= joins + 2, "no second join sent shares"
    print("aborted, and joined anew", flush=True)


def main():
    with Lab() as lab:
        scene = Scene(lab, random.Random(SEED))
        for story in (killed_at_each_write, killed_while_sending, leader_away, aggregator_away, slot_waited_for, aborted_meanwhile):
            story(scene)
        capture = scene.capture
        capture.stop()
        assert capture.repeated > 100, "too few were sent again to show anything"
        assert capture.nonces() == capture.joins(), (capture.nonces(), capture.joins())
        print(f"{capture.joins()} joins, {capture.datagrams} datagrams, {capture.repeated} of them sent "
              "before: the same bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
