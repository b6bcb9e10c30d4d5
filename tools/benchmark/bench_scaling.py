# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Time and memory against the number of clients and of elements: straight lines, over three decades."""

import math

from bench_pair import Event, measure
from bench_run import Skipped

CLIENTS = (300, 3000, 30000, 300000)
CLIENTS_DIMENSION = 3520 # ten packets
ELEMENTS = (3000, 30000, 300000, 3000000)
ELEMENTS_CLIENTS, ELEMENTS_SLOTS = 256, 8
PER_CLIENT = (1000, 300000) # joined clients between which memory is compared


def fit(points):
    """(slope, factor) of y = factor x ** slope, by least squares of the logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    slope = (sum((x - mean_x) * (y - mean_y) for x, y in logs) /
             sum((x - mean_x) ** 2 for x, _ in logs))
    return slope, math.exp(mean_y - slope * mean_x)


def _series(bench, events):
    """(x, seconds, bytes of shared and private memory) for each event."""
    points = []
    for x, event in events:
        rows, _ = bench.samples(lambda event=event: measure(bench, "memif", event, timeout=90))
        seconds = sorted(row[0]["elapsed_s"] for row in rows)[len(rows) // 2]
        memory = rows[0][0]["arena_bytes"] + rows[0][0]["private_bytes"]
        bench.say(f"  {x:>9}: {seconds:9.4f} s, {memory / 1e6:9.2f} MB")
        points.append((x, seconds, memory))
    return points


def _slope(bench, name, points):
    slope, factor = fit(points)
    bench.value(name, "", [slope], points=points)
    return slope, factor


def scaling(bench):
    """Time and memory of whole events, over three decades of clients and of elements."""
    bench.program("tools/weirgen/weirgen")
    if not bench.two_cpus:
        raise Skipped("it takes two CPUs")
    keep, bench.repeat = bench.repeat, min(bench.repeat, 3)
    try:
        bench.say(f"  clients of {CLIENTS_DIMENSION} elements:")
        clients = _series(bench, [(n, Event(n, CLIENTS_DIMENSION)) for n in CLIENTS])
        bench.say(f"  elements of {ELEMENTS_CLIENTS} clients, {ELEMENTS_SLOTS} at a time:")
        elements = _series(bench, [(n, Event(ELEMENTS_CLIENTS, n, slots=ELEMENTS_SLOTS))
                                   for n in ELEMENTS])
    finally:
        bench.repeat = keep
    time_clients = [(x, seconds) for x, seconds, _ in clients]
    time_elements = [(x, seconds) for x, seconds, _ in elements]
    memory_elements = [(x, size) for x, _, size in elements]
    lines = [_slope(bench, "log-log slope of time against clients", time_clients),
             _slope(bench, "log-log slope of time against elements", time_elements)]
    bench.report.plot("time", "clients, or elements of a vector", "seconds", [
        (f"clients of {CLIENTS_DIMENSION} elements", time_clients, lines[0]),
        (f"elements of {ELEMENTS_CLIENTS} clients", time_elements, lines[1])])
    memory_clients = [(x, size - clients[0][2]) for x, _, size in clients[1:]]
    base = elements[0][2] - ELEMENTS[0] * 4 * (ELEMENTS_SLOTS + 2)
    memory_elements = [(x, size - base) for x, size in memory_elements]
    fits = [_slope(bench, "log-log slope of memory against clients", memory_clients),
            _slope(bench, "log-log slope of memory against elements", memory_elements)]
    bench.report.plot("memory", "clients, or elements of a vector", "bytes above the smallest", [
        (f"clients, {Event(1).slots} of them with a slot", memory_clients, fits[0]),
        (f"elements, {ELEMENTS_SLOTS} slots", memory_elements, fits[1])], bytes_on_y=True)


def memory(bench):
    """Memory for slots, and for clients that have joined and hold no slot."""
    few, many = PER_CLIENT
    keep, bench.repeat = bench.repeat, 1
    try:
        slots = measure(bench, "memif", Event(64))
        one, other = (measure(bench, "memif", Event(n, 352)) for n in (few, many))
    finally:
        bench.repeat = keep
    event = Event(64)
    accumulators = 2 * -(-event.slot_bytes() // 4096) * 4096
    staging = slots["arena_bytes"] - accumulators - 16 * event.clients
    bench.ratio("staging memory / slots x vector", [(staging, event.slots * event.slot_bytes())])
    grown = sum(other[key] - one[key] for key in ("arena_bytes", "private_bytes"))
    bench.value("memory of a joined client without a slot", "bytes", [grown / (many - few)])
