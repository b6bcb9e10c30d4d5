#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""Every link loses 5 %, doubles 2 % and reorders 10 % of its frames, in both directions, data and
control: the sum is exact and everybody gets receipts."""

import random
import sys

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab

CLIENTS, ELEMENTS = 24, 20_000
FAULTS = "--both loss=5%,dup=2%,reorder=10%"


def main():
    draw = random.Random(11)
    rows = [[draw.randint(-(10**9), 10**9) for _ in range(ELEMENTS)] for _ in range(CLIENTS)]
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=8, link=lambda i: f"{FAULTS} --seed {100 + i}",
                          control_link=lambda i: f"{FAULTS} --seed {200 + i}")
        clients = [weir.add_client(f"c{i}") for i in range(CLIENTS)]
        for client, row in zip(clients, rows):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
        weir.start()
        event = weir.announce(dimension=ELEMENTS, max_clients=CLIENTS, target_clients=CLIENTS,
                              encoding={"kind": "integer", "signed": True, "bound": 10**9})
        weir.wait_for_state(event, {"open"})
        ended = run_pool([lambda c=client: c.start("submit", "--event", event, "--input",
                                                   c.path("vector.csv")) for client in clients],
                         12, timeout=240)
        for process in ended:
            assert process.returncode == 0, f"{process.name}:\n{process.tail()}"
        weir.wait_for_state(event, {"published"})
        assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"
        for appliance in weir.appliances:
            for link in (appliance.network.data_link, appliance.network.control_link):
                counted = link.stats()
                for way in ("a_to_b", "b_to_a"):
                    # Both ways of the data link carry enough frames for every kind of fault.
                    assert counted[way]["lost"] > 0, counted
                print(f"{appliance.name}: {counted}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
