# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Time and memory against the number of clients and of elements: straight lines, over three decades."""

import statistics

from bench_pair import Event, measure
from bench_run import Failed, Skipped

CLIENTS = (100, 300, 1000, 3000, 10000, 30000, 100000)
CLIENTS_DIMENSION = 3520  # ten packets
ELEMENTS = (1000, 3000, 10000, 30000, 100000, 300000, 1000000)
ELEMENTS_CLIENTS, ELEMENTS_SLOTS = 512, 32
PER_CLIENT = (1000, 100000)  # joined clients between which memory is compared


def line(points):
    """(a, b) of y = a + b x with the least squares of relative errors: all decades count alike."""
    s_1 = sum(1 / (y * y) for _, y in points)
    s_x = sum(x / (y * y) for x, y in points)
    s_xx = sum(x * x / (y * y) for x, y in points)
    s_y = sum(1 / y for _, y in points)
    s_xy = sum(x / y for x, y in points)
    determinant = s_1 * s_xx - s_x * s_x
    return ((s_y * s_xx - s_xy * s_x) / determinant, (s_1 * s_xy - s_x * s_y) / determinant)


def deviation(points, fit):
    """By what part of itself the point farthest from the line is off it."""
    a, b = fit
    return max(abs((a + b * x) / y - 1) for x, y in points)


def _series(bench, events):
    """(x, seconds, bytes of shared and private memory) for each event."""
    points = []
    for x, event in events:
        try:
            rows, _ = bench.samples(lambda event=event: measure(bench, "memif", event, timeout=60))
        except Failed as failed:
            bench.report.skip(f"scaling, {x}", str(failed))
            continue
        seconds = statistics.median(row[0]["elapsed_s"] for row in rows)
        memory = rows[0][0]["arena_bytes"] + rows[0][0]["private_bytes"]
        bench.say(f"  {x:>9}: {seconds:9.4f} s, {memory / 1e6:9.2f} MB")
        points.append((x, seconds, memory))
    if len(points) < 3:
        raise Failed("too few points for a line")
    return points


def _lines(bench, what, points):
    """Tells both lines of a series, and returns (points, line) of each."""
    found = []
    for quantity, unit, column in (("time", "us", 1), ("memory", "bytes", 2)):
        chosen = [(point[0], point[column]) for point in points]
        fit = line(chosen)
        factor = 1e6 if unit == "us" else 1
        bench.value(f"{quantity} for each further {what}", unit, [fit[1] * factor], points=chosen,
                    fixed=fit[0] * factor)
        bench.value(f"{quantity} against {what}s: largest deviation from a + b x", "",
                    [deviation(chosen, fit)])
        found.append((chosen, fit))
    return found


def scaling(bench):
    """Time and memory of whole events, over three decades of clients and of elements."""
    bench.program("tools/weirgen/weirgen")
    if not bench.two_cpus:
        raise Skipped("it takes two CPUs")
    keep, bench.repeat = bench.repeat, min(bench.repeat, 3)
    every = 3 if bench.quick else 1
    try:
        bench.say(f"  clients of {CLIENTS_DIMENSION} elements:")
        clients = _series(bench, [(n, Event(n, CLIENTS_DIMENSION)) for n in CLIENTS[::every]])
        bench.say(f"  elements of {ELEMENTS_CLIENTS} clients, {ELEMENTS_SLOTS} at a time:")
        elements = _series(bench, [(n, Event(ELEMENTS_CLIENTS, n, slots=ELEMENTS_SLOTS))
                                   for n in ELEMENTS[::every]])
    finally:
        bench.repeat = keep
    time_clients, memory_clients = _lines(bench, "client", clients)
    time_elements, memory_elements = _lines(bench, "element", elements)
    titles = [f"clients of {CLIENTS_DIMENSION} elements", f"elements of {ELEMENTS_CLIENTS} clients"]
    for name, unit, series in (("time", "seconds", (time_clients, time_elements)),
                               ("memory", "bytes", (memory_clients, memory_elements))):
        bench.report.plot(name, "clients, or elements of a vector", unit,
                          [(title, *both) for title, both in zip(titles, series)],
                          bytes_on_y=name == "memory")


def memory(bench):
    """Memory for slots, and for clients that have joined and hold no slot."""
    few, many = PER_CLIENT
    event = Event(256)
    slots = measure(bench, "memif", event)
    one, other = (measure(bench, "memif", Event(n, 352)) for n in (few, many))
    accumulators = 2 * -(-event.slot_bytes() // 4096) * 4096
    staging = slots["arena_bytes"] - accumulators - 16 * event.clients
    bench.ratio("staging memory / slots x vector", [(staging, event.slots * event.slot_bytes())])
    grown = sum(other[key] - one[key] for key in ("arena_bytes", "private_bytes"))
    bench.value("memory of a joined client without a slot", "bytes", [grown / (many - few)])
