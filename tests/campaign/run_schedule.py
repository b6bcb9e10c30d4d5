# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""One schedule from its start to its verdict: a dictionary, for the campaign's summary."""

import json
import os
import shutil
import time

import netlab
import private_mounts
from inject import Injector
from verdict import Verdict, left_running, phase, phase_in
from world import World

TURN = 0.02
BEYOND = 120  # seconds that an event may take beyond its deadline before it counts as stuck
OWN_STATUS = {"control": {1}, "dataplane": set()}  # a full disk ends a control process: it says so
ENDS = ("published", "failed")


class Run:
    def __init__(self, lab, schedule, wrong, say):
        self.schedule, self.lab, self.begun = schedule, lab, time.monotonic()
        self.say = lambda text: say(f"{time.monotonic() - self.begun:7.2f} s  {text}")
        self.world = World(lab, schedule, self.say)
        self.verdict = Verdict(self.world, wrong)
        self.reader = self.verdict.reader
        self.injector = Injector(self.world, lambda client: phase(self.reader, client.client.identity))
        self.calm = self.ended = self.longest_turn = 0

    def whole(self):
        self.world.start()
        self.world.announce()
        if not self.schedule.early:
            self.world.weir.wait_for_state(self.world.event, {"open"}, 120)
        self.begun = time.monotonic()
        self.plan()
        self.play()
        self.calm = time.monotonic()
        self.say("the faults are over")
        ended = self.settle()
        self.ended = time.monotonic()
        self.say(f"the event is {ended['state']} {ended['reason']}")
        return self.judge(ended)

    def plan(self):
        """Clients start, and faults of no client in particular strike, by the schedule's clock; what kills a
        client, so long after it was started."""
        for client, member in zip(self.world.clients, self.schedule.members):
            self.injector.add(self.begun + member.start, self.start_client, client)
        for fault in self.schedule.faults:
            at = fault.at
            if fault.kind in ("kill-client", "client-dies"):
                at += self.schedule.members[fault.index].start
            self.injector.add_fault(self.begun + at, fault)

    def start_client(self, client):
        client.wanted = True

    def play(self):
        while self.injector.pending:
            self.turn()

    def turn(self):
        began = time.monotonic()
        self.injector.run_due(began)
        self.world.watch()
        time.sleep(TURN)
        self.longest_turn = max(self.longest_turn, time.monotonic() - began)

    def settle(self):
        """The faults are over. Waits until the event has ended at every aggregator and every living client
        knows; returns the leader's view of the event."""
        most = int(self.schedule.terms()["duration"].split()[0]) + BEYOND
        states, looked = [], 0
        while time.monotonic() < self.begun + most:
            self.world.watch()
            if time.monotonic() > looked + 0.3:
                states, looked = self.states(), time.monotonic()
            if all(state["state"] in ENDS for state in states):
                self.await_clients()
                return states[0]
            time.sleep(TURN)
        self.verdict.problems.append(
            f"stuck: {most} s after its start the event is {[state['state'] for state in states]}")
        return states[0]

    def states(self):
        found = []
        for appliance in self.world.weir.appliances:
            try:
                found.append(self.reader.state(appliance))
            except OSError as error:
                found.append({"state": f"unknown ({error})", "reason": ""})
        return found

    def await_clients(self):
        """An ended event ends its clients: with receipts, or because it takes nobody any more."""
        until = time.monotonic() + 60
        for client in self.world.clients:
            client.wanted = client.wanted and client.runs
        while any(client.runs for client in self.world.clients):
            self.world.watch()
            for client in self.world.clients:
                client.wanted = client.wanted and client.runs
            if time.monotonic() > until:
                stuck = [client.name for client in self.world.clients if client.runs]
                self.verdict.problems.append(f"the event has ended, and {stuck} go on")
                return
            time.sleep(TURN)

    def judge(self, ended):
        verdict = self.verdict
        verdict.stood_still = max(self.longest_turn, *(each.longest_death for each in self.world.everything))
        try:
            if ended["state"] == "published":
                verdict.published()
                if self.schedule.ended_by == "target":
                    self.nobody_left_out()
            elif ended["state"] == "failed":
                verdict.failed(ended["reason"])
        except (OSError, netlab.LabError, ValueError) as error:
            verdict.problems.append(f"{type(error).__name__}: {error}")
        self.own_ends()
        self.nothing_is_kept()
        for name, status in self.world.stop().items():
            verdict.problems.append(f"{name} ended with status {status} at SIGTERM")
        for words in left_running(self.lab.directory):
            if "weir-link" not in words:
                verdict.problems.append(f"left running: {words}")
        for appliance in self.world.weir.appliances:
            left = os.listdir(appliance.path("memory"))
            verdict.require(not left, f"{appliance.name} left in its memory folder: {left}")
        return {"state": ended["state"], "reason": ended["reason"], "problems": verdict.problems,
                "left_out": verdict.left_out, "sealed": verdict.sealed,
                "stood_still": round(verdict.stood_still, 1),
                "settled": round(self.ended - self.calm, 1), "faults": self.injector.counts,
                "client_kills": self.injector.phases}

    def nothing_is_kept(self):
        """Of an event that has ended, no dataplane keeps any memory."""
        for appliance in self.world.weir.appliances:
            try:
                netlab.wait_until(lambda a=appliance: self.is_empty(a), 60,
                                  f"{appliance.name} to close the event", interval=0.2)
            except netlab.LabError as error:
                self.verdict.problems.append(str(error))

    def is_empty(self, appliance):
        self.world.watch()
        done = appliance.weirctl("stats", "--json", check=False)
        found = json.loads(done.stdout)["dataplane"] if done.returncode == 0 else None
        return found and found["arena_used_bytes"] == 0

    def nobody_left_out(self):
        """Where the target count ended the event, whoever is not in has a dead one, or the deadline, in its
        place."""
        if self.verdict.deadline_came_early():
            return
        counted = sum(1 for client in self.world.clients
                      if client.index in self.schedule.dead and self.is_sealed(client))
        self.verdict.require(len(self.verdict.left_out) <= counted,
                             f"left out although the faults were over long before: {self.verdict.left_out}")

    def is_sealed(self, client):
        return phase_in(self.verdict.log, client.client.identity) == "sealed"

    def own_ends(self):
        """What ended although nobody had killed it: a full disk may end a process with a message; nothing
        else, and never a signal."""
        for process in [*self.world.controls, *self.world.dataplanes]:
            part = process.name.split("-")[1]
            full = any(f.kind == "fill-disk" and f.target == process.name.split("-")[0]
                       for f in self.schedule.faults)
            for _, status, tail in process.unexpected:
                allowed = OWN_STATUS[part] if full else set()
                self.verdict.require(status in allowed, f"{process.name} ended with status {status}: {tail}")
        for client in self.world.clients:
            for _, status, tail in client.unexpected:
                self.verdict.require(status in (0, 1), f"{client.name} ended with status {status}: {tail}")


def run(schedule, logs, wrong=False, say=print):
    """The outcome. logs: a folder for what every process says, and for the stores if anything is wrong.
    wrong: as Verdict has it."""
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)
    os.environ["WEIR_LOG_DIR"] = logs
    started = time.monotonic()
    with netlab.Lab() as lab:
        try:
            return _run_in(lab, schedule, logs, wrong, say, started)
        finally:
            private_mounts.release(lab.directory)


def _run_in(lab, schedule, logs, wrong, say, started):
    try:
        outcome = Run(lab, schedule, wrong, say).whole()
    except netlab.LabError as error:
        outcome = {"state": "broken", "reason": "", "problems": [f"laboratory: {error}"], "faults": {},
                    "left_out": [], "sealed": 0, "settled": 0, "client_kills": {}}
    outcome |= {"seed": schedule.seed, "took": round(time.monotonic() - started, 1)}
    with open(os.path.join(logs, "outcome.json"), "w", encoding="utf-8") as file:
        json.dump(outcome, file, indent=1)
    if outcome["problems"]:
        for folder in [name for name in os.listdir(lab.directory) if name.startswith("a")]:
            if os.path.isdir(os.path.join(lab.directory, folder)):
                shutil.copytree(os.path.join(lab.directory, folder), os.path.join(logs, folder),
                                ignore=shutil.ignore_patterns("fill", "*.sock", "memory"))
    return outcome
