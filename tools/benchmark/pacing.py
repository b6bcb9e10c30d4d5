#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""How much of a bad link clients use together: they submit at once through one link with a rate, a delay,
random loss and a queue that overflows, and what arrived for the first time is compared with what the link
could have carried meanwhile."""

import argparse
import array
import contextlib
import json
import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

from deployment import Deployment, run_pool
from netlab import Lab, LabError

CHUNK_ELEMENTS, ELEMENT_SIZE = 176, 8
FRAME = 14 + 20 + 8 + 40 + CHUNK_ELEMENTS * ELEMENT_SIZE  # a SHARE as the link counts it
POLL = 0.05
LINK = "rate=100mbit,delay=50ms,loss=1%,queue=640kb"

HELP = """
The link's counters say the rest: `overhead` is what crossed beyond one frame a chunk (resent shares and
questions), `lost` is what chance took of all frames, `overflow` what the full queue dropped.
Exit status: 0 done, 1 something failed, 2 the arguments are wrong.

examples:
  sudo tools/benchmark/pacing.py
  sudo tools/benchmark/pacing.py --link rate=100mbit,delay=25ms,loss=1%,queue=128kb --clients 16 --json
"""


def arguments(words):
    parser = argparse.ArgumentParser(prog="tools/benchmark/pacing.py", description=__doc__, epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--link", default=LINK, metavar="CHANGES",
                        help="of weir-link, both ways; must have a rate in mbit (default " + LINK.replace("%", "%%") + ")")
    parser.add_argument("--clients", type=int, default=8, metavar="N", help="default 8")
    parser.add_argument("--aggregators", type=int, default=2, metavar="M", help="default 2")
    parser.add_argument("--window", type=int, default=256, metavar="CHUNKS",
                        help="what the dataplanes grant each client (default 256, as they do)")
    parser.add_argument("--seconds", type=float, default=15, metavar="S",
                        help="how long the link needs at its rate (default 15)")
    parser.add_argument("--seed", type=int, default=1, help="of the link and the vectors (default 1)")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="default 300")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args(words)
    rates = [word for word in args.link.split(",") if word.startswith("rate=") and word.endswith("mbit")]
    if len(rates) != 1:
        parser.error(f"--link {args.link}: write one rate in mbit")
    args.rate = float(rates[0][5:-4]) * 1e6
    if not 1 <= args.clients <= 64 or not 2 <= args.aggregators <= 16 or args.seconds <= 0:
        parser.error("1 to 64 clients, 2 to 16 aggregators, a positive number of seconds")
    return args


class Watch:
    """Looks at the link all the while: when the first and the last full stretch of frames crossed it."""

    def __init__(self, link):
        self.link, self.samples, self._stop = link, [], threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):  # a machine that stands still
                self.samples.append((time.monotonic(), self.link.stats()["a_to_b"]))
            time.sleep(POLL)

    def stop(self):
        self._stop.set()
        self._thread.join()
        self.samples.append((time.monotonic(), self.link.stats()["a_to_b"]))

    def busy(self):
        """The first and the last moment at which SHAREs crossed: more frames than idle questions are."""
        moments = [(before[0], after[0]) for before, after in zip(self.samples, self.samples[1:])
                   if after[1]["forwarded"] - before[1]["forwarded"] > 10]
        return moments[0][0], moments[-1][1]

    def timeline(self, step=0.5):
        """Megabits a second that came out of the link, step by step."""
        start, end = self.busy()
        rates, (last_time, last_count) = [], (start, self.samples[0][1]["forwarded"])
        for moment, counters in self.samples:
            if start < moment <= end and moment - last_time >= step:
                rates.append(round((counters["forwarded"] - last_count) * FRAME * 8
                                   / (moment - last_time) / 1e6))
                last_time, last_count = moment, counters["forwarded"]
        return rates


def make_vectors(weir, elements, seed):
    """A file for each client; returns the sum."""
    total = [0] * elements
    for number, client in enumerate(weir.clients):
        draw = random.Random(f"{seed} {number}")
        row = array.array("q", array.array("H", draw.randbytes(2 * elements)))
        with open(client.path("vector.raw"), "wb") as file:
            row.tofile(file)
        total = [a + b for a, b in zip(total, row)]
    return total


def run(args, lab):
    """One event. Returns the figures; the sum has been compared with the integers."""
    elements = int(args.rate * args.seconds / 8 / args.clients / args.aggregators / FRAME) * CHUNK_ELEMENTS
    size = elements * ELEMENT_SIZE
    weir = Deployment(lab, args.aggregators, slots=args.clients,
                      arena=(16 << 20) + args.clients * (size + (1 << 16)),
                      dataplane={"window": args.window},
                      bottleneck=["--both", args.link, "--seed", str(args.seed)])
    for number in range(args.clients):
        weir.add_client(f"c{number}")
    total = make_vectors(weir, elements, args.seed)
    weir.start()
    event = weir.announce(dimension=elements, chunk_elements=CHUNK_ELEMENTS, max_clients=2 * args.clients,
                          target_clients=args.clients, admit_timeout="600 s", duration="20 min",
                          encoding={"kind": "integer", "bound": 65535})
    weir.wait_for_state(event, {"open"})
    watch = Watch(weir.star.bottleneck)
    try:
        ended = run_pool([lambda c=client: c.start("submit", "--event", event, "--input",
                                                   c.path("vector.raw"), "--raw-type", "int64")
                          for client in weir.clients], args.clients, timeout=args.timeout)
    finally:
        watch.stop()
    for process in ended:
        if process.returncode != 0:
            raise LabError(f"{process.name}: {process.tail()}")
    weir.wait_for_state(event, {"published"})
    exact = weir.collect(event) == total
    return figures(args, watch, elements // CHUNK_ELEMENTS) | {"exact": exact}


def figures(args, watch, chunks):
    start, end = watch.busy()
    first, last = watch.samples[0][1], watch.samples[-1][1]
    crossed = {name: last[name] - first[name] for name in last}
    once = chunks * args.clients * args.aggregators
    return {
        "seconds": round(end - start, 2),
        "megabit_per_s": round(once * FRAME * 8 / (end - start) / 1e6, 2),
        "fraction": round(once * FRAME * 8 / (end - start) / args.rate, 4),
        "frames_once": once,
        "frames_sent": crossed["received"],
        "overhead": round(crossed["received"] / once - 1, 4),
        "lost": round(crossed["lost"] / crossed["received"], 4),
        "overflow": round(crossed["queue_drops"] / crossed["received"], 4),
        "overruns": crossed["overruns"],
        "timeline": watch.timeline(),
    }


def main(words=None):
    args = arguments(words)
    try:
        with Lab() as lab:
            result = run(args, lab)
    except (LabError, OSError) as error:
        print(f"pacing.py: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"benchmark": "pacing", "link": args.link, "clients": args.clients,
                          "aggregators": args.aggregators, "window": args.window} | result))
    else:
        print(f"{args.clients} clients through one link of {args.link}: {result['seconds']} s, "
              f"{result['megabit_per_s']} Mbit/s, {100 * result['fraction']:.1f} % of the link; overhead "
              f"{100 * result['overhead']:.1f} %, lost {100 * result['lost']:.2f} %, overflow "
              f"{100 * result['overflow']:.2f} % of the frames; the sum is "
              f"{'exact' if result['exact'] else 'WRONG'}")
    return 0 if result["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
