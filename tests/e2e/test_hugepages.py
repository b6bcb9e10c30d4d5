#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Packets and shares in hugepages, two workers and two queues an appliance, one appliance whose workers
never sleep: the sum is exact, all pages are free again afterwards. Without any free page, "on" refuses
to start and says what to do, and "auto" takes ordinary pages."""

import os
import random
import sys

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab

POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB"
PAGES = 200  # two appliances with 64 MiB for packets and 32 MiB for shares each, and some more
CLIENTS, ELEMENTS = 12, 5000
CANNOT_RUN = 77


def pool(name):
    with open(os.path.join(POOL, name), encoding="ascii") as file:
        return int(file.read())


def resize(pages):
    """Returns how many there are really."""
    with open(os.path.join(POOL, "nr_hugepages"), "w", encoding="ascii") as file:
        file.write(str(pages))
    return pool("nr_hugepages")


def exact_sum_in_hugepages():
    draw = random.Random(21)
    rows = [[draw.randint(-(2**40), 2**40) for _ in range(ELEMENTS)] for _ in range(CLIENTS)]
    free = pool("free_hugepages")
    with Lab() as lab:
        weir = Deployment(lab, 2, workers=min(2, os.cpu_count()), slots=8, arena=32 << 20,
                          dataplane={"hugepages": "on", "memory": "none"})
        clients = weir.add_clients([f"c{i}" for i in range(CLIENTS)])
        clients = list(clients)
        for client, row in zip(clients, rows):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
        settings = weir.leader.settings
        weir.leader.settings = lambda: {
            **settings(), "dataplane": settings()["dataplane"] | {"idle": "poll"}}
        weir.start()
        for appliance in weir.appliances:
            assert "packets in hugepages, shares in hugepages" in appliance.dataplane.output(), \
                appliance.dataplane.output()
        assert pool("free_hugepages") < free - 64, "the pages are not in use"
        event = weir.announce(dimension=ELEMENTS, max_clients=CLIENTS, target_clients=CLIENTS,
                              encoding={"kind": "integer", "signed": True, "bound": 2**40})
        weir.wait_for_state(event, {"open"})
        for process in run_pool([lambda c=client: c.start("submit", "--event", event, "--input",
                                                          c.path("vector.csv"))
                                 for client in clients], 6, timeout=150):
            assert process.returncode == 0, f"{process.name}:\n{process.tail()}"
        weir.wait_for_state(event, {"published"})
        assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"
        sleeps = [sum(worker["idle_sleeps"] for worker in appliance.stats()["workers"])
                  for appliance in weir.appliances]
        assert sleeps[0] == 0 < sleeps[1], sleeps
    assert pool("free_hugepages") == free, "hugepages were left behind"


def without_free_pages():
    with Lab() as lab:
        weir = Deployment(lab, 2, arena=32 << 20, dataplane={"hugepages": "on"})
        stubborn, flexible = weir.appliances
        stubborn.write_config()
        stubborn.start_dataplane()
        assert stubborn.dataplane.wait(30) == 1, stubborn.dataplane.output()
        assert "reserve more in /sys/kernel/mm/hugepages" in stubborn.dataplane.output(), stubborn.dataplane.output()
        weir.dataplane = {"hugepages": "auto"}
        flexible.write_config()
        flexible.start_dataplane()
        flexible.dataplane.wait_for_log("packets in ordinary pages, shares in ordinary pages", 30)


def main():
    before, used = pool("nr_hugepages"), pool("nr_hugepages") - pool("free_hugepages")
    try:
        if resize(used + PAGES) < used + PAGES:
            print(f"this machine has no {PAGES} free hugepages to reserve")
            return CANNOT_RUN
        exact_sum_in_hugepages()
        if resize(used) == used:
            without_free_pages()
    finally:
        resize(before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
