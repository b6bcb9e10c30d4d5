# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The main job, on real data: M appliances, one client process for each row, the exact sum."""

import argparse
import csv
import math
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

from deployment import Deployment, run_pool
from netlab import Lab, LabError
from table import ELEMENT_SIZE, LARGEST, Table, TableError

DEFAULT_INPUT = os.path.join(ROOT, "tests", "data", "breast_cancer.csv")
AGGREGATORS_MAX = 16
PROCESSES_MAX = 32  # client processes at once
MEBIBYTE = 1 << 20

HELP = """
examples:
  sudo tools/demo
  sudo tools/demo --aggregators 3 --modulus 2^31-1
  sudo tools/demo --input table.csv --weights count --output sum.csv
  sudo tools/demo --link loss=5%,dup=2%,reorder=10% --seed 7

Each row of the CSV is one client's vector; the header line names the columns. Values that are all
integers are summed as integers; others as fixed point, by default with the largest power of ten up
to 10^6 as scale with which the sum still fits the modulus. Exit status: 0 the aggregate equals the
plain sum in every element, 1 it does not or something failed, 2 the arguments are wrong.
"""


def positive(text):
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError
    return value


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/demo", description=__doc__, epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aggregators", type=int, default=2, metavar="M",
                        help="how many appliances, 2 to %d (default 2)" % AGGREGATORS_MAX)
    parser.add_argument("--input", default=DEFAULT_INPUT, metavar="FILE.csv",
                        help="the table (default: the breast-cancer data, 569 rows of 30)")
    parser.add_argument("--weights", metavar="COLUMN", help="the column with the public weights")
    parser.add_argument("--scale", type=positive, metavar="S", help="fixed point with this scale")
    parser.add_argument("--modulus", choices=list(LARGEST), default="2^61-1",
                        help="%s (default 2^61-1)" % ", ".join(LARGEST), metavar="NAME")
    parser.add_argument("--output", metavar="FILE.csv", help="write the header and the aggregate")
    parser.add_argument("--link", metavar="FAULTS",
                        help="make every link bad in both directions, as in loss=5%%,dup=2%%")
    parser.add_argument("--seed", type=int, default=1, help="of the bad links (default 1)")
    args = parser.parse_args()
    if not 2 <= args.aggregators <= AGGREGATORS_MAX:
        parser.error(f"--aggregators {args.aggregators}: write 2 to {AGGREGATORS_MAX}")
    return args


class Progress:
    """One line a phase; on a terminal the line counts up."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.started = time.monotonic()

    def say(self, text):
        end = "\033[K\n" if self.terminal else "\n"
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", end=end, flush=True)

    def counter(self, text):
        def show(done, total):
            if self.terminal:
                print(f"[{time.monotonic() - self.started:6.1f} s] {text} {done}/{total}\033[K",
                      end="\r", flush=True)
        return show


def plan(table, modulus):
    """Slots and arena for this vector length, so that small machines carry large vectors too."""
    vector = len(table.columns) * ELEMENT_SIZE[modulus] + 8192
    slots = max(2, min(64, len(table.rows), 128 * MEBIBYTE // vector))
    arena = (slots + 3) * vector * 5 // 4 + 100 * len(table.rows)
    return slots, max(16 * MEBIBYTE, (arena + MEBIBYTE - 1) // MEBIBYTE * MEBIBYTE)


def make_clients(weir, table, progress):
    show = progress.counter("clients' keys")
    clients = []
    for client in weir.add_clients([f"client{n}" for n in range(1, len(table.rows) + 1)]):
        row = table.rows[len(clients)]
        with open(client.path("vector.csv"), "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerow(row)
        clients.append(client)
        show(len(clients), len(table.rows))
    return clients


def announce(weir, table, encoding, modulus):
    terms = {"kind": encoding.kind}
    if encoding.kind == "fixed":
        terms |= {"scale": float(encoding.scale), "clip": float(encoding.clip)}
    else:
        terms |= {"signed": encoding.signed, "bound": encoding.bound}
    return weir.announce(modulus=modulus, dimension=len(table.columns), encoding=terms,
                         max_clients=len(table.rows) + table.spare_clients(encoding, modulus),
                         max_weight=max(table.weights), target_clients=len(table.rows),
                         duration="30 min", admit_timeout="2 min")


def submit_all(clients, weights, event, progress):
    def start(client, weight):
        return lambda: client.start("submit", "--event", event, "--input",
                                    client.path("vector.csv"), "--weight", weight)
    starts = [start(client, weight) for client, weight in zip(clients, weights)]
    ended = run_pool(starts, PROCESSES_MAX, progress.counter("receipts"), timeout=1800)
    failed = [process for process in ended if process.returncode != 0]
    for process in failed[:5]:
        print(f"{process.name}: status {process.returncode}: {process.tail(1)}", file=sys.stderr)
    if failed:
        raise LabError(f"{len(failed)} of {len(clients)} clients failed")


def write_output(path, table, encoding, aggregate):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerow([encoding.show(value) for value in aggregate])


def compare(table, encoding, aggregate, expected):
    """Prints some of the aggregate and the verdict; True if nothing differs."""
    width = max(len(name) for name in table.columns[:8])
    for name, value in list(zip(table.columns, aggregate))[:8]:
        print(f"    {name:{width}}  {encoding.show(value)}")
    if len(aggregate) > 8:
        print(f"    ... and {len(aggregate) - 8} more")
    if len(aggregate) != len(expected):
        print(f"DIFFERENT: {len(aggregate)} elements, but the vectors have {len(expected)}")
        return False
    wrong = [i for i, (a, b) in enumerate(zip(aggregate, expected)) if a != b]
    for i in wrong[:5]:
        print(f"DIFFERENT: {table.columns[i]}: aggregate {aggregate[i]}, plain sum {expected[i]}")
    if wrong:
        print(f"{len(wrong)} of {len(expected)} elements differ from the plain sum")
        return False
    print(f"exact: all {len(expected)} elements equal the plain sum of {len(table.rows)} vectors, "
          f"computed independently in integers")
    return True


def describe(encoding):
    if encoding.kind == "fixed":
        return f"fixed point, scale {encoding.scale:g}, clip {encoding.clip:g}"
    return f"{'signed' if encoding.signed else 'unsigned'} integers up to {encoding.bound}"


def run(args, table, encoding, progress):
    slots, arena = plan(table, args.modulus)
    links = [(lambda i, kind=kind: f"--both {args.link} --seed {args.seed + 2 * i + kind}")
             if args.link else None for kind in (0, 1)]  # each link loses other frames
    with Lab() as lab:
        progress.say(f"network: {args.aggregators} aggregators and the clients, in namespaces")
        weir = Deployment(lab, args.aggregators, slots=slots, arena=arena,
                          link=links[0], control_link=links[1])
        clients = make_clients(weir, table, progress)
        progress.say(f"keys: {len(clients)} clients, {args.aggregators} aggregators, a collector")
        weir.start()
        progress.say(f"appliances: {args.aggregators} dataplanes and control processes are up")
        event = announce(weir, table, encoding, args.modulus)
        weir.wait_for_state(event, {"open"})
        progress.say(f"event {event[:16]}... is open: modulus {args.modulus}, "
                     f"{len(table.columns)} elements, {describe(encoding)}")
        submit_all(clients, table.weights, event, progress)
        progress.say(f"clients: {len(clients)} have every aggregator's receipt")
        weir.wait_for_state(event, {"published"})
        progress.say(f"published: {args.aggregators} aggregate shares")
        aggregate = weir.collect(event)
        progress.say("collected: the aggregate is")
    expected = table.plain_sum(encoding)
    if args.output:
        write_output(args.output, table, encoding, aggregate)
    return compare(table, encoding, aggregate, expected)


def main():
    args = arguments()
    progress = Progress()
    try:
        table = Table(args.input, args.weights)
        encoding = table.encoding(args.modulus, args.scale)
        folder = os.path.dirname(os.path.abspath(args.output)) if args.output else "."
        if args.output and not os.access(folder, os.W_OK):  # better now than after the event
            raise TableError(f"--output {args.output}: the folder {folder} cannot be written")
        progress.say(f"input: {args.input}: {len(table.rows)} clients x "
                     f"{len(table.columns)} elements")
        return 0 if run(args, table, encoding, progress) else 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"tools/demo: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except (UnicodeDecodeError, csv.Error) as error:
        print(f"tools/demo: {args.input}: not a CSV file in UTF-8: {error}", file=sys.stderr)
        return 1
    except (TableError, LabError) as error:
        print(f"tools/demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
