#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Sending once with forward error correction against sending again what was lost: how often it completes, and
what it costs in bytes and time, with real processes over links that lose and delay with a seed."""

import argparse
import json
import math
import os
import random
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

from deployment import Deployment, run_pool
from netlab import Lab, LabError

CHUNK = 352
BOUND = 1000
USUAL, MORE = {"data": 64, "parity": 16}, {"data": 64, "parity": 48}
LOSSES = (0, 1, 5, 10, 20)
ROUND_TRIPS = (1, 20, 100, 200)

HELP = """
First the probability that a client completes, exactly (the binomial distribution, all groups at all aggregators),
and the same measured: `weir submit --one-shot` over links that lose 5 %, with nothing at all coming back from
the dataplanes. Then a table: for each loss (of the data links, both ways) and round trip (of data and control
links) what one client puts on its data links, in kilobytes with all headers, and the seconds until it holds every
aggregator's receipt. `resend` is the usual client; `once` and `once+` send once at --rate, with 16 and with 48
of parity on 64; `-` means that too much was lost. Exit status: 0 done, 1 something failed, 2 the arguments are
wrong.

examples:
  sudo tools/benchmark/one_shot.py
  sudo tools/benchmark/one_shot.py --submissions 1000 --no-table
"""


def arguments(words):
    parser = argparse.ArgumentParser(prog="tools/benchmark/one_shot.py", description=__doc__, epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=200, metavar="N", help="default 200; 0: none")
    parser.add_argument("--dimension", type=int, default=100_000, metavar="D",
                        help="elements of 4 bytes (default 100000)")
    parser.add_argument("--rate", default="100Mbit/s",
                        help="of what is sent once, in the table (default 100Mbit/s)")
    parser.add_argument("--parallel", type=int, default=4, metavar="P",
                        help="submissions at once, before the table, at 4Mbit/s each (default 4): all that is "
                             "lost is to be what the links lose")
    parser.add_argument("--seed", type=int, default=1, help="of the links (default 1)")
    parser.add_argument("--no-table", action="store_true", help="only the probability")
    return parser.parse_args(words)


def completes(fec, chunks, aggregators, loss):
    """The probability that every group has enough, everywhere."""
    groups = -(-chunks // fec["data"])
    result = 1.0
    for group in range(groups):
        n = chunks // groups + (group < chunks % groups) + fec["parity"]
        result *= 1 - math.fsum(math.comb(n, lost) * loss**lost * (1 - loss)**(n - lost)
                                for lost in range(fec["parity"] + 1, n + 1))
    return result**aggregators


def make_deaf(weir):
    star = weir.star
    for appliance in weir.appliances:
        network = appliance.network
        star.clients.run(["ping", "-c", "1", "-W", "5", network.data_address], 60)
        found = json.loads(star.clients.run(["ip", "-json", "neigh", "show", network.data_address], 60).stdout)[0]
        star.clients.run(["ip", "neigh", "replace", network.data_address, "lladdr", found["lladdr"], "dev",
                          found["dev"], "nud", "permanent"], 60)


def sent_bytes(weir):
    return sum(json.loads(weir.star.clients.run(["ip", "-json", "-s", "link", "show", f"data-{a.index}"], 60)
                          .stdout)[0]["stats64"]["tx"]["bytes"] for a in weir.appliances)


def announce(weir, options, clients, **changes):
    event = weir.announce(modulus="2^31-1", dimension=options.dimension, max_clients=clients, duration="30 min",
                          encoding={"kind": "integer", "bound": BOUND}, admit_timeout="30 s", **changes)
    weir.wait_for_state(event, {"open"})
    return event


def measure_completion(weir, options, vector, clients):
    event = announce(weir, options, 2 * len(clients), fec=USUAL)
    for appliance in weir.appliances:
        appliance.network.data_link.command("a-to-b loss=5%")
        appliance.network.data_link.command("b-to-a cut")
    started = time.monotonic()
    ended = run_pool([lambda c=c: c.start("submit", "--event", event, "--input", vector, "--raw-type", "int64",
                                          "--one-shot", "--rate", "4Mbit/s", "--timeout", "20s")
                      for c in clients], options.parallel, timeout=3600)
    good = sum(process.returncode == 0 for process in ended)
    seconds = time.monotonic() - started
    aborted = next(found["clients"]["aborted"] for found in weir.leader.stats()["events"] if found["id"] == event)
    recovered = dropped = 0
    for appliance in weir.appliances:
        workers = appliance.stats()["workers"]
        recovered += sum(worker["chunks_recovered"] for worker in workers)
        dropped += appliance.network.data_link.stats()["a_to_b"]["forwarded"]
        dropped -= sum(worker["rx_packets"] for worker in workers)
    # A client that did not complete was aborted, and may have joined anew.
    print(f"measured: {good} of {len(clients)} in the sum, {aborted} not at the first attempt; {recovered} chunks "
          f"recovered; {seconds:.0f} s", flush=True)
    if dropped > 0:
        print(f"  the machine was too busy and lost {dropped} frames of its own: these count above as well")
    for appliance in weir.appliances:
        appliance.network.data_link.command("b-to-a heal")
    for process in ended:
        if process.returncode != 0:
            print(f"  {process.name}: {process.tail()}")


def one(weir, client, vector, event, words):
    before, started = sent_bytes(weir), time.monotonic()
    done = client.run("submit", "--event", event, "--input", vector, "--raw-type", "int64", *words, timeout=300,
                      check=False)
    took = time.monotonic() - started
    return (sent_bytes(weir) - before) / 1000, took if done.returncode == 0 else None


def table(weir, options, vector, clients):
    once = ["--one-shot", "--rate", options.rate, "--timeout", "12s"]
    kinds = [("resend", announce(weir, options, 40), []), ("once", announce(weir, options, 40, fec=USUAL), once),
             ("once+", announce(weir, options, 40, fec=MORE), once)]
    print(f"\n{'':>5}  {'':>6}" + "".join(f"  {name + ' kB':>9}  {name + ' s':>8}" for name, _, _ in kinds))
    for round_trip in ROUND_TRIPS:
        for loss in LOSSES:
            for appliance in weir.appliances:
                appliance.network.data_link.command(f"both loss={loss}%,delay={round_trip / 2}ms")
                appliance.network.control_link.command(f"both delay={round_trip / 2}ms")
            line = f"{loss:>3} %  {round_trip:>3} ms"
            for _, event, words in kinds:
                kilobytes, took = one(weir, next(clients), vector, event, words)
                line += f"  {kilobytes:>9.0f}  " + ("       -" if took is None else f"{took:>8.2f}")
            print(line, flush=True)


def run(options):
    chunks = -(-options.dimension // CHUNK)
    cells = 0 if options.no_table else 3 * len(LOSSES) * len(ROUND_TRIPS)
    print(f"{options.dimension} elements: {chunks} chunks, two aggregators, fec {USUAL['data']} + {USUAL['parity']}")
    for loss in LOSSES[1:]:
        print(f"exact: completes at {loss:>2} % loss with probability {completes(USUAL, chunks, 2, loss / 100):.9f}"
              f", with {MORE['parity']} of parity {completes(MORE, chunks, 2, loss / 100):.9f}")
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=16, arena=96 << 20, control_link=lambda i: "--both loss=0%",
                          link=lambda i: f"--both loss=0% --seed {options.seed * 100 + i}")
        clients = list(weir.add_clients([f"c{i}" for i in range(options.submissions + cells)]))
        vector = os.path.join(lab.directory, "vector.raw")
        draw = random.Random(options.seed)
        with open(vector, "wb") as file:
            file.write(struct.pack(f"<{options.dimension}q",
                                   *(draw.randint(0, BOUND) for _ in range(options.dimension))))
        weir.start()
        make_deaf(weir)
        if options.submissions:
            measure_completion(weir, options, vector, clients[:options.submissions])
        if cells:
            table(weir, options, vector, iter(clients[options.submissions:]))
    return 0


def main(words):
    try:
        return run(arguments(words))
    except LabError as error:
        print(f"one_shot.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
