#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""The file system of a state folder is full, in the middle of an event: at the leader, at a helper, at a
client. What cannot be written is not said to anybody, the error says where there must be room, and when there is,
the event goes on to the exact sum."""

import os
import random
import sys

import lab_path  # noqa: F401
import private_mounts
from deployment import Deployment
from netlab import Lab, wait_until

CLIENTS, ELEMENTS = 4, 300_000
APPLIANCE_DISK, CLIENT_DISK = 24, 8  # MiB


def counter(appliance, name):
    return sum(worker[name] for worker in appliance.stats()["workers"])


def make(lab, durability):
    """A Weir whose state folders are small disks, its clients with vectors, and these."""
    draw = random.Random(7)
    weir = Deployment(lab, 2, slots=4, arena=64 << 20, link="--both rate=20mbit",
                      control={"durability": durability})
    rows = [[draw.randint(0, 1000) for _ in range(ELEMENTS)] for _ in range(CLIENTS)]
    for client, row in zip(weir.add_clients(f"c{i}" for i in range(CLIENTS)), rows):
        private_mounts.small_disk(client.path("state"), CLIENT_DISK)
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(map(str, row)) + "\n")
    for appliance in weir.appliances:
        private_mounts.small_disk(appliance.path("state"), APPLIANCE_DISK)
    weir.start()
    return weir, rows


def announce(weir):
    event = weir.announce(dimension=ELEMENTS, max_clients=CLIENTS, target_clients=CLIENTS,
                          duration="200 s", admit_timeout="100 s",
                          encoding={"kind": "integer", "bound": 1000})
    weir.wait_for_state(event, {"open"})
    return event


def submit(client, event):
    return client.start("submit", "--event", event, "--input", client.path("vector.csv"), "--again")


def ends_for_want_of_room(appliance, what):
    """Rather than go on with what it could not write; it names the folder and the reason."""
    status = appliance.control.wait(60)
    said = appliance.control.output()
    assert status == 1, f"{appliance.name}: status {status}\n{said[-3000:]}"
    line = next((line for line in said.splitlines() if what in line), "")
    assert appliance.path("state") in line, said[-3000:]
    assert "make room" in line and ("is full" in line or "No space" in line), line
    print(f"{appliance.name}: {line}", flush=True)
    return said


def comes_back(appliance):
    private_mounts.free(appliance.path("state"))
    appliance.start_control()
    wait_until(appliance.is_healthy, 60, f"{appliance.name} with room again", interval=0.2)


def everybody_is_in_the_sum(weir, event, rows, clients):
    for client in clients:
        assert client.wait(150) == 0, f"{client.name}:\n{client.tail()}"
    ended = weir.wait_for_state(event, {"published", "failed"}, timeout=120)
    assert (ended["state"], ended["counts"]["sealed"]) == ("published", CLIENTS), ended
    assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"


def an_aggregator_is_full(weir, rows, appliance):
    """While shares arrive. The leader cannot admit or commit, nor can a helper follow."""
    event, before = announce(weir), counter(appliance, "shares_staged")
    first = submit(weir.clients[0], event)
    wait_until(lambda: counter(appliance, "shares_staged") > before, 60, "the first shares")
    private_mounts.fill(appliance.path("state"))
    rest = [submit(client, event) for client in weir.clients[1:]]
    ends_for_want_of_room(appliance, "the store cannot be written")
    assert first.returncode is None, "a receipt for what could not be written"
    comes_back(appliance)
    everybody_is_in_the_sum(weir, event, rows, [first, *rest])
    print(f"{appliance.name} was full: the sum is exact", flush=True)


def a_client_is_full(weir, rows):
    """One before it has anything, which nobody hears of; one while its shares leave, which loses nothing."""
    event, before = announce(weir), counter(weir.leader, "shares_staged")
    early, late = weir.clients[:2]
    private_mounts.fill(early.path("state"))
    process = submit(early, event)
    complains_of_room(process, early)
    assert sum(weir.event(event)["counts"].values()) == 0, weir.event(event)
    processes = [submit(client, event) for client in weir.clients[1:]]
    wait_until(lambda: counter(weir.leader, "shares_staged") > before, 60, "the first shares")
    private_mounts.fill(late.path("state"))
    complains_of_room(processes[0], late)
    for client in (early, late):
        private_mounts.free(client.path("state"))
    again = [submit(client, event) for client in (early, late)]
    everybody_is_in_the_sum(weir, event, rows, [*again, *processes[1:]])
    print("clients were full: the sum is exact", flush=True)


def complains_of_room(process, client):
    status = process.wait(100)
    line = process.output().strip().splitlines()[-1]
    assert status == 1 and client.path("state") in line and "No space left on device" in line \
        and "make room" in line, (status, process.output())
    print(f"{client.name}: {line}", flush=True)


def a_snapshot_finds_no_room(weir, rows, appliance):
    """Its log does. The batch is acknowledged by nobody who has no snapshot of it, and so not sealed."""
    event = announce(weir)
    private_mounts.fill(appliance.path("state"), leave=ELEMENTS * 4)
    processes = [submit(client, event) for client in weir.clients]
    said = ends_for_want_of_room(appliance, "the snapshot of batch")
    assert not [process.name for process in processes if process.returncode is not None], \
        "receipts for a batch that has no snapshot"
    if appliance is not weir.leader:
        assert weir.event(event)["counts"]["sealed"] == 0, weir.event(event)
    assert "cannot be written" in said
    comes_back(appliance)
    everybody_is_in_the_sum(weir, event, rows, processes)
    print(f"{appliance.name} had no room for a snapshot: the sum is exact", flush=True)


def weir_with(durability, story):
    with Lab() as lab:
        try:
            story(*make(lab, durability))
        finally:
            private_mounts.release(lab.directory)


def logs_and_clients(weir, rows):
    for appliance in weir.appliances:
        an_aggregator_is_full(weir, rows, appliance)
    a_client_is_full(weir, rows)


def snapshots(weir, rows):
    for appliance in weir.appliances:
        a_snapshot_finds_no_room(weir, rows, appliance)


def main():
    private_mounts.enter()
    weir_with("process", logs_and_clients)
    weir_with("disk", snapshots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
