#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""A dataplane is killed at random moments while clients send and batches are committed, sealed and rolled back.
A leader that keeps nothing but what a log would tells each new one everything once more. At the end of each
event the accumulator is the sum of the integers, and no client that was complete ever had to send again.

    test_dataplane_kills.py [SEED [ROUNDS]]"""

import collections
import contextlib
import errno
import os
import random
import signal
import socket
import sys
import threading
import time

import lab_path  # noqa: F401
import netlab
import weir_packets
from dataplane_control import CLIENT_ADMIT, EVENT_CLOSE, FREEZE, ROLLBACK, SEAL, Control, Gone
from restartable_dataplane import CHUNK, M31, PATIENCE, Appliance, Sender, weighted_sum

ROUNDS, CLIENTS, DIMENSION, SLOTS, KILLS = 20, 8, 1000 * CHUNK + 5, 4, 6


class Killer:
    """Kills the dataplane at moments of its own: often while it has not even started, and soon after it
    was given a command, as that is when it changes most."""

    def __init__(self, appliance, source):
        self.appliance, self.source, self.kills, self.over = appliance, source, 0, False
        self.when = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def threaten(self):
        """Called with a command."""
        if self.source.random() < 0.3:
            self.when = time.monotonic() + 0.004 * self.source.random()

    def run(self):
        victim = None
        while not self.over and self.kills < KILLS:
            while not self.over and self.appliance.process in (None, victim):
                time.sleep(0.001)
            victim = self.appliance.process
            self.when = time.monotonic() + self.source.choice((0.2, 0.7, 2)) * self.source.random()
            while not self.over and time.monotonic() < self.when:
                time.sleep(0.0002)
            if not self.over and victim.returncode is None:
                victim.signal(signal.SIGKILL)
                self.kills += 1

    def end(self):
        self.over = True
        self.thread.join()


class Leader:
    """What a log would keep: written down first, then told to whatever dataplane there is. Told once more
    after a restart, it must come to the same."""

    def __init__(self, appliance, killer, event, source):
        self.appliance, self.killer, self.event, self.source = appliance, killer, event, source
        self.senders = [Sender(appliance, event, i, DIMENSION, source) for i in range(CLIENTS)]
        self.admitted, self.sealed, self.complete = [], [], set()
        self.batch = self.sealed_batch = self.rolled_back = 0
        self.in_batch, self.frozen, self.control = None, False, None
        self.moments = collections.Counter()

    def insist(self, action):
        """Carries the action out, however often the dataplane is killed meanwhile."""
        while True:
            try:
                self.killer.threaten()
                return action()
            except Gone:
                self.bring_up()

    def bring_up(self):
        while True:
            with contextlib.suppress(Gone):
                if self.appliance.process:
                    self.appliance.process.wait(PATIENCE)
                self.connect()
                self.replay()
                return

    def connect(self):
        self.appliance.process = process = self.appliance.launch()
        netlab.wait_until(lambda: process.returncode is not None or self.listens(), PATIENCE, "the dataplane",
                          interval=0.005)
        if process.returncode is not None:
            assert process.returncode == -signal.SIGKILL, process.tail()
            self.moments["while starting"] += 1
            raise Gone
        self.control = Control(self.appliance.socket, self.event, DIMENSION, patience=1)

    def listens(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(self.appliance.socket)
            except OSError as error:
                return error.errno == errno.EPROTOTYPE
        return True

    def note_moment(self):
        held, opened, sealed = self.control.batches()
        assert sealed <= held and opened in (0, held), (held, opened, sealed)
        if self.in_batch:
            self.moments["COMMIT, flipped" if opened else "COMMIT, not flipped"] += 1
        elif opened:
            self.moments["before SEAL" if opened == self.sealed_batch else "before ROLLBACK"] += 1
        chunks = len(self.senders[0].chunks)
        self.moments["in a slot"] += any(0 < self.control.received(i) < chunks for i in range(CLIENTS))

    def replay(self):
        self.control.open(M31, CHUNK, CLIENTS, SLOTS, window=64)
        self.note_moment()
        self.control.add([sender.entry() for sender in self.senders])
        for client in self.complete:
            assert self.control.state(client) >= weir_packets.COMPLETE, f"client {client} was complete"
        if self.admitted:
            self.control.list(CLIENT_ADMIT, self.admitted)
        if self.sealed_batch:
            self.control.batch(SEAL, self.sealed_batch)
        if self.rolled_back > self.sealed_batch:
            self.control.batch(ROLLBACK, self.rolled_back)
        if self.in_batch:
            self.commit()
        if self.frozen:
            self.control.batch(FREEZE, 0)

    def admit(self):
        free = SLOTS - len(self.admitted) + len(self.sealed)
        more = [i for i in range(CLIENTS) if i not in self.admitted][:self.source.randrange(free + 1)]
        self.admitted += more
        if more:
            self.insist(lambda: self.control.list(CLIENT_ADMIT, more))

    def look(self):
        while self.appliance.process.returncode is not None:
            self.bring_up()
        self.complete |= {i for i in self.admitted if self.control.state(i) >= weir_packets.COMPLETE}

    def commit(self):
        clients = self.sealed + self.in_batch
        weight = sum(self.senders[i].weight for i in clients)
        status = self.control.commit(self.batch, self.in_batch, len(clients), weight, bytes([self.batch]) * 32)
        assert status == 0, f"batch {self.batch}: {os.strerror(-status)}"

    def make_batch(self):
        waiting = [i for i in self.complete if i not in self.sealed]
        if not waiting or self.source.random() < 0.5:
            time.sleep(0.002)
            return
        self.batch += 1
        self.in_batch = self.source.sample(waiting, self.source.randrange(1, len(waiting) + 1))
        self.insist(self.commit)
        if self.source.random() < 0.3:
            self.rolled_back, self.in_batch = self.batch, None
            self.insist(lambda: self.control.batch(ROLLBACK, self.rolled_back))
        else:
            self.sealed_batch, self.in_batch, self.sealed = self.batch, None, self.sealed + self.in_batch
            self.insist(lambda: self.control.batch(SEAL, self.sealed_batch))

    def begin(self):
        """With the dataplane of the round before, if that still runs."""
        if not self.appliance.process or self.appliance.process.returncode is not None:
            self.bring_up()
            return
        try:
            self.control = Control(self.appliance.socket, self.event, DIMENSION, patience=1)
            self.replay()
        except Gone:
            self.bring_up()

    def run(self):
        give_up = time.monotonic() + 2 * PATIENCE
        while len(self.sealed) < CLIENTS:
            assert time.monotonic() < give_up, (self.admitted, self.complete, self.sealed)
            self.admit()
            self.look()
            self.make_batch()
        self.frozen = True
        self.insist(lambda: self.control.batch(FREEZE, 0))

    def check(self):
        count, weight, batch, digest, elements = self.control.accumulator()
        assert (count, weight) == (CLIENTS, sum(sender.weight for sender in self.senders))
        assert (batch, digest) == (self.sealed_batch, bytes([self.sealed_batch]) * 32)
        assert elements == weighted_sum([(s.weight, s.vector) for s in self.senders]), "not the sum"


def random_moments(lab, seed, rounds):
    appliance, kills, moments = Appliance(lab), 0, collections.Counter()
    for number in range(1, rounds + 1):
        source = random.Random(f"{seed}/{number}")
        killer = Killer(appliance, random.Random(f"{seed}/{number}/kills"))
        leader = Leader(appliance, killer, number, source)
        try:
            leader.begin()
            for sender in leader.senders:
                sender.start()
            leader.run()
            for sender in leader.senders:
                sender.finish()
        except BaseException:
            print(f"round {number} of seed {seed}", flush=True)
            raise
        finally:
            killer.end()
        leader.look()
        leader.check()
        leader.control.batch(EVENT_CLOSE, 0)
        kills, moments = kills + killer.kills, moments + leader.moments
    assert appliance.process.stop(PATIENCE) == 0, appliance.process.tail()
    assert not appliance.files(), "the memory is left behind without an event in it"
    print(f"  {kills} kills in {rounds} rounds, found " +
          ", ".join(f"{moment}: {n}" for moment, n in sorted(moments.items())))
    assert kills >= rounds, f"only {kills} kills"


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with netlab.Lab() as lab:
        started = time.monotonic()
        random_moments(lab, seed, rounds)
        print(f"random moments: {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
