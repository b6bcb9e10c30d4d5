# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""What tools/bench holds its figures to: the figure's name in the table, what it must reach, and how.
A figure that is not here is told and not judged."""

# name: (comparison, bound). Ratios have no unit; the others have the unit of the figure.
TARGETS = {
    "loop, 352 elements a packet": (">=", 1.25e9),
    "dataplane over memif, 352 elements a packet": (">=", 1.2e9),
    "dataplane over vhost, 352 elements a packet": (">=", 1.2e9),
    "dataplane over memif / loop": (">=", 0.85),
    "dataplane over vhost / loop": (">=", 0.85),
    "dataplane, 2048 elements a packet / 352": (">", 1.0),
    "dataplane without cipher / loop without cipher": (">=", 0.85),
    "dataplane / kernel sockets": (">=", 5.0),
    "dataplane / MPI_Reduce over shared memory": (">", 1.0),
    "pipeline / loop": (">=", 0.85),
    "pipeline, two workers / one": (">=", 1.85),
    "honest goodput under a flood / its part of the packets": (">=", 1.0),
    "last share to counted under a flood, longest": ("<=", 100),
    "frames lost at 90 % of the full rate": ("<=", 0),
    "staging memory / slots x vector": ("<=", 1.02),
    "memory of a joined client without a slot": ("<=", 256),
    "last share to published aggregate share": ("<", 50),
}

_HOLDS = {
    ">=": lambda value, bound: value >= bound,
    ">": lambda value, bound: value > bound,
    "<=": lambda value, bound: value <= bound,
    "<": lambda value, bound: value < bound,
}


def judge(name, value):
    """(text of the target, whether it is met), or (None, None) if there is none."""
    if name not in TARGETS:
        return None, None
    comparison, bound = TARGETS[name]
    return f"{comparison} {bound:g}", _HOLDS[comparison](value, bound)
