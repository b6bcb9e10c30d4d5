#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 900 s
"""A few schedules of the fault campaign (../faults) that have every kind of fault among them, and the seeds
that have found something. Then that the campaign would notice: compared with other integers than the
clients', a sum is called wrong; and a seed gives the same schedule every time."""

import json
import os
import subprocess
import sys

import lab_path

FAULTS = os.path.join(lab_path.ROOT, "tests", "faults")
LOGS = os.environ.get("WEIR_LOG_DIR", os.path.join(lab_path.ROOT, "build", "faults"))
EVERY_KIND = (255, 113, 76)
FOUND_SOMETHING = (1006,  # a batch that was sealed while one dataplane was away
                   109)   # a join that was answered and not written, for the disk was full
sys.path.insert(0, os.path.join(lab_path.ROOT, "tests", "campaign"))
import schedule  # noqa: E402


def campaign(seed, seconds, *words):
    """The outcome of one schedule."""
    done = subprocess.run([FAULTS, "--seed", str(seed), "--schedule-seconds", str(seconds), "--json",
                           "--logs", LOGS, *words], stdout=subprocess.PIPE, text=True)
    outcome = json.loads(done.stdout.splitlines()[0])
    assert (done.returncode == 0) == (not outcome["problems"]), done
    return outcome


def every_kind_is_among_them():
    made = [schedule.make(seed, 6) for seed in EVERY_KIND]
    kinds = {fault.kind for each in made for fault in each.faults}
    assert kinds == set(schedule.KINDS), set(schedule.KINDS) - kinds
    assert [schedule.make(seed, 6) for seed in EVERY_KIND] == made


def main():
    every_kind_is_among_them()
    struck = {}
    for seed, seconds in [*((seed, 6) for seed in EVERY_KIND), *((seed, 8) for seed in FOUND_SOMETHING)]:
        outcome = campaign(seed, seconds)
        assert not outcome["problems"], json.dumps(outcome, indent=1)
        struck |= outcome["faults"]
        print(f"seed {seed}: {outcome['state']}, {outcome['sealed']} in the sum", flush=True)
    assert set(struck) == set(schedule.KINDS), struck
    outcome = campaign(EVERY_KIND[0], 1, "--wrong")
    assert any("the sum is wrong" in problem for problem in outcome["problems"]), outcome
    print("a wrong sum is noticed")


main()
