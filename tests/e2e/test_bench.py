#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""tools/bench, very short: the sections that need no further packages give their figures in the table, as
JSON lines and in the report; a target is judged, a missing program skipped and said, a wrong argument
refused; huge pages are as they were. How fast anything is, is not asked here."""

# Time limit: 300 s

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile

import lab_path

sys.path.insert(0, os.path.join(lab_path.ROOT, "tools", "benchmark"))

import bench
import bench_host
import bench_report
import bench_run
import bench_scaling
import bench_targets

BUILD = os.environ.get("WEIR_BUILD_DIR", os.path.join(lab_path.ROOT, "build"))
PROGRAM = os.path.join(lab_path.ROOT, "tools", "benchmark", "bench.py")
SECTIONS = ("loop", "kernels", "client") + (("sockets",) if len(os.sched_getaffinity(0)) > 1 else ())


def run(*words):
    return subprocess.run([sys.executable, PROGRAM, "--build-dir", BUILD, *words], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=False)


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def figures_in_table_lines_and_report(folder):
    pages = bench_host.HugePages.count("nr_hugepages")
    done = run("--quick", "--only", ",".join(SECTIONS), "--output", folder)
    print(done.stdout, done.stderr, sep="")
    assert done.returncode == 0, done.returncode
    assert bench_host.HugePages.count("nr_hugepages") == pages
    rows = [json.loads(line) for line in read(folder, "results.jsonl").splitlines()]
    figures = [row for row in rows if "figure" in row]
    assert {row["section"] for row in figures} == set(SECTIONS)
    report = read(folder, "report.md")
    for row in figures:
        assert row["value"] > 0 and row["low"] <= row["value"] <= row["high"], row
        assert row["figure"] in done.stdout and f"| {row['figure']} |" in report, row
    targets = {row["figure"]: row["met"] for row in figures if row["target"]}
    assert "loop, 352 elements a packet" in targets and None not in targets.values()
    for name, _ in bench_host.describe():
        assert f"| {name} |" in report


def what_is_missing_is_said(folder):
    with tempfile.TemporaryDirectory() as empty:
        done = run("--quick", "--only", "mpi,loop", "--output", folder, "--build-dir", empty)
    assert done.returncode == 0, done.stderr
    assert "skipped: loop was not built" in done.stdout, done.stdout
    skipped = [json.loads(line) for line in read(folder, "results.jsonl").splitlines()]
    assert [row["section"] for row in skipped] == ["mpi", "loop"], skipped
    assert "## Not measured" in read(folder, "report.md")


def wrong_arguments_are_refused():
    for words in (("--only", "luck"), ("--repeat", "0"), ("--seconds", "0"), ("--what",)):
        assert run(*words).returncode == 2, words
    listed = run("--list").stdout
    assert all(name in listed for name in bench.SECTIONS), listed


def failures_are_not_figures(folder):
    """A program that fails, as it does when a sum is wrong, gives no figure and an exit status."""
    program = os.path.join(folder, "tools", "benchmark", "loop")
    os.makedirs(os.path.dirname(program))
    with open(program, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho 'loop: the sum is wrong' >&2\nexit 1\n")
    os.chmod(program, 0o755)
    done = run("--quick", "--only", "loop", "--build-dir", folder, "--output", folder)
    assert done.returncode == 1, done.returncode
    assert "FAILED" in done.stdout and "the sum is wrong" in done.stdout, done.stdout


def arithmetic(folder):
    points = [(x, 5 + 3 * x) for x in (1, 10, 100, 1000)]
    a, b = bench_scaling.line(points)
    assert abs(a - 5) < 1e-6 and abs(b - 3) < 1e-6
    assert bench_scaling.deviation(points, (a, b)) < 1e-6
    assert abs(bench_scaling.deviation(points + [(2000, 12010)], (5, 3)) - 0.5) < 1e-3
    assert bench_run.quartiles([1, 2, 3, 4, 5]) == (2, 4) and bench_run.quartiles([7]) == (7, 7)
    assert bench_targets.judge("dataplane / kernel sockets", 5.0) == (">= 5", True)
    assert bench_targets.judge("dataplane / kernel sockets", 4.9)[1] is False
    assert bench_targets.judge("last share to published aggregate share", 50)[1] is False
    assert bench_targets.judge("something else", 1) == (None, None)
    assert bench_run.last_json('x\n{"a": 1}\n{"a": 2}\nend') == {"a": 2}

    sample = bench_run.Bench(BUILD, folder, 4, 0.1, True)
    orders = []
    with contextlib.redirect_stdout(io.StringIO()):
        rows, _ = sample.samples(lambda: orders.append("a") or 6, lambda: orders.append("b") or 3)
        median = sample.ratio("a / b", rows)
    assert orders == ["a", "b", "b", "a"] * 2 and rows == [[6, 3]] * 4 and median == 2


def main():
    assert bench_report.number(1.25e9) == "1.25e9"
    with tempfile.TemporaryDirectory() as folder:
        names = (arithmetic, what_is_missing_is_said, failures_are_not_figures,
                 figures_in_table_lines_and_report)
        wrong_arguments_are_refused()
        for check in names:
            place = os.path.join(folder, check.__name__)
            os.mkdir(place)
            check(place)


if __name__ == "__main__":
    main()
