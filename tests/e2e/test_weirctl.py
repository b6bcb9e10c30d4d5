#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""An operator's day with weirctl on two appliances: accept clients, announce events, have bad jobs
refused, run rounds, cancel, look at counters, and learn what is wrong when an appliance is down."""

import json
import os
import re
import signal
import sys

import lab_path  # noqa: F401
from deployment import Deployment, keygen, write_settings
from netlab import Lab, program, wait_until

ID = re.compile(r"[0-9a-f]{64}")
ENCODING = {"kind": "integer", "bound": 100}


def refused(appliance, *words, code=1):
    """Runs weirctl, which must fail with one line; returns the line."""
    done = appliance.weirctl(*words, check=False)
    assert done.returncode == code, (words, done)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("weirctl "), (words, done)
    return done.stderr


def expect(text, *wanted):
    for words in wanted:
        assert words in text, f"'{text}' does not say '{words}'"


def check_roster(weir, listed):
    """What is added is there after a restart; what the config lists comes back, as it says."""
    appliance, known, new = weir.leader, weir.clients[0], "ab" * 32
    expect(appliance.weirctl("roster", "list").stdout, f"{known.identity} {known.name}\n")
    expect(appliance.weirctl("roster", "add", new, "--name", "a new one").stdout, "added 1; members: 3")
    expect(appliance.weirctl("roster", "add", new, "--name", "a new one").stdout,
           "added 0 of 1; members: 3")
    done = appliance.weirctl("roster", "add", "--file", listed)
    expect(done.stdout, "added 3; members: 6")
    done = appliance.weirctl("roster", "remove", "0" * 63 + "1", known.identity, "cd" * 32)
    expect(done.stdout, "removed 2 of 3; members: 4")
    expect(done.stderr, appliance.config, known.identity, "returns when the appliance starts")
    for words in (["cd" * 32], ["cd" * 32, "--json"]):
        expect(refused(appliance, "roster", "remove", *words), "nothing was removed: no member")
    done = appliance.weirctl("roster", "remove", "0" * 63 + "1", check=False)
    assert done.returncode == 1 and "nothing was removed" in done.stderr, done

    appliance.control.stop()
    appliance.start_control()
    wait_until(appliance.is_healthy, 30, "the appliance to be healthy again", interval=0.2)
    members = json.loads(appliance.weirctl("roster", "list", "--json").stdout)["roster"]
    names = {member["identity"]: member["name"] for member in members}
    assert names == {known.identity: known.name, weir.clients[1].identity: weir.clients[1].name,
                     new: "a new one", "0" * 63 + "2": "bed 2", "0" * 63 + "3": ""}, names
    lines = appliance.weirctl("roster", "list").stdout
    assert lines.splitlines()[0] == "0" * 63 + "3", lines


def check_bad_jobs(weir):
    """Nothing that is refused becomes an event."""
    leader, helper = weir.appliances
    bad = weir.job(dimension=0, max_clients=4, encoding=ENCODING)
    with open(bad, encoding="utf-8") as file:
        line = file.read().splitlines().index("dimension = 0;") + 1
    expect(refused(leader, "announce", bad, code=2), f"{bad}:{line}: ")
    expect(refused(leader, "announce", bad + ".none", code=2), bad + ".none")

    good = weir.job(dimension=1, max_clients=4, encoding=ENCODING)
    expect(refused(helper, "announce", good, code=2), good, "announce at the leader")
    heavy = weir.job(dimension=1, max_clients=4, encoding=ENCODING, max_weight=1000001)
    expect(refused(leader, "announce", heavy), leader.url.removeprefix("http://") + " refused",
           "weight")
    assert leader.weirctl("events").stdout == "no events\n"


def check_events(weir):
    """An event, found by the beginning of its id, and cancelled where it is led."""
    leader, helper = weir.appliances
    job = weir.job(dimension=1, max_clients=4, encoding=ENCODING)
    done = leader.weirctl("announce", job)
    event = done.stdout.strip()
    assert ID.fullmatch(event) and done.stdout == event + "\n", done
    expect(refused(leader, "announce", job), "round 1", "announced before", "--round")
    second = json.loads(leader.weirctl("announce", job, "--round", "2", "--json").stdout)
    weir.wait_for_state(event, {"open"})
    weir.wait_for_state(second["id"], {"open"})

    found = weir.event(event)
    assert found["counts"] == dict.fromkeys(
        ("joined", "admitted", "committed", "sealed", "aborted"), 0), found
    assert found["round"] == 1 and found["deadline_ms"] - found["announced_ms"] == 300000, found
    assert leader.weirctl("events", event[:12]).stdout.splitlines()[1].split()[:2] == \
        [event[:16], "open"]
    expect(refused(leader, "events", "f" * 63), "no event's id begins with")

    expect(refused(leader, "cancel", "zz", code=2), "'zz' is not the id of an event")
    expect(refused(leader, "cancel", "0" * 64), "no such event")
    assert leader.weirctl("cancel", event[:12]).stdout == f"{event} cancelled\n"
    assert weir.event(event)["state"] == "failed"
    expect(weir.event(event)["reason"], "cancelled by an operator")
    assert weir.event(second["id"])["state"] == "open"
    # A helper's operator ends its part, and with it the event.
    assert helper.weirctl("cancel", second["id"]).stdout == f"{second['id']} cancelled\n"
    found = weir.wait_for_state(second["id"], {"failed"})
    expect(found["reason"], "a1: left by this appliance's operator")


def check_draft(weir):
    """A draft says whose offer it waits for; then it opens."""
    leader, helper = weir.appliances
    helper.control.stop()
    event = leader.weirctl("announce", weir.job(dimension=1, max_clients=4, encoding=ENCODING))
    event = event.stdout.strip()
    wait_until(lambda: weir.event(event)["missing_offers"] == [helper.identity], 30,
               "the leader's own offer", interval=0.1)
    expect(leader.weirctl("events", event).stdout,
           f"without an offer of {helper.identity[:12]}")
    helper.start_control()
    weir.wait_for_state(event, {"open"})
    assert "missing_offers" not in weir.event(event)
    assert "offer" not in leader.weirctl("events", event).stdout
    leader.weirctl("cancel", event)


def rounds_of(appliance, job):
    """The rounds that were announced of a job file."""
    name = os.path.basename(job).removesuffix(".cfg")
    events = json.loads(appliance.weirctl("events", "--json").stdout)["events"]
    return sorted(event["round"] for event in events if event["job"] == name)


def check_timings(weir, event):
    """Every appliance tells when it took the steps of a published event, in their order."""
    steps = ("complete", "ready", "commit", "committed", "acknowledged", "sealed", "freeze",
             "frozen", "share", "shares", "published")
    leaders, durable = {"ready", "acknowledged", "shares"}, \
        {"commit", "sealed", "freeze", "share", "published"}
    for appliance in weir.appliances:
        def published(appliance=appliance):
            found = json.loads(appliance.weirctl("events", event, "--json").stdout)["events"][0]
            return found["state"] == "published" and found["timings"]
        timings = wait_until(published, 30, f"{appliance.name} to publish", interval=0.1)
        syncs = timings.pop("syncs")
        expected = [s for s in steps if appliance is weir.leader or s not in leaders]
        assert list(timings) == expected, (appliance.name, timings)
        times = list(timings.values())
        assert times == sorted(times), (appliance.name, timings)
        assert times[0] > 1e15 and set(syncs) == durable, (appliance.name, timings, syncs)


def check_log(weir, event):
    """The log of a published event is good, at either appliance and as a file; one that was changed
    in any one byte is not, and neither is one that lacks an entry."""
    leader, helper = weir.appliances
    told = [json.loads(appliance.weirctl("log", "verify", event, "--json").stdout)
            for appliance in (leader, helper)]
    assert told[0] == told[1] and told[0]["good"] and told[0]["state"] == "published", told
    assert told[0]["id"] == event and told[0]["sealed"] == 2, told
    expect(leader.weirctl("log", "verify", event[:12]).stdout, event, "2 sealed", "all good",
           told[0]["set_digest"])

    log = helper.weirctl("log", "export", event).stdout.encode()
    assert log.count(b"\n") == told[0]["entries"], log
    path = os.path.join(os.path.dirname(leader.config), "exported.log")

    def verify(changed):
        with open(path, "wb") as file:
            file.write(changed)
        return leader.weirctl("log", "verify", "--file", path, "--json", check=False)

    assert json.loads(verify(log).stdout) == told[0]
    for at in range(0, len(log), max(1, len(log) // 100)):
        done = verify(log[:at] + bytes([log[at] ^ 1 << at % 7]) + log[at + 1:])
        assert done.returncode == 1, (at, done)
        assert json.loads(done.stdout)["entry"] == log[:at].count(b"\n"), (at, done)
    lines = log.splitlines(keepends=True)
    for i in range(len(lines) - 1):
        done = verify(b"".join(lines[:i] + lines[i + 1:]))
        assert done.returncode == 1 and json.loads(done.stdout)["entry"] == i, (i, done)
    assert json.loads(verify(b"".join(lines[:-1])).stdout)["state"] == "frozen"
    expect(refused(leader, "log", "verify", "--file", path + ".none"), path + ".none")
    expect(refused(leader, "log", "prove", event, code=2), "write verify or export")


def check_run(weir):
    """Two rounds, the second announced only once the first is published; then one that fails."""
    leader = weir.leader
    for client in weir.clients:
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write("1,2,3\n")
    job = weir.job(dimension=3, max_clients=4, target_clients=2, encoding=ENCODING, rounds=2)
    name = os.path.basename(job).removesuffix(".cfg")
    running = leader.namespace.start([program("weirctl"), "run", job, "--config", leader.config],
                                     "weirctl-run")
    for number in (1, 2):
        def is_open(wanted=number):
            events = json.loads(leader.weirctl("events", "--json").stdout)["events"]
            return next((found["id"] for found in events if found["state"] == "open" and
                         (found["job"], found["round"]) == (name, wanted)), None)
        event = wait_until(is_open, 30, f"round {number} to open", interval=0.1)
        assert len(running.output().splitlines()) == number - 1, running.output()
        for client in [client.start("submit", "--event", event, "--again", "--input",
                                    client.path("vector.csv")) for client in weir.clients]:
            assert client.wait(60) == 0, client.tail()
    assert running.wait(30) == 0, running.output()
    lines = running.output().splitlines()
    assert len(lines) == 2 and all("published  2 clients" in line for line in lines), lines
    assert weir.collect(event) == [2, 4, 6]
    check_timings(weir, event)
    check_log(weir, event)

    lonely = weir.job(dimension=3, max_clients=4, encoding=ENCODING, rounds=3, duration="3 s")
    done = leader.weirctl("run", lonely, "--round", "2", check=False)
    assert done.returncode == 1, done
    expect(done.stdout, "round 2 of 3", "failed")
    expect(done.stderr, "round 2 of job", "were not announced")
    assert rounds_of(leader, lonely) == [2], "a round was announced after one that failed"
    expect(refused(leader, "run", lonely, "--round", "4", code=2), "has rounds 1 to 3")

    running = leader.namespace.start(
        [program("weirctl"), "--config", leader.config, "run", "--round", "3", lonely], "stopped")
    wait_until(lambda: 3 in rounds_of(leader, lonely), 30, "round 3")
    running.signal(signal.SIGINT)
    assert running.wait(10) == 1
    expect(running.output(), "interrupted; the event goes on: weirctl cancel ")


def check_stats(weir):
    """Counters by name, with their meaning; those that are 0 only when asked for."""
    leader = weir.leader
    workers = leader.stats()["workers"]
    assert len(workers) == 1 and workers[0]["shares_staged"] == 4, workers
    shown, everything = leader.weirctl("stats").stdout, leader.weirctl("stats", "--all").stdout
    expect(shown, "shares_staged", "SHARE chunks authenticated and staged")
    expect(everything, *workers[0])
    for name in ("slots_completed", "batches_committed", "drop_tag", "drop_duplicate"):
        assert (name in shown) == (workers[0][name] > 0), (name, workers, shown)
    shown = leader.weirctl("watch", "--count", "2").stdout
    assert shown.count("health     ok") == 2 and "packets/s" in shown, shown


def check_remote(weir, operator_key, stranger_key):
    """An operator elsewhere, somebody who is none, and a mistaken identity."""
    leader, helper = weir.appliances

    def weirctl(*words, identity=leader.identity, key=operator_key):
        return weir.star.clients.run(
            [program("weirctl"), "--url", leader.url, "--identity", identity, "--key", key,
             *words], 60, check=False)

    expect(weirctl("roster", "list").stdout, weir.clients[0].identity)
    assert weirctl("status").returncode == 0
    done = weirctl("roster", "list", key=stranger_key)
    assert done.returncode == 1 and done.stdout == "", done
    expect(done.stderr, stranger_key, "is not an operator's there", "operators")
    done = weirctl("status", key=stranger_key)
    assert done.returncode == 1 and "is not an operator's" in done.stderr, done
    done = weirctl("events", identity=helper.identity)
    assert done.returncode == 1, done
    expect(done.stderr, leader.identity, helper.identity, "check --url and --identity")
    client = weir.clients[0]
    done = weirctl("roster", "remove", client.identity, key=client.path("identity.pem"))
    assert done.returncode == 1 and client.path("identity.pem") in done.stderr, done


def check_dead(weir):
    """Every state of ill health is told, and its exit status is 1."""
    leader = weir.leader
    done = leader.weirctl("status")
    expect(done.stdout, leader.url, leader.identity, "health     ok", "connected, 1 worker")
    leader.dataplane.stop()
    wait_until(lambda: not json.loads(
        leader.weirctl("status", "--json", check=False).stdout)["healthy"], 30, "ill health")
    done = leader.weirctl("status", check=False)
    assert done.returncode == 1, done
    expect(done.stdout, "no dataplane", "not connected")
    expect(refused(leader, "stats"), "no dataplane connected", "weir-dataplane")
    leader.control.stop()
    for command in ("status", "stats", "events"):
        expect(refused(leader, command), leader.url, "does weir-control run there")
    status = json.loads(leader.weirctl("status", "--json", check=False).stdout)
    assert (status["healthy"], status["reachable"]) == (False, False), status


def main():
    with Lab() as lab:
        keys = [os.path.join(lab.directory, name) for name in ("operator.pem", "stranger.pem")]
        operator = keygen(keys[0])
        keygen(keys[1])
        listed = os.path.join(lab.directory, "members.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.write("# three beds\n" + "0" * 63 + "1 bed 1\n" + "0" * 63 + "2 bed 2\n\n"
                       + "0" * 63 + "3\n")
        weir = Deployment(lab, 2, control={"operators": ({"identity": operator, "name": "o"},)})
        for name in ("c0", "c1"):
            weir.add_client(name)
        weir.start()
        write_settings(os.path.join(lab.directory, "empty.cfg"), {})
        expect(refused(weir.leader, "status", "--config",
                       os.path.join(lab.directory, "empty.cfg"), code=2), "empty.cfg")
        check_roster(weir, listed)
        check_bad_jobs(weir)
        check_events(weir)
        check_draft(weir)
        check_run(weir)
        check_stats(weir)
        check_remote(weir, *keys)
        check_dead(weir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
