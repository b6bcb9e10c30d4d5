#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 900 s
"""The demo is exact: every modulus, 2, 3 and 5 aggregators, weights, negative fractions, and vectors
of 1, 353 and 1,000,003 elements. The file that --output writes is compared as well, with a sum made
here from the numbers that were drawn, not from the table that the demo read."""

import csv
import os
import random
import subprocess
import sys
import tempfile
from fractions import Fraction

import lab_path

DEMO = os.path.join(lab_path.ROOT, "tools", "lab", "demo.py")
DATA = os.path.join(lab_path.ROOT, "tests", "data")


def demo(*words):
    done = subprocess.run(["/usr/bin/python3", DEMO, *map(str, words)], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=900)
    assert done.returncode == 0, f"demo {words}: status {done.returncode}\n{done.stdout}{done.stderr}"
    assert "exact: all " in done.stdout, done.stdout


def write_table(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f"c{i}" for i in range(len(rows[0]))])
        writer.writerows(rows)


def check_output(path, expected):
    csv.field_size_limit(1 << 30)
    with open(path, newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert len(header) == len(row) == len(expected), (len(header), len(row), len(expected))
    for cell, value in zip(row, expected):
        assert Fraction(cell) == value, (cell, value)


def integers(folder, name, clients, elements, low, high, seed, *words):
    """Random integers through the demo; the sum is made here."""
    draw = random.Random(seed)
    rows = [[draw.randint(low, high) for _ in range(elements)] for _ in range(clients)]
    table, output = os.path.join(folder, f"{name}.csv"), os.path.join(folder, f"{name}-sum.csv")
    write_table(table, rows)
    demo("--input", table, "--output", output, *words)
    check_output(output, [sum(column) for column in zip(*rows)])
    print(f"exact: {name}", flush=True)


def negative_fractions(folder):
    draw = random.Random(4)
    rows = [[draw.randint(-9_000_000, 9_000_000) for _ in range(40)] for _ in range(6)]
    table, output = os.path.join(folder, "frac.csv"), os.path.join(folder, "frac-sum.csv")
    write_table(table, [[f"{value / 1000:.3f}" for value in row] for row in rows])
    demo("--input", table, "--output", output, "--aggregators", 5, "--scale", 1000)
    check_output(output, [Fraction(sum(column), 1000) for column in zip(*rows)])
    print("exact: negative fractions, 5 aggregators", flush=True)


def weights(folder):
    table, output = os.path.join(DATA, "digits_100.csv"), os.path.join(folder, "digits-sum.csv")
    demo("--input", table, "--weights", "weight", "--output", output, "--aggregators", 3,
         "--modulus", "2^32")
    with open(table, newline="", encoding="utf-8") as file:
        rows = [list(map(int, row)) for row in list(csv.reader(file))[1:]]
    check_output(output, [sum(row[i] * row[64] for row in rows) for i in range(64)])
    print("exact: weights, 3 aggregators, 2^32", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        demo()
        print("exact: the default, 569 clients, 2 aggregators", flush=True)
        weights(folder)
        negative_fractions(folder)
        integers(folder, "1-element", 5, 1, 0, 1000, 1, "--modulus", "2^31-1")
        integers(folder, "353-elements", 5, 353, -(2**60), 2**60, 2, "--modulus", "2^64")
        integers(folder, "million-m31", 3, 1_000_003, 0, 10**8, 3, "--modulus", "2^31-1")
        integers(folder, "million-m61", 2, 1_000_003, -(2**58), 2**58, 5, "--modulus", "2^61-1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
