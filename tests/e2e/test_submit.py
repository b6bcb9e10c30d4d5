#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""weir with two appliances: vectors in every kind of file and the exact sum of them, what is refused and
that it loses nothing, the same vector in two events, a client that is killed and continues, and one that
is aborted and joins anew."""

import glob
import json
import os
import random
import signal
import struct
import sys
from fractions import Fraction

import lab_path  # noqa: F401
from deployment import Deployment, keygen, run_pool
from netlab import Lab, wait_until

ELEMENTS = 1000
BOUND = 10**6


def write(client, name, content):
    path = client.path(name)
    with open(path, "wb" if isinstance(content, bytes) else "w") as file:
        file.write(content)
    return path


def npy(descr, code, values):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({len(values)},), }}"
    header += " " * ((-len(header) - 11) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
            + struct.pack(f"<{len(values)}{code}", *values))


def row(values):
    return ",".join(map(str, values)) + "\n"


def expect_refusal(client, *words, says, status=1):
    done = client.run("submit", *words, check=False)
    assert done.returncode == status, (words, done.returncode, done.stderr)
    assert says in done.stderr, f"'{done.stderr}' does not say '{says}'"
    assert done.stderr.count("\n") == 1, done.stderr


def refusals(weir, event, others):
    """What must not get in. Each is a client of its own in the roster, but one."""
    client, stranger = weir.clients[-1], others["stranger"]
    good = write(client, "good.csv", row([0] * ELEMENTS))
    expect_refusal(stranger, "--event", event, "--input", good, says="identity")
    short = write(client, "short.csv", row([1] * (ELEMENTS - 1)))
    expect_refusal(client, "--event", event, "--input", short,
                   says=f"the vector has {ELEMENTS - 1} elements, but the event sums vectors of {ELEMENTS}")
    big = write(client, "big.csv", row([1] * 7 + [BOUND + 1] + [1] * (ELEMENTS - 8)))
    expect_refusal(client, "--event", event, "--input", big,
                   says=f"element 7 (counting from 0) is {BOUND + 1}")
    ragged = write(client, "ragged.csv", row(range(ELEMENTS)) + row(range(3)))
    expect_refusal(client, "--event", event, "--input", ragged, "--row", 1,
                   says=f"ragged.csv:2:1: 3 cells, but the first line has {ELEMENTS}")
    nan = write(client, "nan.csv", row(["nan"] + [1] * (ELEMENTS - 1)))
    expect_refusal(client, "--event", event, "--input", nan, says="nan.csv:1:1: 'nan'")
    expect_refusal(client, "--event", event, "--input", good, "--weight", 6,
                   says="the weight is 6, but the event allows 1 to 5")
    expect_refusal(client, "--event", "ab" * 32, "--input", good, says="refused")

    # A third aggregator required, and one of the two replaced by somebody else.
    third = {"name": "third", "identity": others["identity"], "url": "http://10.78.9.2:9347"}
    both = [{"name": appliance.name, "identity": appliance.identity, "url": appliance.url}
            for appliance in weir.appliances]
    for aggregators in (both + [third], [both[0], third]):
        client.write_config(aggregators=tuple(aggregators))
        expect_refusal(client, "--event", event, "--input", good,
                       says="aggregators are not exactly the")
    # Another leader's identity at the leader's address: requests are signed for the wrong appliance.
    client.write_config(aggregators=(third | {"url": both[0]["url"]}, both[1]))
    expect_refusal(client, "--event", event, "--input", good, says="third")
    client.write_config()


def first_event(weir, others):
    """Integers in every kind of file, with weights; returns a file that was submitted."""
    draw = random.Random(21)
    clients = weir.clients[:4]
    rows = [[draw.randint(-BOUND, BOUND) for _ in range(ELEMENTS)] for _ in clients]
    weights = [1, 5, 2, 3]
    event = weir.announce(dimension=ELEMENTS, max_clients=8, target_clients=4, max_weight=5,
                          encoding={"kind": "integer", "signed": True, "bound": BOUND})
    weir.wait_for_state(event, {"open"})
    refusals(weir, event, others)
    table = row(f"c{i}" for i in range(ELEMENTS)) + row([9] * ELEMENTS) + row(rows[0])
    files = [write(clients[0], "table.csv", table), write(clients[1], "v.npy", npy("<i8", "q", rows[1])),
             write(clients[2], "v.raw", struct.pack(f"<{ELEMENTS}q", *rows[2])),
             write(clients[3], "f.npy", npy("<f8", "d", rows[3]))]
    options = [["--row", 2], [], ["--raw-type", "int64"], []]
    ended = run_pool([lambda c=c, f=f, w=w, o=o: c.start("submit", "--event", "latest", "--input", f,
                                                         "--weight", w, "--json", *o)
                      for c, f, w, o in zip(clients, files, weights, options)], 4, timeout=60)
    for process in ended:
        assert process.returncode == 0, f"{process.name}: {process.tail()}"
    weir.wait_for_state(event, {"published"})
    expected = [sum(w * r[i] for w, r in zip(weights, rows)) for i in range(ELEMENTS)]
    assert weir.collect(event) == expected, "the sum differs"
    facts = json.loads(weir.collector.run("collect", "--event", event, "--json").stdout)
    assert facts["clients"] == 4 and facts["weight"] == sum(weights), facts
    assert facts["integers"] == expected
    done = clients[0].run("submit", "--event", event, "--input", files[0], "--row", 2, "--weight", 1)
    assert "already" in done.stdout and "(published)" in done.stdout, "an idempotent repetition"
    for client in clients:
        assert not glob.glob(client.path("state/split-*")), "a split was left behind"
        state = json.loads(client.run("state", "--event", event, "--json").stdout)
        assert state["client"]["state"] == "sealed" and state["client"]["receipts"] == 2, state
    refused = clients[0].run("collect", "--event", event, check=False)
    assert refused.returncode == 1 and "refused" in refused.stderr, "a client is not a collector"
    return files[1]


def second_event(weir, used):
    """The vector of the first event is refused, then allowed; reals, clipped and negative."""
    clients = weir.clients[:3]
    event = weir.announce(dimension=ELEMENTS, max_clients=8, target_clients=3,
                          encoding={"kind": "fixed", "scale": 1000.0, "clip": 1e6})
    weir.wait_for_state(event, {"open"})
    expect_refusal(clients[1], "--event", event, "--input", used,
                   says="the same vector was submitted to event")
    reals = [[f"{(i - 500) / 8:.3f}" for i in range(ELEMENTS)],
             [2e6] + [0.0004] * (ELEMENTS - 1)]
    with open(used, "rb") as file:
        integers = struct.unpack(f"<{ELEMENTS}q", file.read()[-8 * ELEMENTS:])
    files = [write(clients[0], "r.csv", row(reals[0])), used, write(clients[2], "r.raw", struct.pack(
        f"<{ELEMENTS}d", *reals[1]))]
    for client, path, more in zip(clients, files, ([], ["--again"], [])):
        done = client.start("submit", "--event", event, "--input", path, *more)
        client.process = done
    for client in clients:
        assert client.process.wait(60) == 0, client.process.tail()
    assert "coordinates clipped to the event's range -clip .. clip: 1\n" in clients[2].process.output()
    weir.wait_for_state(event, {"published"})
    expected = [round(Fraction(a) * 1000) + 1000 * b + c for a, b, c in zip(
        reals[0], integers, [10**9] + [0] * (ELEMENTS - 1))]
    assert weir.collect(event) == expected, "the sum differs"
    decimals = weir.collector.run("collect", "--event", event).stdout.strip().split(",")
    assert [Fraction(cell) * 1000 for cell in decimals] == expected, "the decimals are not exact"


def killed_and_continued(weir):
    """Killed in the middle; another vector is refused then; the same one continues."""
    elements = 150_000
    client, other = weir.clients[:2]
    event = weir.announce(dimension=elements, max_clients=8, target_clients=2, admit_timeout="60 s",
                          encoding={"kind": "integer", "bound": 10**6})
    weir.wait_for_state(event, {"open"})
    mine = write(client, "big.csv", row(range(elements)))
    another = write(client, "another.csv", row([7] * elements))
    theirs = write(other, "big.csv", row([3] * elements))
    staged = [sum(w["shares_staged"] for w in a.stats()["workers"]) for a in weir.appliances]
    victim = client.start("submit", "--event", event, "--input", mine)
    for appliance, before in zip(weir.appliances, staged):
        wait_until(lambda: sum(w["shares_staged"] for w in appliance.stats()["workers"])
                   > before + 100, 30, "the first shares")
    victim.kill()
    victim.wait(10)
    assert len(glob.glob(client.path("state/split-*"))) == 1, "the split is not on disk"
    expect_refusal(client, "--event", event, "--input", another,
                   says="a submission of another vector to this event is unfinished")
    for who, path in ((client, mine), (other, theirs)):
        who.process = who.start("submit", "--event", event, "--input", path)
    for who in (client, other):
        assert who.process.wait(120) == 0, who.process.tail()
    ended = weir.wait_for_state(event, {"published"})
    assert ended["counts"]["sealed"] == 2 and ended["counts"]["aborted"] == 0, ended
    assert weir.collect(event) == [i + 3 for i in range(elements)], "the sum differs"


def aborted_and_joined_anew(weir):
    """Killed, and away for longer than admit_timeout: the old join counts nowhere, the same command
    joins anew with a new split."""
    elements = 400_000
    client, other = weir.clients[2:4]
    event = weir.announce(dimension=elements, max_clients=8, target_clients=2, admit_timeout="2 s",
                          encoding={"kind": "integer", "bound": 10**6})
    weir.wait_for_state(event, {"open"})
    mine = write(client, "big2.csv", row(i + 1 for i in range(elements)))
    theirs = write(other, "big2.csv", row([5] * elements))
    victim = client.start("submit", "--event", event, "--input", mine)
    wait_until(lambda: weir.event(event)["counts"]["admitted"] == 1, 30, "admission", interval=0.1)
    victim.kill()
    victim.wait(10)
    wait_until(lambda: weir.event(event)["counts"]["aborted"] == 1, 30, "the abort", interval=0.1)
    state = json.loads(client.run("state", "--event", event, "--json").stdout)
    assert state["client"]["state"] == "aborted", state
    for who, path in ((client, mine), (other, theirs)):
        done = who.run("submit", "--event", event, "--input", path, "--json")
        assert not json.loads(done.stdout)["already"]
    ended = weir.wait_for_state(event, {"published"})
    # On a slow machine an upload may take longer than admit_timeout, and joins anew as well.
    assert ended["counts"]["sealed"] == 2 and ended["counts"]["aborted"] >= 1, ended
    assert weir.collect(event) == [i + 6 for i in range(elements)], "the sum differs"


def failed_after_the_receipt(weir):
    """Whose receipts are all there learns all the same that the event came to nothing."""
    client = weir.clients[0]
    event = weir.announce(dimension=3, max_clients=8, encoding={"kind": "integer", "bound": 100})
    weir.wait_for_state(event, {"open"})
    path = write(client, "early.csv", "1,2,4\n")
    client.run("submit", "--event", event, "--input", path)
    assert "(open)" in client.run("submit", "--event", event, "--input", path).stdout
    weir.leader.weirctl("cancel", event)
    weir.wait_for_state(event, {"failed"})
    expect_refusal(client, "--event", event, "--input", path,
                   says="event has failed: cancelled by an operator")


def unreachable_leader(weir):
    """What it waits for is said at once, and why it gave up in the end."""
    client = weir.clients[0]
    both = [{"name": appliance.name, "identity": appliance.identity, "url": appliance.url}
            for appliance in weir.appliances]
    url = both[0]["url"].rsplit(":", 1)[0] + ":1"
    client.write_config(aggregators=(both[0] | {"url": url}, both[1]), timeout="2 s")
    path = write(client, "nowhere.csv", "1,2,3\n")
    for words in (["events"], ["submit", "--event", "latest", "--input", path],
                  ["submit", "--event", "ab" * 32, "--input", path], ["collect", "--event", "ab" * 32]):
        done = client.run(*words, check=False)
        lines = done.stderr.splitlines()
        assert done.returncode == 1 and len(lines) == 2, done
        assert f"{url}): Connection refused; trying again for 2 s" in lines[0], lines
        assert f"{url}): Connection refused; does weir-control run there" in lines[1], lines
    client.write_config()


def interrupted(weir):
    """Control-C while waiting: one line, status 1, and nothing of the client counts."""
    client = weir.clients[0]
    event = weir.announce(dimension=3, max_clients=8, duration="6 s",
                          encoding={"kind": "integer", "bound": 100})
    weir.wait_for_state(event, {"open"})
    process = client.start("events", "--wait", "60s", "--after", 10**6)
    wait_until(lambda: process.pid and process.returncode is None, 5, "weir to wait")
    wait_until(lambda: b"weir" in open(f"/proc/{process.pid}/cmdline", "rb").read(), 5, "exec")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) in (1, -signal.SIGINT), process.tail()
    ended = weir.wait_for_state(event, {"failed"})
    assert ended["counts"]["sealed"] == 0, ended
    path = write(client, "late.csv", "1,2,3\n")
    expect_refusal(client, "--event", event, "--input", path, says="takes no more clients")
    refused = weir.collector.run("collect", "--event", event, check=False)
    assert refused.returncode == 1 and "failed" in refused.stderr, refused.stderr


def main():
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=4, arena=96 << 20, link="--both rate=30mbit",
                          dataplane={"window": 64})
        for i in range(5):
            weir.add_client(f"c{i}")
        stranger = weir.add_client("stranger", in_roster=False)
        others = {"stranger": stranger, "identity": keygen(stranger.path("other.pem"))}
        weir.start()
        used = first_event(weir, others)
        print("exact: integers of every kind of file, with weights; refusals", flush=True)
        second_event(weir, used)
        print("exact: fixed point; the same vector twice", flush=True)
        killed_and_continued(weir)
        print("exact: killed and continued", flush=True)
        aborted_and_joined_anew(weir)
        print("exact: aborted and joined anew", flush=True)
        failed_after_the_receipt(weir)
        print("told: an event that failed after the receipt", flush=True)
        unreachable_leader(weir)
        print("told: a leader that cannot be reached", flush=True)
        interrupted(weir)
        print("refused: an event that failed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
