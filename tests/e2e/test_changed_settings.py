#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""An operator changes what clients are granted and how many slots events get, and starts the processes again while an
event is open: first the control process, then the dataplane, then both. The event goes on: with the slots that it was
offered with, and with the window and rate that the config has now."""

import random
import sys

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab, wait_until

CLIENTS, ELEMENTS, SLOTS, TIMEOUT = 4, 60_000, 2, 120


def staged(appliance):
    return sum(worker["shares_staged"] for worker in appliance.stats()["workers"])


def restart(appliance, control=True, dataplane=False, **granted):
    """Stops the processes, changes the config, starts them again."""
    settings = appliance.settings()
    settings["dataplane"] |= granted
    settings["control"]["slots"] = 2 * SLOTS
    for process in [appliance.control] * control + [appliance.dataplane] * dataplane:
        assert process.stop() == 0, process.tail()
    appliance.write_config(settings)
    if dataplane:
        appliance.start_dataplane()
    if control:
        appliance.start_control()
    wait_until(appliance.is_healthy, 60, f"{appliance.name} to be ready", interval=0.2)


def submit(weir, event, draw):
    rows, processes = [], []
    for client in weir.clients:
        rows.append([draw.randint(0, 1000) for _ in range(ELEMENTS)])
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(map(str, rows[-1])) + "\n")
        processes.append(client.start("submit", "--event", event, "--input",
                                      client.path("vector.csv")))
    return rows, processes


def main():
    draw = random.Random(11)
    with Lab() as lab:
        # 10 Mbit/s to each aggregator: an upload takes some tenths of a second.
        weir = Deployment(lab, 2, slots=SLOTS, arena=32 << 20, link="--both rate=10mbit",
                          dataplane={"window": 64})
        for i in range(CLIENTS):
            weir.add_client(f"c{i}")
        weir.start()
        leader, helper = weir.appliances
        event = weir.announce(dimension=ELEMENTS, max_clients=2 * CLIENTS, target_clients=CLIENTS,
                              duration="4 min", admit_timeout="60 s",
                              encoding={"kind": "integer", "bound": 1000})
        weir.wait_for_state(event, {"open"})
        rows, processes = submit(weir, event, draw)
        wait_until(lambda: staged(helper) > 50, TIMEOUT, "the first shares")
        restart(helper, window=32)
        restart(leader, rate="50 Mbit/s")
        restart(helper, dataplane=True, control=False, window=16)
        restart(helper, dataplane=True, window=128, rate="80 Mbit/s")
        for process in run_pool([lambda p=p: p for p in processes], CLIENTS, timeout=200):
            assert process.returncode == 0, f"{process.name}:\n{process.tail()}"
        ended = weir.wait_for_state(event, {"published", "failed"}, TIMEOUT)
        assert ended["state"] == "published", ended
        assert ended["counts"]["sealed"] == CLIENTS, ended
        assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"
    return 0


if __name__ == "__main__":
    sys.exit(main())
