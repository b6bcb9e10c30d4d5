#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""A control process is killed while clients upload, while batches are summed and while receipts are on their way; the
leader's, a helper's, both. The dataplanes go on. When it is back, so is the event: the sum is that of all clients, to
the last bit, and every weir submit ends with its receipts."""

import random
import sys
import time

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab, wait_until

CLIENTS, ELEMENTS = 6, 120_000


def counter(appliance, name):
    return sum(worker[name] for worker in appliance.stats()["workers"])


def restart(appliances, pause=0.0):
    """kill -9, of all before the first is back."""
    for appliance in appliances:
        appliance.control.kill()
    time.sleep(pause)
    for appliance in appliances:
        appliance.start_control()


def until_healthy(appliances):
    for appliance in appliances:
        wait_until(appliance.is_healthy, 60, f"{appliance.name} to be ready", interval=0.2)


def sealed(weir, event):
    return weir.event(event)["counts"]["sealed"]


def draw_vectors(weir, draw):
    rows = [[draw.randint(0, 1000) for _ in range(ELEMENTS)] for _ in weir.clients]
    for client, row in zip(weir.clients, rows):
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(map(str, row)) + "\n")
    return rows


def run_event(weir, victims, draw):
    """One event in which the victims are killed five times."""
    rows = draw_vectors(weir, draw)
    event = weir.announce(dimension=ELEMENTS, max_clients=2 * CLIENTS, target_clients=CLIENTS,
                          duration="4 min", admit_timeout="60 s",
                          encoding={"kind": "integer", "bound": 1000})
    restart(victims)                       # perhaps a draft still
    until_healthy(victims)
    weir.wait_for_state(event, {"open"})
    before = [counter(appliance, "shares_staged") for appliance in weir.appliances]
    processes = [client.start("submit", "--event", event, "--input", client.path("vector.csv"))
                 for client in weir.clients]
    time.sleep(draw.uniform(0, 0.2))
    restart(victims, draw.uniform(0, 1))   # joins
    until_healthy(victims)
    for appliance, staged in zip(weir.appliances, before):
        wait_until(lambda a=appliance, s=staged: counter(a, "shares_staged") > s + 100, 60,
                   "the first shares")
    restart(victims, draw.uniform(0, 1))   # uploads
    until_healthy(victims)
    wait_until(lambda: sealed(weir, event) >= 1, 120, "the first to be sealed")
    restart(victims)                       # receipts, batches
    until_healthy(victims)
    wait_until(lambda: sealed(weir, event) >= CLIENTS - 1, 120, "almost all to be sealed")
    restart(victims, draw.uniform(0, 0.5))  # the last batch, the freeze
    for process in run_pool([lambda p=p: p for p in processes], CLIENTS, timeout=200):
        assert process.returncode == 0, f"{process.name}:\n{process.tail()}"
    until_healthy(victims)
    ended = weir.wait_for_state(event, {"published", "failed"}, timeout=120)
    assert ended["state"] == "published", ended
    assert ended["counts"]["sealed"] == CLIENTS, ended
    assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"


def main():
    draw = random.Random(4)
    with Lab() as lab:
        # 10 Mbit/s to each aggregator: 6 MB take some seconds. Two slots: the clients come in turns.
        weir = Deployment(lab, 2, slots=2, arena=32 << 20, link="--both rate=10mbit",
                          dataplane={"window": 64})
        for i in range(CLIENTS):
            weir.add_client(f"c{i}")
        weir.start()
        leader, helper = weir.appliances
        for victims in ([helper], [leader], [leader, helper]):
            started = time.monotonic()
            run_event(weir, victims, draw)
            print(f"{' and '.join(v.name for v in victims)}: {time.monotonic() - started:.1f} s",
                  flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
