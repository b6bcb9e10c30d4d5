#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The demo's verdict can be "no": an aggregate that is off by one in one element, or one element short,
ends it with status 1. And a table that cannot be summed is refused before anything is started."""

import contextlib
import io
import os
import sys
import tempfile

import lab_path  # noqa: F401
import demo
from deployment import Deployment

GOOD = "a,b,c\n1,2,3\n4,5,6\n"


def run(folder, text, *words):
    """The demo on that table, in this process: (status, what it printed)."""
    path = os.path.join(folder, "table.csv")
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    said = io.StringIO()
    sys.argv = ["tools/demo", "--input", path, *words]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = demo.main()
        except SystemExit as end:
            status = end.code
    return status, said.getvalue()


def wrong_sums(folder):
    collect = Deployment.collect
    lies = {
        "one off by one": lambda aggregate: [aggregate[0], aggregate[1] + 1, *aggregate[2:]],
        "an element short": lambda aggregate: aggregate[:-1],
        "two swapped": lambda aggregate: [aggregate[1], aggregate[0], *aggregate[2:]],
    }
    for name, lie in lies.items():
        Deployment.collect = lambda weir, event, lie=lie: lie(collect(weir, event))
        try:
            status, said = run(folder, GOOD)
        finally:
            Deployment.collect = collect
        assert status == 1 and "DIFFERENT" in said and "exact" not in said, (name, status, said)
    status, said = run(folder, GOOD)
    assert status == 0 and "exact: all 3 elements" in said, (status, said)


def wrong_tables(folder):
    for text, words, message in (
            ("a,b\n1,2\n3\n", (), "table.csv:3: 1 values, but the header names 2 columns"),
            ("a,b\n1,2\n3,nan\n", (), "table.csv:3: column 2: 'nan' is not a finite number"),
            ("a,b\n1,2\n3,inf\n", (), "table.csv:3: column 2: 'inf' is not a finite number"),
            ("a,b\n1,2\n3,x\n", (), "table.csv:3: column 2: 'x' is not a finite number"),
            ("a,b\n1,2\n3,\n", (), "table.csv:3: column 2: '' is not a finite number"),
            ("1,2\n3,4\n5,6\n", (), "table.csv:1: the first line must name the columns"),
            ("a,b\n1,2\n", (), "a sum needs at least 2 clients, and it has 1 row\n"),
            ("", (), "table.csv:1: empty file"),
            (GOOD, ("--weights", "z"), "no column is named 'z'"),
            ("\ufeffw,b\n0,2\n", ("--weights", "w"), "table.csv:2: the weight '0' is not"),
            ("a,b\n1,2\n3,\udcff\n", (), "table.csv: not a CSV file in UTF-8"),
            (GOOD, ("--output", os.path.join(folder, "none", "sum.csv")), "none cannot be written"),
            ("a,w\n1,0\n2,1\n", ("--weights", "w"), "table.csv:2: the weight '0' is not"),
            ("a,w\n1,1.5\n2,1\n", ("--weights", "w"), "table.csv:2: the weight '1.5' is not"),
            ("a\n2000000000\n2000000000\n", ("--modulus", "2^31-1"), "do not fit 2^31-1"),
            ("a\n1.5\n2.5\n", ("--scale", "1e18"), "choose a smaller --scale"),
    ):
        status, said = run(folder, text, *words)
        assert status == 1 and message in said and "network" not in said, (text, status, said)
    for words in (("--modulus", "2^30"), ("--aggregators", "1"), ("--scale", "-1"), ("--nonsense",)):
        status, said = run(folder, GOOD, *words)
        assert status == 2 and words[0] in said, (words, status, said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        wrong_tables(folder)
        wrong_sums(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
