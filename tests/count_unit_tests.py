#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Counts test cases in meson's testlog.json, its only argument. Prints "PASSED FAILED" on the first
line, then the output of every program that failed. A program says with Criterion's "Synthesis" line
how many cases it ran, or with "N inputs replayed" how many inputs of a fuzzing corpus; one without
either counts as one case. A program that failed although its
cases passed, by a leak found at its end, say, or a time limit, counts as one failure more. So does one
whose cases passed in spite of a failed assertion or a crash: Criterion prints, and does not count, what goes
wrong before and after a case (.init and .fini)."""

import json
import re
import sys

SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) "
                       r"\| Crashing: (\d+)")
REPLAYED = re.compile(r"^(\d+) inputs replayed$", re.M)
UNCOUNTED = re.compile(r"Assertion Failed|during its setup or teardown")


def count(result):
    """(passed, failed) of one program."""
    good = result["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
    output = result.get("stdout", "") + result.get("stderr", "")
    found = SYNTHESIS.search(output)
    if not found:
        replayed = REPLAYED.search(result.get("stdout", ""))
        passed = int(replayed[1]) if replayed else 1
        return (passed, 0) if good else (0, 1)
    tested, passed = int(found[1]), int(found[2])
    failed = tested - passed
    if failed == 0 and (not good or UNCOUNTED.search(output)):
        failed = 1
    return passed, failed


def main():
    total_passed = total_failed = 0
    shown = []
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            result = json.loads(line)
            passed, failed = count(result)
            total_passed += passed
            total_failed += failed
            if failed:
                output = result.get("stdout", "") + result.get("stderr", "")
                shown.append(f"--- {result['name']}: {result['result']}, status "
                             f"{result.get('returncode')}\n{output.rstrip()}")
    print(total_passed, total_failed)
    print("\n".join(shown), end="\n" if shown else "")


main()
