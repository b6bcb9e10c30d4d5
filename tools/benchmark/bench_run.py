# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Runs programs and makes figures of them: a value is the median of several runs, a ratio the median
of the ratios of several pairs of runs, which take turns."""

import json
import os
import statistics
import subprocess
import time

import bench_host
import bench_report

QUIET_PATIENCE = 3  # seconds to wait for other work to end, before each run
DISTURBED = 0.2     # CPUs that others may use during a run
FAR = 2             # times the shortest round trip seen: the host has moved a CPU away
TRIES = 5           # of a run that was disturbed
TIMEOUT = 120       # of one run


class Failed(Exception):
    """A program did not do what it was started for."""


class Skipped(Exception):
    """A section cannot be measured here."""


def quartiles(values):
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def last_json(text):
    """The last line that is a JSON object."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Failed("printed no JSON object")


class Bench:
    """What the sections share: where the programs are, how often to measure, where figures go."""

    def __init__(self, build, output, repeat, seconds, quick):
        self.build, self.output = build, output
        self.repeat, self.seconds, self.quick = repeat, seconds, quick
        self.report = bench_report.Report(output)
        self.section = ""
        cpus = sorted(os.sched_getaffinity(0))
        self.cpu, self.other_cpu = cpus[-1], cpus[0]
        self.two_cpus = len(cpus) > 1
        self.nearest = None  # shortest round trip between the two CPUs so far, ns

    def program(self, path):
        """The path of a program in the build tree."""
        full = os.path.join(self.build, path)
        if not os.access(full, os.X_OK):
            raise Skipped(f"{os.path.basename(path)} was not built")
        return full

    def run(self, command, timeout=TIMEOUT):
        """Its output. Its standard error is in the message if it fails."""
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{os.path.basename(command[0])} took more than {timeout} s") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            raise Failed(f"{os.path.basename(command[0])}: status {done.returncode}: {said}")
        return done.stdout

    def tool(self, name, *options, cpus=None):
        """A function that runs a program of this folder and returns its result."""
        command = [self.program(f"tools/benchmark/{name}"), "--json", *options, "--seconds",
                   str(self.seconds)]
        if self.quick and name in ("loop", "sockets"):
            command += ["--buffer", "40"]
        if cpus is not None:
            command = ["taskset", "-c", ",".join(map(str, cpus)), *command]
        return lambda: last_json(self.run(command))

    def loop(self, *options):
        """The yardstick, on the CPU where the dataplane's worker is."""
        return self.tool("loop", *options, cpus=[self.cpu])

    def _is_far(self):
        """Whether the two CPUs are further from each other than they were. On a virtual machine the
        host may move them, for seconds or minutes."""
        if not self.two_cpus or self.quick:
            return False
        trip = last_json(self.run([self.program("tools/benchmark/core_distance")]))["round_trip_ns"]
        self.nearest = min(trip, self.nearest or trip)
        return trip > FAR * self.nearest

    def _undisturbed(self, functions):
        """Runs them one after the other; again if other work came between, the CPUs were moved apart,
        or one failed."""
        for attempt in range(TRIES):
            last = self.quick or attempt == TRIES - 1
            bench_host.wait_for_quiet(0 if self.quick else QUIET_PATIENCE)
            work, far = bench_host.OtherWork(), self._is_far()
            if far and not last:
                time.sleep(1)
                continue
            try:
                results = [function() for function in functions]
            except Failed:
                if attempt > 0:
                    raise
                continue
            disturbed = work.cpus() >= DISTURBED or far or self._is_far()
            if not disturbed or last:
                return results, disturbed
        return None

    def samples(self, *functions):
        """repeat times one result of each function; every second time in the opposite order."""
        rows, disturbed = [], 0
        for i in range(self.repeat):
            order = list(range(len(functions)))
            if i % 2:
                order.reverse()
            results, was_disturbed = self._undisturbed([functions[j] for j in order])
            row = [None] * len(functions)
            for place, result in zip(order, results):
                row[place] = result
            rows.append(row)
            disturbed += was_disturbed
        return rows, disturbed

    def value(self, name, unit, values, **more):
        low, high = quartiles(values)
        self.report.figure(self.section, name, unit, statistics.median(values), low, high,
                           samples=len(values), **more)
        return statistics.median(values)

    def ratio(self, name, pairs, **more):
        """pairs of numbers measured in turn."""
        ratios = [a / b for a, b in pairs]
        low, high = quartiles(ratios)
        self.report.figure(self.section, name, "", statistics.median(ratios), low, high,
                           samples=len(ratios), of=[statistics.median(a for a, _ in pairs),
                                                    statistics.median(b for _, b in pairs)], **more)
        return statistics.median(ratios)

    def say(self, text):
        print(text, flush=True)


def rate(result, key="elements_per_second"):
    return result[key]


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(0.01)
