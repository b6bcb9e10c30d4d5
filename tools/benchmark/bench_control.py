# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""What tools/bench measures of the control plane, by programs of their own."""

import json
import os
import sys

from bench_run import Skipped

HERE = os.path.dirname(os.path.abspath(__file__))


def script(bench, name, *options, timeout):
    path = os.path.join(HERE, name)
    if not os.path.exists(path):
        raise Skipped(f"there is no {name}")
    os.environ["WEIR_BUILD_DIR"] = bench.build
    output = bench.run([sys.executable, path, "--json", *options], timeout)
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def publish(bench):
    """From the last share to the published aggregate share, step by step."""
    clients, rounds = ("8", "1") if bench.quick else ("64", str(max(3, bench.repeat)))
    results = script(bench, "publish_latency.py", "--clients", clients, "--rounds", rounds,
                     timeout=180)
    rounds = [result for result in results if not result.get("median")]
    median = next(result for result in results if result.get("median"))
    bench.value("last share to published aggregate share", "ms",
                [result["total_ms"] for result in rounds], clients=int(clients))
    for name, steps in median["steps_ms"].items():
        for step, at in steps.items():
            sync = median["syncs_ms"][name].get(step, 0)
            bench.report.figure(bench.section, f"appliance {name}: {step} (its sync {sync:.1f} ms)",
                                "ms", at, at, at)


def verifications(bench):
    """Ed25519 signatures that one CPU verifies in a second."""
    output = bench.run(["taskset", "-c", str(bench.cpu), "openssl", "speed", "-seconds", "1", "ed25519"])
    return float(output.split()[-1])


def joins(bench):
    """Joins a second that the control planes take, durable at every aggregator."""
    options = (("--clients", "32", "--parallel", "8", "--rounds", "1") if bench.quick else
               ("--clients", "1000", "--rounds", str(bench.repeat)))
    results = [result["joins_per_second"] for result in
               script(bench, "join_rate.py", *options, timeout=240) if not result.get("median")]
    bench.value("joins", "joins/s", results)
    one = verifications(bench)
    bench.ratio("joins / signatures that one CPU verifies", [(joins, one) for joins in results])
