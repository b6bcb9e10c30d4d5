#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""Two minutes of events with churn and faults: every sum is right, and nothing grows. And growth would be
seen: a series that leaks is told from one that settles."""

import os
import random
import subprocess
import sys

import lab_path

sys.path.insert(0, os.path.join(lab_path.ROOT, "tests", "campaign"))
from growth import Series  # noqa: E402


def series(name, value_at):
    made, draw = Series(name), random.Random(7)
    for second in range(0, 120, 4):
        made.add(second, value_at(second) + draw.randint(-20, 20))
    return made


def growth_is_seen():
    assert not series("flat memory, KiB", lambda second: 60_000).grows()
    assert not series("filling cache, KiB", lambda second: 60_000 + 9000 * (1 - 0.9**second)).grows()
    assert series("leak, KiB", lambda second: 60_000 + 100 * second).grows()
    descriptors = Series("leaked descriptors")
    for second in range(30):
        descriptors.add(second, 20 + second // 5)
    assert descriptors.grows(), descriptors.line()


growth_is_seen()
sys.exit(subprocess.run([os.path.join(lab_path.ROOT, "tests", "soak"), "--minutes", "2"]).returncode)
