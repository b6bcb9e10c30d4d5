#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""From the last share packet to the published aggregate share: how long every step takes at every
aggregator, with real processes in network namespaces."""

import argparse
import json
import os
import statistics
import struct
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

from deployment import Deployment, run_pool
from last_share import LastShare
from netlab import Lab, LabError, wait_until

ELEMENT = {"2^31-1": 4, "2^32": 4, "2^61-1": 8, "2^64": 8}
CHUNK_BYTES = 1408
STEPS = ("complete", "ready", "commit", "committed", "acknowledged", "sealed", "freeze", "frozen",
         "share", "shares", "published")
LEADERS = ("ready", "acknowledged", "shares")
BOUND = 1000
MEBIBYTE = 1 << 20

HELP = """
Each round is an event that freezes as soon as its clients are in the sum. Times are milliseconds since
the last share packet left a client (the kernel's time stamp of the frame); the steps are those of
`timings` in control/README.md, and what stands behind a plus is how much of the step was the commit of
the store. `total` ends when the last aggregator has PUBLISHED durable, `share` when the last
aggregate share is durable and may be fetched. Exit status: 0 done, 1 something failed, 2 the arguments
are wrong.

examples:
  sudo tools/benchmark/publish_latency.py
  sudo tools/benchmark/publish_latency.py --clients 100 --rounds 3 --state /var/tmp --json
"""


def arguments(words):
    parser = argparse.ArgumentParser(prog="tools/benchmark/publish_latency.py",
                                     description=__doc__, epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=20, metavar="N", help="a round (default 20)")
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="default 5")
    parser.add_argument("--aggregators", type=int, default=2, metavar="M", help="default 2")
    parser.add_argument("--dimension", type=int, default=100000, metavar="D",
                        help="elements of a vector (default 100000)")
    parser.add_argument("--modulus", choices=list(ELEMENT), default="2^31-1", metavar="NAME",
                        help="%s (default 2^31-1)" % ", ".join(ELEMENT))
    parser.add_argument("--slots", type=int, default=64, metavar="S",
                        help="clients that send at once (default 64)")
    parser.add_argument("--state", metavar="FOLDER",
                        help="where the control processes keep their stores (default: with all "
                             "else, in memory if there is room)")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS",
                        help="of everything (default 300)")
    parser.add_argument("--json", action="store_true",
                        help="one JSON object a line: every round, then the medians")
    args = parser.parse_args(words)
    for name, least, most in (("clients", 2, 100000), ("rounds", 1, 1000), ("aggregators", 2, 16),
                              ("dimension", 1, 1 << 24), ("slots", 1, 65536)):
        if not least <= getattr(args, name) <= most:
            parser.error(f"--{name} {getattr(args, name)}: write {least} to {most}")
    if args.timeout <= 0:
        parser.error(f"--timeout {args.timeout:g}: write a positive number of seconds")
    if args.state and not os.path.isdir(args.state):
        parser.error(f"--state {args.state}: there is no such folder")
    return args


class Clock:
    """What is left of the time for everything."""

    def __init__(self, seconds):
        self.started = time.monotonic()
        self.end = self.started + seconds

    def left(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise LabError("out of time; see --timeout")
        return left

    def say(self, text):
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", file=sys.stderr, flush=True)


class SubmitProcesses:
    """The clients as processes of weir submit. A client source has prepare(weir), before the
    appliances start, and submit(event, timeout), which returns when every client has its receipts,
    with the time at which the last share packet left in microseconds since 1970, or None if it does
    not know."""

    def __init__(self, args):
        self.args, self.weir, self.clients = args, None, []
        self.path = None

    def prepare(self, weir):
        self.weir = weir
        self.clients = list(weir.add_clients([f"c{i}" for i in range(self.args.clients)]))
        self.path = os.path.join(weir.directory, "vector.raw")
        values = [i % BOUND for i in range(self.args.dimension)]
        with open(self.path, "wb") as file:
            file.write(struct.pack(f"<{len(values)}q", *values))

    def expected(self):
        return [i % BOUND * len(self.clients) for i in range(self.args.dimension)]

    def submit(self, event, timeout):
        chunk = CHUNK_BYTES // ELEMENT[self.args.modulus]
        listener = LastShare(self.weir, -(-self.args.dimension // chunk))
        try:
            starts = [lambda client=client: client.start(
                "submit", "--event", event, "--input", self.path, "--raw-type", "int64", "--again")
                for client in self.clients]
            for process in run_pool(starts, self.args.slots, timeout=timeout):
                if process.returncode != 0:
                    raise LabError(f"{process.name}: status {process.returncode}: "
                                   f"{process.tail(1)}")
            return listener.time_us()
        finally:
            listener.close()


def plan_arena(args):
    """Bytes for the slots, two accumulators and the clients' tables, with room for rounds that end."""
    vector = args.dimension * ELEMENT[args.modulus] + 8192
    need = (args.slots + 3) * vector * 5 // 4 + 1000 * args.clients
    return max(16 * MEBIBYTE, -(-need // MEBIBYTE) * MEBIBYTE)


def place_stores(weir, folder):
    for appliance in weir.appliances:
        path = os.path.join(folder, appliance.name)
        os.mkdir(path, 0o700)
        os.symlink(path, appliance.path("state"))


def announce(weir, args, number):
    return weir.announce(
        job=f"latency{number}", modulus=args.modulus, dimension=args.dimension,
        chunk_elements=CHUNK_BYTES // ELEMENT[args.modulus],
        encoding={"kind": "integer", "signed": False, "bound": BOUND}, max_clients=args.clients,
        target_clients=args.clients, duration="30 min", admit_timeout="2 min")


def timings(appliance, event, timeout):
    """The timings of an appliance, once it has published."""
    def published():
        done = appliance.weirctl("events", event, "--json")
        found = json.loads(done.stdout)["events"][0]
        if found["state"] == "failed":
            raise LabError(f"event {event[:8]} failed: {found['reason']}")
        return found["state"] == "published" and found["timings"]
    return wait_until(published, timeout, f"event {event[:8]} to be published", interval=0.5)


def summarise(weir, event, last_share, clock):
    """One round: milliseconds since the last share packet."""
    found = {appliance.name: timings(appliance, event, min(30, clock.left()))
             for appliance in weir.appliances}
    start = last_share or max(steps["complete"] for steps in found.values())
    result = {
        "total_ms": (max(steps["published"] for steps in found.values()) - start) / 1000,
        "share_ms": (max(steps["share"] for steps in found.values()) - start) / 1000,
        "last_share_seen": last_share is not None, "steps_ms": {}, "syncs_ms": {},
    }
    for name, steps in found.items():
        syncs = steps.pop("syncs")
        result["steps_ms"][name] = {step: (at - start) / 1000 for step, at in steps.items()}
        result["syncs_ms"][name] = {step: took / 1000 for step, took in syncs.items()}
    return result


def median(results):
    """The same shape, with the median in every place."""
    if isinstance(results[0], dict):
        return {key: median([result[key] for result in results]) for key in results[0]}
    return results[0] if isinstance(results[0], (bool, str)) else round(statistics.median(results), 3)


def run(args, source, report):
    """All rounds with that source of clients; report is called with each result. Returns them."""
    clock, results = Clock(args.timeout), []
    with Lab() as lab, tempfile.TemporaryDirectory(
            dir=args.state or lab.directory, prefix="weir-stores-") as stores:
        weir = Deployment(lab, args.aggregators, slots=args.slots, arena=plan_arena(args))
        place_stores(weir, stores)
        source.prepare(weir)
        weir.start()
        clock.say(f"{args.aggregators} appliances are up, {args.clients} clients are ready")
        for number in range(args.rounds):
            event = announce(weir, args, number)
            weir.wait_for_state(event, {"open"}, clock.left())
            last_share = source.submit(event, clock.left())
            result = {"round": number + 1} | summarise(weir, event, last_share, clock)
            if number == 0 and weir.collect(event, clock.left()) != source.expected():
                raise LabError("the aggregate is not the sum of the vectors")
            clock.say(f"round {number + 1} of {args.rounds}: {result['total_ms']:.1f} ms")
            results.append(result)
            report(result)
        for appliance in weir.appliances:
            appliance.control.stop()
    return results


def print_table(result, args):
    names = list(result["steps_ms"])
    print(f"{args.clients} clients x {args.dimension} elements, {len(names)} aggregators, medians "
          f"of {args.rounds} rounds, ms since the last share packet (+ commit of the store)")
    print(f"{'step':14}" + "".join(f"{name:>20}" for name in names))
    for step in STEPS:
        cells = []
        for name in names:
            at, sync = (result[key][name].get(step) for key in ("steps_ms", "syncs_ms"))
            cells.append("" if at is None else f"{at:.1f}" + (f" (+{sync:.1f})" if sync else ""))
        print(f"{step:14}" + "".join(f"{cell:>20}" for cell in cells))
    print(f"aggregate shares durable everywhere after {result['share_ms']:.1f} ms, published "
          f"everywhere after {result['total_ms']:.1f} ms")


def main(words=None, make_source=SubmitProcesses):
    args = arguments(words)
    shape = {"benchmark": "publish_latency", "clients": args.clients, "dimension": args.dimension,
             "modulus": args.modulus, "aggregators": args.aggregators, "slots": args.slots,
             "state": args.state or "lab"}

    def report(result):
        if args.json:
            print(json.dumps(shape | result), flush=True)
    try:
        results = run(args, make_source(args), report)
    except (LabError, OSError) as error:
        print(f"publish_latency.py: {error}", file=sys.stderr)
        return 1
    for result in results:
        result.pop("round")
    result = {"rounds": len(results), "median": True} | median(results)
    if args.json:
        report(result)
    else:
        print_table(result, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
