# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Measures Weir against what it competes with, prints a table, and writes a report: tools/bench."""

import argparse
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bench_control
import bench_host
import bench_report
import bench_scaling
import bench_sections
from bench_run import Bench, Failed, Skipped

ROOT = os.path.dirname(os.path.dirname(HERE))
HUGE_BYTES, QUICK_HUGE_BYTES = 1100 << 20, 300 << 20  # buffers of packets, or a pair of processes
SECTIONS = {
    "loop": bench_sections.loop,
    "kernels": bench_sections.kernels,
    "pipeline": bench_sections.pipeline,
    "memif": bench_sections.memif,
    "vhost": bench_sections.vhost,
    "no-cipher": bench_sections.no_cipher,
    "testpmd": bench_sections.testpmd,
    "sockets": bench_sections.sockets,
    "mpi": bench_sections.mpi,
    "flood": bench_sections.flood,
    "full-rate": bench_sections.full_rate,
    "client": bench_sections.client,
    "memory": bench_scaling.memory,
    "scaling": bench_scaling.scaling,
    "publish": bench_control.publish,
    "joins": bench_control.joins,
}


def arguments(words):
    parser = argparse.ArgumentParser(
        prog="tools/bench", description=__doc__,
        epilog="Exit status: 0 measured, whether targets are met or not; 1 something failed or a "
               "sum was wrong; 2 the arguments are wrong.")
    parser.add_argument("--only", metavar="A,B", help="only these sections; see --list")
    parser.add_argument("--list", action="store_true", help="print the sections and end")
    parser.add_argument("--quick", action="store_true",
                        help="one short run of everything: whether it works, not how fast it is")
    parser.add_argument("--repeat", type=int, metavar="N", help="runs or pairs of each (default 3)")
    parser.add_argument("--limit", type=float, default=15, metavar="MINUTES",
                        help="begin no section after so long (default 15)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="of each run (default 0.5)")
    parser.add_argument("--output", metavar="DIR", help="default: build/bench/results")
    parser.add_argument("--build-dir", metavar="DIR", default=os.path.join(ROOT, "build", "bench"),
                        help="default: build/bench")
    args = parser.parse_args(words)
    args.sections = list(SECTIONS) if args.only is None else args.only.split(",")
    for name in args.sections:
        if name not in SECTIONS:
            parser.error(f"'{name}' is not a section; see --list")
    if args.repeat is None:
        args.repeat = 1 if args.quick else 3
    if args.seconds is None:
        args.seconds = 0.1 if args.quick else 0.5
    if args.repeat < 1 or not 0 < args.seconds <= 60:
        parser.error("--repeat is 1 or more, --seconds above 0 and at most 60")
    args.output = args.output or os.path.join(args.build_dir, "results")
    return args


def measure(bench, name, deadline):
    """Returns whether nothing failed."""
    bench.section = name
    print(f"{name}: {SECTIONS[name].__doc__}", flush=True)
    try:
        if time.monotonic() > deadline:
            raise Skipped("no time left; see --limit")
        SECTIONS[name](bench)
    except Skipped as skipped:
        bench.report.skip(name, str(skipped))
    except (Failed, OSError) as failed:
        bench.report.skip(name, f"FAILED: {failed}")
        return False
    return True


def run(args):
    began = time.monotonic()
    machine = bench_report.machine()
    bench = Bench(args.build_dir, args.output, args.repeat, args.seconds, args.quick)
    for name, value in machine:
        print(f"{name}: {value}")
    print(f"\n  {'figure':56} {'median':>8} {'':11} {'quartiles':>19}  {'target':>10}", flush=True)
    with bench_host.HugePages(QUICK_HUGE_BYTES if args.quick else HUGE_BYTES):
        good = [measure(bench, name, began + 60 * args.limit) for name in args.sections]
    bench.report.write(machine, time.monotonic() - began)
    for text, count in bench.report.remarks.items():
        print(f"noticed {count} times: {text}")
    print(f"\n{time.monotonic() - began:.0f} s; *: other work on the machine took part of the time; "
          f"report: {os.path.join(args.output, 'report.md')}")
    return 0 if all(good) else 1


def main(words=None):
    args = arguments(words)
    if args.list:
        for name, function in SECTIONS.items():
            print(f"{name:10} {function.__doc__}")
        return 0
    # Whoever ends us wants what we changed to be put back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(args)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
