#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""A client is killed in the middle of its upload: it counts nowhere, and the others' sum is exact.
The event is frozen by its deadline, since the target count is never reached."""

import random
import sys

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab, wait_until

CLIENTS, ELEMENTS = 5, 400_000


def counter(appliance, name):
    return sum(worker[name] for worker in appliance.stats()["workers"])


def leaves_no_core(process):
    """A client that crashes does not leave its vector and its keys in a file."""
    with open(f"/proc/{process.pid}/limits", encoding="ascii") as limits:
        line = next(line for line in limits if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"], line


def main():
    draw = random.Random(12)
    rows = [[draw.randint(0, 1000) for _ in range(ELEMENTS)] for _ in range(CLIENTS)]
    with Lab() as lab:
        # 10 Mbit/s from the clients to each aggregator: an upload of 3.2 MB takes seconds.
        weir = Deployment(lab, 2, slots=4, arena=96 << 20, link="--both rate=10mbit",
                          dataplane={"window": 64})
        clients = [weir.add_client(f"c{i}") for i in range(CLIENTS)]
        for client, row in zip(clients, rows):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
        weir.start()
        event = weir.announce(dimension=ELEMENTS, max_clients=CLIENTS, target_clients=CLIENTS,
                              duration="60 s", admit_timeout="40 s",
                              encoding={"kind": "integer", "bound": 1000})
        weir.wait_for_state(event, {"open"})
        start = [lambda c=client: c.start("submit", "--event", event, "--input",
                                          c.path("vector.csv")) for client in clients]
        victim = start[0]()
        for appliance in weir.appliances:
            wait_until(lambda: counter(appliance, "shares_staged") > 100, 30, "the first shares")
        leaves_no_core(victim)
        victim.kill()
        for appliance in weir.appliances:
            assert counter(appliance, "slots_completed") == 0, "killed too late to show anything"
        for process in run_pool(start[1:], CLIENTS, timeout=100):
            assert process.returncode == 0, f"{process.name}:\n{process.tail()}"
        ended = weir.wait_for_state(event, {"published", "failed"}, timeout=120)
        assert ended["state"] == "published", ended
        assert ended["counts"]["sealed"] == CLIENTS - 1, ended
        assert ended["counts"]["aborted"] == 1, ended
        assert weir.collect(event) == [sum(column) for column in zip(*rows[1:])], "the sum differs"
    return 0


if __name__ == "__main__":
    sys.exit(main())
