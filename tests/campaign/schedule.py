# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""What a seed means: who takes part in the event, and what goes wrong when. Nothing here looks at a
clock or a process, so that a seed gives the same schedule everywhere."""

import dataclasses
import random

MODULI = {"2^31-1": 2**31 - 1, "2^61-1": 2**61 - 1, "2^32": 2**32, "2^64": 2**64}
BOUND, MAX_WEIGHT, MIN_CLIENTS = 100_000, 3, 2
SETTLING = 15  # seconds from the last fault to a deadline that ends the event
PATIENCE = 150  # the same where the target count is to end it

# How often each kind is drawn, relative to the others. "a" strikes an appliance, "c" a client.
KINDS = {
    "kill-control": ("a", 5), "kill-dataplane": ("a", 5), "kill-appliance": ("a", 3),
    "stop-control": ("a", 3), "stop-dataplane": ("a", 3),
    "cut-data": ("a", 2), "cut-control": ("a", 2), "bad-data": ("a", 4), "bad-control": ("a", 3),
    "step-clock": ("a", 2), "fill-disk": ("a", 2), "lose-memory": ("a", 1),
    "kill-client": ("c", 6), "stop-client": ("c", 3), "client-dies": ("c", 2),
    "step-client-clock": ("c", 1), "fill-client-disk": ("c", 1),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """kind strikes target (a0, c3) at a second of the schedule, or, where a client dies, so long after
    that client's start; it is over length seconds later (0: a moment)."""
    at: float
    kind: str
    target: str
    length: float
    detail: str = ""

    def __str__(self):
        over = f", over after {self.length:.2f} s" if self.length else ""
        return f"{self.at:6.2f} s  {self.kind} {self.target}{over}{'  ' if self.detail else ''}{self.detail}"

    @property
    def index(self):
        return int(self.target[1:])


@dataclasses.dataclass(frozen=True)
class Member:
    """A client: its vector comes from the schedule's seed and its number."""
    start: float
    weight: int


@dataclasses.dataclass(frozen=True)
class Schedule:
    seed: int
    seconds: float
    aggregators: int
    modulus: str
    dimension: int
    slots: int
    rate: str
    durability: str
    memory: str  # "file" or "none": whether it outlives the dataplane
    ended_by: str
    early: bool  # faults begin while the event is drafted
    members: tuple
    faults: tuple

    @property
    def dead(self):
        """The clients that die for good."""
        return {fault.index for fault in self.faults if fault.kind == "client-dies"}

    def vector(self, client):
        draw = random.Random(f"weir vector {self.seed} {client}")
        return [draw.randint(-BOUND, BOUND) for _ in range(self.dimension)]

    def terms(self):
        living = len(self.members) - len(self.dead)
        by_target = self.ended_by == "target"
        return {"modulus": self.modulus, "dimension": self.dimension, "max_weight": MAX_WEIGHT,
                "max_clients": 8 * len(self.members), "min_clients": MIN_CLIENTS,
                "target_clients": living if by_target else 0,
                "duration": f"{round(self.seconds) + (PATIENCE if by_target else SETTLING)} s",
                "admit_timeout": "20 s",
                "encoding": {"kind": "integer", "signed": True, "bound": BOUND}}

    def text(self):
        head = (f"seed {self.seed}: {self.aggregators} aggregators, {len(self.members)} clients, "
                f"{self.dimension} elements mod {self.modulus}, {self.slots} slots, {self.rate}, "
                f"memory {self.memory}, durability {self.durability}, ended by its {self.ended_by}"
                f"{', faults from the draft on' if self.early else ''}")
        people = [f"{member.start:6.2f} s  c{i} submits with weight {member.weight}"
                  for i, member in enumerate(self.members)]
        return "\n".join([head, *people, *map(str, self.faults)])


def _bad_link(draw):
    """Words of weir-link."""
    words = {"loss": f"{draw.randint(2, 30)}%", "dup": f"{draw.randint(1, 20)}%",
             "reorder": f"{draw.randint(1, 30)}%", "corrupt": f"{draw.randint(1, 5)}%",
             "delay": f"{draw.randint(1, 80)}ms"}
    chosen = draw.sample(sorted(words), draw.randint(1, len(words)))
    way = draw.choice(["both", "both", "a-to-b", "b-to-a"])
    return f"{way} " + ",".join(f"{word}={words[word]}" for word in sorted(chosen))


def _fault(draw, kind, aggregators, members, seconds):
    side = KINDS[kind][0]
    target = f"{side}{draw.randrange(aggregators if side == 'a' else members)}"
    at, detail = draw.uniform(0, seconds), ""
    length = draw.choice([draw.uniform(0.05, 0.5), draw.uniform(0.5, 4)])
    if kind.startswith("bad"):
        length, detail = draw.uniform(1, seconds), _bad_link(draw)
    elif "clock" in kind:
        length = draw.uniform(1, seconds)
        detail = f"{draw.choice([-1, 1]) * draw.choice([1, 5, 20, 50, 90, 3600])} s"
    elif kind in ("kill-client", "client-dies"):
        # From its first instructions to well into its work, small times as often as large ones.
        at = 0.01 * 600 ** draw.random()
        length = 0 if kind == "client-dies" else length
    return Fault(round(at, 3), kind, target, round(min(length, seconds), 3), detail)


def _starts(draw, members, seconds):
    """All over the schedule, the last one late: so that the event lives as long as faults happen."""
    starts = [draw.uniform(0, 0.7 * seconds) for _ in range(members)]
    starts[draw.randrange(members)] = draw.uniform(0.7, 0.9) * seconds
    return [round(start, 3) for start in starts]


def _rate(draw, members, dimension, modulus, seconds):
    """Of a data link: all uploads together take a good part of the schedule, small ones less."""
    bits = members * dimension * (32 if MODULI[modulus] <= 2**32 else 64)
    return f"rate={max(300, round(bits / 1000 / (seconds * draw.uniform(0.1, 0.6))))}kbit"


def make(seed, seconds, memory="file"):
    """Everything is drawn in one order from the seed, whatever memory is."""
    draw = random.Random(f"weir campaign {seed}")
    aggregators = draw.choice([2, 2, 2, 3])
    members = draw.randint(4, 7)
    # A dead client may have been counted: so few die that the others suffice.
    deaths, faults = 0, []
    durability = draw.choice(["process", "disk"])
    for _ in range(draw.randint(3, max(4, round(1.5 * seconds)))):
        kind = draw.choices(list(KINDS), [often for _, often in KINDS.values()])[0]
        fault = _fault(draw, kind, aggregators, members, seconds)
        deaths += kind == "client-dies"
        if kind == "client-dies" and (deaths > members - MIN_CLIENTS - 1 or
                                      any(f.kind == kind and f.target == fault.target for f in faults)):
            continue
        if kind == "lose-memory" and durability == "process":
            continue  # what nobody promised to keep
        faults.append(fault)
    modulus, dimension = draw.choice(list(MODULI)), draw.choice([300, 3000, 10_000, 30_000])
    return Schedule(
        seed=seed, seconds=seconds, aggregators=aggregators, modulus=modulus, dimension=dimension,
        slots=draw.choice([1, 2, 2, 4, 16]), rate=_rate(draw, members, dimension, modulus, seconds),
        durability=durability, memory=memory,
        ended_by=draw.choice(["target", "target", "target", "deadline"]),
        early=draw.random() < 0.25,
        members=tuple(Member(start, draw.randint(1, MAX_WEIGHT))
                      for start in _starts(draw, members, seconds)),
        faults=tuple(sorted(faults, key=lambda fault: (fault.at, fault.kind, fault.target))))
