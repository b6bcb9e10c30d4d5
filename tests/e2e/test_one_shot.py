#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 400 s
"""Clients that send once and listen to nothing: 5 % of what they send is lost at random, nothing at all comes
back from any dataplane, and there are fewer slots than clients. All get receipts, and the sum is exact. Without
waiting for it a client is gone when it has sent, and learns later. An event without forward error correction
takes no such client."""

import json
import random
import sys

import lab_path  # noqa: F401
from deployment import Deployment, run_pool
from netlab import Lab, wait_until
from signed_request import load_key, signed_request

CLIENTS, SLOTS, ELEMENTS = 16, 6, 30_000
BOUND = 10**9


def total(weir, name):
    return sum(worker[name] for appliance in weir.appliances for worker in appliance.stats()["workers"])


def make_deaf(weir):
    """From here on no frame of a dataplane reaches a client; the addresses are known already."""
    star = weir.star
    for appliance in weir.appliances:
        network = appliance.network
        star.clients.run(["ping", "-c", "1", "-W", "5", network.data_address], 60)
        listed = json.loads(star.clients.run(["ip", "-json", "neigh", "show", network.data_address], 60).stdout)
        star.clients.run(["ip", "neigh", "replace", network.data_address, "lladdr", listed[0]["lladdr"], "dev",
                          listed[0]["dev"], "nud", "permanent"], 60)
        network.data_link.command("b-to-a cut")
        network.data_link.command("a-to-b loss=5%")


def refusals(weir, client, path):
    event = weir.announce(dimension=ELEMENTS, max_clients=4, modulus="2^31-1",
                          encoding={"kind": "integer", "bound": 10}, duration="20 s")
    weir.wait_for_state(event, {"open"})
    done = client.run("submit", "--event", event, "--input", path, "--one-shot", check=False)
    assert done.returncode == 1 and "no forward error correction" in done.stderr, done.stderr
    done = client.run("submit", "--event", event, "--input", path, "--no-wait", check=False)
    assert done.returncode == 2 and "--one-shot" in done.stderr, done.stderr
    body = json.dumps({"join": "{}", "signature": "00" * 64, "admit": "now"}).encode()
    leader = weir.leader
    for admit, code in (("now", "admit"), ("soon", "body")):
        body = json.dumps({"join": "{}", "signature": "00" * 64, "admit": admit}).encode()
        status, answer = signed_request(weir.star.clients, load_key(client.path("identity.pem")), client.identity,
                                        leader.identity, leader.url, "POST", f"/v1/events/{event}/join", body)
        assert status == 400 and json.loads(answer)["code"] == code, (status, answer)


def main():
    draw = random.Random(3)
    rows = [[draw.randint(-BOUND, BOUND) for _ in range(ELEMENTS)] for _ in range(CLIENTS)]
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=SLOTS, link=lambda i: f"--both loss=0% --seed {50 + i}")
        clients = [weir.add_client(f"c{i}") for i in range(CLIENTS)]
        for client, row in zip(clients, rows):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
        weir.start()
        refusals(weir, clients[0], clients[0].path("vector.csv"))
        event = weir.announce(dimension=ELEMENTS, max_clients=CLIENTS, target_clients=CLIENTS,
                              fec={"data": 64, "parity": 20}, admit_timeout="60 s",
                              encoding={"kind": "integer", "signed": True, "bound": BOUND})
        weir.wait_for_state(event, {"open"})
        make_deaf(weir)

        def submit(client, *words):
            return client.start("submit", "--event", event, "--input", client.path("vector.csv"), "--one-shot",
                                "--rate", "5Mbit/s", "--json", *words)

        # The last one does not wait for its receipt.
        ended = run_pool([lambda: submit(clients[-1], "--no-wait")], 1, timeout=120)
        assert ended[0].returncode == 0, ended[0].tail()
        assert '"unconfirmed": true' in ended[0].output(), ended[0].output()
        sealed = lambda: json.loads(clients[-1].run("state", "--event", event, "--json").stdout)["client"]
        wait_until(lambda: sealed()["state"] == "sealed", 60, "the client that has gone to be sealed", interval=0.3)

        ended = run_pool([lambda c=client: submit(c) for client in clients[:-1]], 4, timeout=240)
        for process in ended:
            assert process.returncode == 0, f"{process.name}:\n{process.tail()}"
        weir.wait_for_state(event, {"published"})
        assert weir.collect(event) == [sum(column) for column in zip(*rows)], "the sum differs"
        done = clients[-1].run("submit", "--event", event, "--input", clients[-1].path("vector.csv"), check=False)
        assert done.returncode == 0, done.stderr

        chunks = 2 * CLIENTS * -(-ELEMENTS // 176)
        recovered, staged = total(weir, "chunks_recovered"), total(weir, "shares_staged")
        assert recovered > 0 and staged + recovered == chunks, (recovered, staged, chunks)
        assert total(weir, "requests") == 0 and total(weir, "queries") == 0, "somebody asked a dataplane"
        assert total(weir, "recoveries_refused") == 0
        print(f"{recovered} of {chunks} chunks recovered, {total(weir, 'parity_staged')} of parity")
    return 0


if __name__ == "__main__":
    sys.exit(main())
