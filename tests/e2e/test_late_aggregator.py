#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The last of three aggregators comes late, and hears of a draft from the other helper, who lists it as well, before the
leader answers. It refuses nothing and says nothing of it: it takes the draft from the leader."""

import sys
import time

import lab_path  # noqa: F401
from control_plane import Plane, call
from netlab import Lab, wait_until


def listed(helper, third, event):
    """As the third aggregator sees it."""
    answer = call(helper, third.identity, "GET", "/v1/events?after=0")
    return [found["state"] for found in answer.json["events"] if found["id"] == event]


def main():
    with Lab() as lab, Plane(lab, appliances=3) as plane:
        plane.start()
        leader, helper, third = plane.appliances
        third.process.kill()
        answer = call(leader, plane.operator, "POST", "/v1/events", plane.terms())
        event = answer.json["id"]
        wait_until(lambda: listed(helper, third, event) == ["draft"], 20, "the helper's draft")
        leader.process.kill()
        third.start_control()
        time.sleep(2)                  # it asks the helper at once
        leader.start_control()
        plane.wait_for_state(event, ["open"])
        for appliance in (helper, third):
            output = appliance.process.tail()
            assert "refuse" not in output and "another" not in output, output
    return 0


if __name__ == "__main__":
    sys.exit(main())
