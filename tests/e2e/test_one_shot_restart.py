#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""A helper's dataplane is killed while clients send once and listen to nothing, so nobody sends again what was lost.
What had arrived is in its memory, and with the parity that comes later it is enough: for a client whose packets were
all there when it died, and for one that lost no more than parity makes good while it was gone. Who lost more is aborted
everywhere by the admit timeout, and its slots are free. The sum is exact."""

import json
import random
import signal
import sys
import time

import lab_path  # noqa: F401
from deployment import Deployment
from netlab import Lab, wait_until

ELEMENTS, BOUND = 60_000, 10**9
CHUNKS = -(-ELEMENTS // 176)
DATA, PARITY = 64, 40                  # 4 datagrams in 10 may be lost


def total(appliance, name):
    return sum(worker[name] for worker in appliance.stats()["workers"])


def slots_used(appliance, event):
    return next(e["slots_used"] for e in appliance.stats()["events"] if e["id"] == event)


def send(client, event, rate):
    """Ends when everything is on its way."""
    return client.start("submit", "--event", event, "--input", client.path("vector.csv"), "--one-shot", "--no-wait",
                        "--rate", rate)


def until_sent(process):
    wait_until(lambda: process.returncode is not None, 60, f"{process.name} to have sent", interval=0.1)
    assert process.returncode == 0, process.tail()


def until_staged(appliance, count):
    before = total(appliance, "shares_staged")
    return lambda: wait_until(lambda: total(appliance, "shares_staged") > before + count, 60, "shares", interval=0.05)


def state(client, event):
    return json.loads(client.run("state", "--event", event, "--json").stdout)["client"]["state"]


def until_state(client, event, wanted):
    wait_until(lambda: state(client, event) == wanted, 60, f"{client.name} to be {wanted}", interval=0.3)


def start_again(helper):
    helper.start_dataplane()
    wait_until(helper.is_healthy, 60, "the helper to be ready", interval=0.1)


def all_there(leader, helper, client, event):
    """Complete when the dataplane dies; its control process, which is stopped, hears of it only from the next."""
    some = until_staged(leader, 30)
    process = send(client, event, "2Mbit/s")
    some()
    helper.control.signal(signal.SIGSTOP)
    until_sent(process)
    time.sleep(1)
    assert state(client, event) == "admitted"
    helper.dataplane.kill()
    helper.start_dataplane()
    helper.control.signal(signal.SIGCONT)
    wait_until(helper.is_healthy, 60, "the helper to be ready", interval=0.1)
    until_state(client, event, "sealed")
    assert total(helper, "shares_staged") < CHUNKS / 2, "it was sent again?"


def through_the_gap(helper, client, event):
    some = until_staged(helper, 100)
    process = send(client, event, "600kbit/s")
    some()
    helper.dataplane.kill()
    start_again(helper)
    until_sent(process)
    until_state(client, event, "sealed")
    staged, recovered = total(helper, "shares_staged"), total(helper, "chunks_recovered")
    assert recovered > 0 and staged + recovered < CHUNKS - 100, (staged, recovered)
    print(f"    {recovered} of {CHUNKS} chunks recovered, {staged} came after the restart")


def too_much_lost(weir, helper, client, event):
    some = until_staged(helper, 50)
    process = send(client, event, "2Mbit/s")
    some()
    helper.dataplane.kill()
    until_sent(process)
    start_again(helper)
    assert state(client, event) == "admitted"
    until_state(client, event, "aborted")
    for appliance in weir.appliances:
        wait_until(lambda a=appliance: slots_used(a, event) == 0, 20, "the slots to be free")


def main():
    draw = random.Random(8)
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=2, dataplane={"memory": "auto"})
        leader, helper = weir.appliances
        clients = [weir.add_client(f"c{i}") for i in range(4)]
        rows = [[draw.randint(-BOUND, BOUND) for _ in range(ELEMENTS)] for _ in clients]
        for client, row in zip(clients, rows):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
        weir.start()
        event = weir.announce(dimension=ELEMENTS, max_clients=8, target_clients=3, fec={"data": DATA, "parity": PARITY},
                              admit_timeout="20 s", encoding={"kind": "integer", "signed": True, "bound": BOUND})
        weir.wait_for_state(event, {"open"})
        complete, lucky, lost, late = clients
        all_there(leader, helper, complete, event)
        print("complete before the kill", flush=True)
        through_the_gap(helper, lucky, event)
        print("through the gap", flush=True)
        too_much_lost(weir, helper, lost, event)
        print("too much lost", flush=True)
        until_sent(send(late, event, "5Mbit/s"))
        ended = weir.wait_for_state(event, {"published", "failed"})
        assert ended["state"] == "published" and ended["counts"]["aborted"] == 1, ended
        assert weir.collect(event) == [sum(column) for column in zip(rows[0], rows[1], rows[3])], "the sum differs"
    return 0


if __name__ == "__main__":
    sys.exit(main())
