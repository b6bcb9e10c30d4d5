#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A second client, in Python, written from the protocol pages alone, takes part beside the C
clients: with 2 and with 3 aggregators, integers and fixed point, with weights, all four moduli, over
IPv4 and over IPv6. The sum is exact and the receipts verify."""

import json
import os
import random
import sys

import lab_path
from deployment import Deployment
from netlab import Lab
from weir_client import Appliance, Participation
from weir_documents import Refused, load_identity

PROGRAM = os.path.join(lab_path.ROOT, "tests", "python_client", "weir_client.py")
MAX_WEIGHT = 5


class PythonClient:
    """One of the deployment's clients, of which only the key is used."""

    def __init__(self, weir, name):
        self.weir, self.client = weir, weir.add_client(name)

    def command(self, event, vector, weight):
        words = ["/usr/bin/python3", PROGRAM, "submit", "--key", self.client.path("identity.pem"),
                 "--leader", self.weir.leader.url, "--leader-identity", self.weir.leader.identity]
        for appliance in self.weir.appliances[1:]:
            words += ["--aggregator", appliance.identity]
        return [*words, "--event", event, "--input", vector, "--weight", str(weight)]

    def start(self, event, vector, weight):
        return self.weir.star.clients.start(self.command(event, vector, weight), self.client.name)

    def check_receipts(self, event, answer):
        """Fetched again and verified here; and a receipt of another batch is none."""
        key = load_identity(self.client.path("identity.pem"))
        leader = Appliance(self.weir.leader.url, self.weir.leader.identity, key)
        with self.weir.star.clients.entered():
            part = Participation(leader, key, event, [a.identity for a in self.weir.appliances])
            _, found = leader.call("GET", f"{part.path}/clients/{answer['client']}")
        join_digest, batch = bytes.fromhex(found["join"]), found["batch"]
        assert found["state"] == "sealed" and batch == answer["batch"], found
        part.announcement.check_receipts(join_digest, batch, found["receipts"])
        for wrong_digest, wrong_batch in ((join_digest, batch + 1), (bytes(32), batch)):
            try:
                part.announcement.check_receipts(wrong_digest, wrong_batch, found["receipts"])
            except Refused:
                continue
            raise AssertionError("a receipt for something else was taken")
        return part.announcement


def write_vector(client, row):
    path = client.path("vector.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(map(str, row)) + "\n")
    return path


def take_part(weir, python, natives, name, rows, weights, expected, event_named="id",
              ipv6=False, **job):
    """One event: rows[0] is the Python client's."""
    event = weir.announce(dimension=len(rows[0]), max_clients=len(rows), target_clients=len(rows),
                          max_weight=MAX_WEIGHT, **job)
    weir.wait_for_state(event, {"open"})
    processes = [python.start("latest" if event_named == "latest" else event,
                              write_vector(python.client, rows[0]), weights[0])]
    for client, row, weight in zip(natives, rows[1:], weights[1:]):
        processes.append(client.start("submit", "--event", event, "--input",
                                      write_vector(client, row), "--weight", weight))
    for process in processes:
        assert process.wait(100) == 0, f"{name}: {process.name}:\n{process.tail()}"
    ended = weir.wait_for_state(event, {"published", "failed"})
    assert ended["state"] == "published" and ended["counts"]["sealed"] == len(rows), ended
    assert weir.collect(event) == expected, f"{name}: the sum differs"
    answer = json.loads(processes[0].output().splitlines()[-1])
    assert answer["state"] == "sealed", answer
    announcement = python.check_receipts(event, answer)
    version = "IPv6" if ipv6 else "IPv4"
    assert all(offer["endpoint"].startswith("[") == ipv6 for offer in announcement.offers), version
    print(f"exact: {name}, {version}", flush=True)


def integers(weir, python, natives, draw, modulus, elements, low, high, **more):
    rows = [[draw.randint(low, high) for _ in range(elements)] for _ in range(1 + len(natives))]
    rows[0][0], rows[0][-1] = low, high
    weights = [draw.randint(1, MAX_WEIGHT) for _ in rows]
    expected = [sum(w * x for w, x in zip(weights, column)) for column in zip(*rows)]
    take_part(weir, python, natives, f"integers, {modulus}, {len(weir.appliances)} aggregators",
              rows, weights, expected, modulus=modulus,
              encoding={"kind": "integer", "signed": low < 0, "bound": max(high, -low)}, **more)


def fixed_point(weir, python, natives, draw, modulus, elements, scale, clip, **more):
    """Multiples of 1/16, which doubles hold exactly, so that there are ties; some are clipped."""
    rows = [[draw.randint(-20 * clip, 20 * clip) / 16 for _ in range(elements)]
            for _ in range(1 + len(natives))]
    weights = [draw.randint(1, MAX_WEIGHT) for _ in rows]
    encoded = [[round(max(-clip, min(clip, x)) * scale) for x in row] for row in rows]
    expected = [sum(w * x for w, x in zip(weights, column)) for column in zip(*encoded)]
    take_part(weir, python, natives, f"fixed point, {modulus}, {len(weir.appliances)} aggregators",
              rows, weights, expected, modulus=modulus,
              encoding={"kind": "fixed", "scale": float(scale), "clip": float(clip)}, **more)


def over_ipv6(appliance):
    """Offers an IPv6 endpoint."""
    settings = appliance.settings()
    settings["control"]["endpoint"] = f"[{appliance.network.data_address6}]:9347"
    appliance.settings = lambda: settings


def main():
    draw = random.Random(20)
    with Lab() as lab:
        weir = Deployment(lab, 2)
        python = PythonClient(weir, "python")
        natives = [weir.add_client(f"c{i}") for i in range(3)]
        weir.start()
        everyone = (weir, python, natives, draw)
        integers(*everyone, "2^31-1", 1, -1000, 1000)
        integers(*everyone, "2^32", 353, 0, 2**20)
        fixed_point(*everyone, "2^61-1", 400, 4, 1000)
        integers(*everyone, "2^64", 70_000, 0, 2**40, event_named="latest")
    with Lab() as lab:
        weir = Deployment(lab, 3)
        python = PythonClient(weir, "python")
        natives = [weir.add_client(f"c{i}") for i in range(2)]
        for appliance in weir.appliances:
            over_ipv6(appliance)
        weir.start()
        everyone = (weir, python, natives, draw)
        integers(*everyone, "2^64", 177, -2**50, 2**50, ipv6=True)
        fixed_point(*everyone, "2^31-1", 1000, 2, 500, ipv6=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
