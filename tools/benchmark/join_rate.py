#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""How many joins a second the control planes take: clients that join an event at its leader, each
accepted by every aggregator and durable in every aggregator's log before it is told so."""

import argparse
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

from deployment import Deployment
from netlab import Lab, LabError, program, wait_until

MEBIBYTE = 1 << 20

HELP = """
Each round is a new event, which is cancelled after it. Exit status: 0 done, 1 something failed, 2 the
arguments are wrong.

examples:
  sudo tools/benchmark/join_rate.py
  sudo tools/benchmark/join_rate.py --clients 10000 --parallel 128 --rounds 3 --json
"""


def arguments(words):
    parser = argparse.ArgumentParser(prog="tools/benchmark/join_rate.py", description=__doc__,
                                     epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=2000, metavar="N",
                        help="joins a round (default 2000)")
    parser.add_argument("--parallel", type=int, default=64, metavar="P",
                        help="clients that ask at once, a process each (default 64)")
    parser.add_argument("--rounds", type=int, default=3, metavar="R", help="default 3")
    parser.add_argument("--aggregators", type=int, default=2, metavar="M", help="default 2")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS",
                        help="of each round (default 300)")
    parser.add_argument("--json", action="store_true",
                        help="one JSON object a line: every round, then the medians")
    args = parser.parse_args(words)
    for name, least, most in (("clients", 1, 100000), ("parallel", 1, 1000), ("rounds", 1, 1000),
                              ("aggregators", 2, 16)):
        if not least <= getattr(args, name) <= most:
            parser.error(f"--{name} {getattr(args, name)}: write {least} to {most}")
    if args.parallel > args.clients:
        parser.error(f"--parallel {args.parallel}: there are only {args.clients} clients")
    if args.timeout <= 0:
        parser.error(f"--timeout {args.timeout:g}: write a positive number of seconds")
    return args


def processor_seconds(process):
    """What a process has used so far, user and system."""
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill_rosters(weir, args):
    done = weir.star.clients.run([program("join_load"), str(args.clients)], args.timeout)
    path = os.path.join(weir.directory, "identities.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write(done.stdout)
    for appliance in weir.appliances:
        appliance.weirctl("roster", "add", "--file", path, timeout=args.timeout)


def one_round(weir, args, number):
    event = weir.announce(job=f"joins{number}", modulus="2^32", dimension=16, max_clients=args.clients,
                          encoding={"kind": "integer", "signed": False, "bound": 1},
                          duration="30 min")
    weir.wait_for_state(event, {"open"}, args.timeout)
    before = [processor_seconds(appliance.control) for appliance in weir.appliances]
    done = weir.star.clients.run([program("join_load"), str(args.clients), weir.collector.config,
                                  event, str(args.parallel)], args.timeout)
    used = [processor_seconds(appliance.control) - start
            for appliance, start in zip(weir.appliances, before)]
    result = {"round": number + 1} | json.loads(done.stdout)
    result |= {f"cpu_us_per_join_{appliance.name}": round(1e6 * seconds / args.clients, 1)
               for appliance, seconds in zip(weir.appliances, used)}
    for appliance in weir.appliances:  # nothing counts that is not in every log
        def arrived(appliance=appliance):
            found = json.loads(appliance.weirctl("events", event, "--json").stdout)["events"][0]
            return found["counts"]["joined"] == args.clients
        wait_until(arrived, 30, f"all joins at {appliance.name}", interval=0.2)
    weir.leader.weirctl("cancel", event)
    weir.wait_for_state(event, {"failed"}, args.timeout)
    return result


def run(args, report):
    results, started = [], time.monotonic()
    with Lab() as lab:
        weir = Deployment(lab, args.aggregators, arena=(16 + args.clients // 500) * MEBIBYTE,
                          dataplane={"max_clients": max(1000, args.clients)})
        weir.start()
        fill_rosters(weir, args)
        for number in range(args.rounds):
            results.append(one_round(weir, args, number))
            print(f"[{time.monotonic() - started:6.1f} s] round {number + 1} of {args.rounds}: "
                  f"{results[-1]['joins_per_second']:.0f} joins/s", file=sys.stderr, flush=True)
            report(results[-1])
    return results


def main(words=None):
    args = arguments(words)

    def report(result):
        if args.json:
            print(json.dumps({"benchmark": "join_rate", "aggregators": args.aggregators} | result),
                  flush=True)
    try:
        results = run(args, report)
    except (LabError, OSError) as error:
        print(f"join_rate.py: {error}", file=sys.stderr)
        return 1
    result = {"rounds": args.rounds, "median": True} | {
        key: round(statistics.median(result[key] for result in results), 3)
        for key in results[0] if key != "round"}
    report(result)
    if not args.json:
        print(f"{args.clients} joins, {args.parallel} at once, {args.aggregators} aggregators, medians "
              f"of {args.rounds} rounds: {result['joins_per_second']:.0f} joins/s, one takes "
              f"{result['join_ms_median']:.1f} ms (99 %: {result['join_ms_p99']:.1f} ms)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
