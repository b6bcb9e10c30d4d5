#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""A dataplane, and then a whole appliance, is killed while clients upload and after batches were sealed. With its
memory in a file it goes on where it was. With its memory lost it takes sealed batches back from their snapshots if
durability is "disk"; if not, the event fails and says why: never a wrong sum."""

import glob
import os
import random
import sys
import time

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab, wait_until

CLIENTS, ELEMENTS, TIMEOUT = 4, 60_000, 120


def staged(appliance):
    return sum(worker["shares_staged"] for worker in appliance.stats()["workers"])


def sealed(weir, event):
    return weir.event(event)["counts"]["sealed"]


def kill(appliance, control=False):
    """kill -9 of the dataplane, with the control process or alone; then both are there again."""
    appliance.dataplane.kill()
    if control:
        appliance.control.kill()
    appliance.start_dataplane()
    if control:
        appliance.start_control()
    wait_until(appliance.is_healthy, 60, f"{appliance.name} to be ready", interval=0.2)


def submit(weir, event, draw, clients):
    """Starts weir submit for clients that are new to the event; returns vectors and processes."""
    rows = []
    for client in clients:
        rows.append([draw.randint(0, 1000) for _ in range(ELEMENTS)])
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(map(str, rows[-1])) + "\n")
    return rows, [client.start("submit", "--event", event, "--input", client.path("vector.csv"))
                  for client in clients]


def all_done(processes):
    for process in run_pool([lambda p=p: p for p in processes], CLIENTS, timeout=200):
        assert process.returncode == 0, f"{process.name}:\n{process.tail()}"


def announce(weir):
    return weir.announce(dimension=ELEMENTS, max_clients=3 * CLIENTS, target_clients=CLIENTS,
                         duration="4 min", admit_timeout="60 s",
                         encoding={"kind": "integer", "bound": 1000})


def goes_on(weir, victim, draw):
    """Kills the dataplane in the uploads of the first half, once they are sealed, and the whole appliance in the
    uploads of the second."""
    event = announce(weir)
    weir.wait_for_state(event, {"open"})
    half = CLIENTS // 2
    before = staged(victim)
    rows, processes = submit(weir, event, draw, weir.clients[:half])
    wait_until(lambda: staged(victim) > before + 50, TIMEOUT, "the first shares")
    kill(victim)
    all_done(processes)
    assert sealed(weir, event) == half
    kill(victim)                       # after SEALED: clients have their receipts
    before = staged(victim)
    more, processes = submit(weir, event, draw, weir.clients[half:])
    wait_until(lambda: staged(victim) > before + 50, TIMEOUT, "the second half's shares")
    kill(victim, control=True)
    all_done(processes)
    ended = weir.wait_for_state(event, {"published", "failed"}, TIMEOUT)
    assert ended["state"] == "published", ended
    assert ended["counts"]["sealed"] == CLIENTS, ended
    assert weir.collect(event) == [sum(column) for column in zip(*rows, *more)], "the sum differs"


def fails(weir, victim, draw, spoil=None):
    """A sealed batch is lost for good: no sum."""
    event = announce(weir)
    weir.wait_for_state(event, {"open"})
    _, processes = submit(weir, event, draw, weir.clients[:2])
    all_done(processes)
    if spoil:
        spoil(victim)
    kill(victim)
    ended = weir.wait_for_state(event, {"published", "failed"}, TIMEOUT)
    assert ended["state"] == "failed", ended
    return ended["reason"]


def tear_snapshots(appliance):
    files = glob.glob(os.path.join(appliance.path("state"), "snapshot-*"))
    assert files, "there is no snapshot"
    for path in files:
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))


def with_weir(name, memory, durability, story):
    started, draw = time.monotonic(), random.Random(name)
    with Lab() as lab:
        # 10 Mbit/s to each aggregator: an upload takes some tenths of a second.
        weir = Deployment(lab, 2, slots=2, arena=32 << 20, link="--both rate=10mbit",
                          dataplane={"window": 64, "memory": memory},
                          control={"durability": durability})
        for i in range(CLIENTS):
            weir.add_client(f"c{i}")
        weir.start()
        story(weir, draw)
    print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)


def lost_for_good(weir, draw):
    reason = fails(weir, weir.appliances[1], draw)
    print(f"    {reason}")
    assert "a1" in reason, reason


def torn_snapshot(weir, draw):
    reason = fails(weir, weir.appliances[1], draw, tear_snapshots)
    print(f"    {reason}")
    assert "snapshot" in reason, reason


def main():
    with_weir("memory in a file, helper", "auto", "process",
              lambda weir, draw: goes_on(weir, weir.appliances[1], draw))
    with_weir("memory lost, snapshots, helper", "none", "disk",
              lambda weir, draw: goes_on(weir, weir.appliances[1], draw))
    with_weir("memory lost, snapshots, leader", "none", "disk",
              lambda weir, draw: goes_on(weir, weir.appliances[0], draw))
    with_weir("memory lost, no snapshots", "none", "process", lost_for_good)
    with_weir("memory lost, a snapshot with one bit flipped", "none", "disk", torn_snapshot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
