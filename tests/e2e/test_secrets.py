#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""What is secret while an event lasts is nowhere once it has ended, published or failed: not in either
process's memory, freed parts included, not in the store's files, and never in what the processes print.
The per-event keys are read from the store while the event is open, the packet keys are computed by the
client that they are for, and both are found in memory then, so the search would find them later."""

import base64
import contextlib
import os
import re
import sqlite3
import sys
import time

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import lab_path  # noqa: F401
from deployment import Deployment
from netlab import Lab, wait_until
from signed_request import load_key
from weir_client import Appliance, Participation
from weir_documents import load_identity
from weir_packets import ADMITTED, GRANT, SEALED, STATE

DIMENSION, CHUNK = 1000, 176
BLOCK = 1 << 24
ROWS = [[i * 7 + j for j in range(DIMENSION)] for i in range(3)]


def forms(secret):
    """How 32 bytes might be kept or printed. Half of it is a secret too."""
    half = secret[8:24]
    return [half, half.hex().encode(), half.hex().upper().encode(),
            base64.b64encode(secret[9:24]), ", ".join(map(str, half)).encode()]


class Secrets:
    """Names and what to look for, all at once."""

    def __init__(self, named):
        self.names = {form: name for name, secret in named.items() for form in forms(secret)}
        self.pattern = re.compile(b"|".join(map(re.escape, self.names)))
        self.longest = max(map(len, self.names))

    def within(self, data):
        return {self.names[match.group()] for match in self.pattern.finditer(data)}

    def in_memory(self, process):
        """Every mapping that can be read; those of EAL's empty reservation are skipped by the kernel."""
        found = set()
        with open(f"/proc/{process.pid}/maps", encoding="ascii") as maps, \
                open(f"/proc/{process.pid}/mem", "rb", 0) as memory:
            for line in maps:
                span, mode, *_ = line.split()
                if not mode.startswith("rw"):
                    continue
                start, end = (int(part, 16) for part in span.split("-"))
                while start < end:
                    try:
                        data = os.pread(memory.fileno(), min(BLOCK, end - start), start)
                    except OSError:
                        break
                    found |= self.within(data)
                    start += max(len(data) - self.longest, 1) if start + len(data) < end else len(data)
        return found

    def in_files(self, *paths):
        found = set()
        for path in paths:
            walk = os.walk(path) if os.path.isdir(path) else [("", [], [path])]
            for folder, _, names in walk:
                for name in names:
                    with contextlib.suppress(FileNotFoundError, OSError), \
                            open(os.path.join(folder, name), "rb") as file:
                        found |= {f"{hit} in {name}" for hit in self.within(file.read())}
        return found


def event_keys(weir, event):
    """Each aggregator's private key of the event, as the store keeps it."""
    keys = {}
    for appliance in weir.appliances:
        path = f"file:{appliance.path('state/control.db')}?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True)) as store:
            (key,) = store.execute("SELECT key FROM event_key WHERE event = ?",
                                   [bytes.fromhex(event)]).fetchone()
        assert len(key) == 32
        keys[f"{appliance.name}'s key of the event"] = key
    return keys


def identity_seeds(weir):
    return {f"{appliance.name}'s identity key": load_key(appliance.path("identity.pem")).private_bytes(
        Encoding.Raw, PrivateFormat.Raw, NoEncryption()) for appliance in weir.appliances}


def take_part(weir, event, client):
    """Joins and takes slots; returns the participation, its uploads and its packet keys."""
    key = load_identity(client.path("identity.pem"))
    part = Participation(Appliance(weir.leader.url, weir.leader.identity, key), key, event,
                         [appliance.identity for appliance in weir.appliances])
    part.join()
    uploads, _ = part.uploads(ROWS[0])
    keys = {"the client's key of the join": part.agreement_key.private_bytes(
        Encoding.Raw, PrivateFormat.Raw, NoEncryption())}
    for appliance, upload in zip(weir.appliances, uploads):
        wait_until(lambda u=upload: u.ask(u.session.request, GRANT).state >= ADMITTED, 60, "a slot")
        keys[f"packets to {appliance.name}"] = upload.session.key_out
        keys[f"packets from {appliance.name}"] = upload.session.key_in
    return part, uploads, keys


def are_in_use(weir, secrets):
    """While the event is open: the search finds each where it must be, and nowhere else."""
    for appliance in weir.appliances:
        held = secrets.in_memory(appliance.control)
        assert f"{appliance.name}'s key of the event" in held, held
        assert f"{appliance.name}'s identity key" in held, held
        held |= (packets := secrets.in_memory(appliance.dataplane))
        assert {f"packets to {appliance.name}", f"packets from {appliance.name}"} <= packets, packets
        assert not any("identity" in name or "of the event" in name for name in packets), packets
        others = {name for name in held if appliance.name not in name}
        assert not others, f"{appliance.name} has {others}"
        stored = secrets.in_files(appliance.path("state"))
        assert any("of the event" in name for name in stored), stored
        assert not any("packets" in name or "identity" in name for name in stored), stored


def outputs(weir):
    return [process.log for appliance in weir.appliances
            for process in (appliance.dataplane, appliance.control)]


def are_gone(weir, secrets, when):
    """Everywhere. Only the control process has its own identity's key, for as long as it runs."""
    def left():
        found = set()
        for appliance in weir.appliances:
            own = f"{appliance.name}'s identity key"
            for process in (appliance.control, appliance.dataplane):
                held = secrets.in_memory(process)
                found |= {f"{name} in {process.name}" for name in held
                          if name != own or process is appliance.dataplane}
            found |= secrets.in_files(appliance.path("state"))
        return found | secrets.in_files(*outputs(weir))
    until = time.monotonic() + 60
    while (found := left()) and time.monotonic() < until:
        time.sleep(1)
    assert not found, f"{when}: {sorted(found)}"
    print(f"{when}: none of {len(set(secrets.names.values()))} secrets is left", flush=True)


def announce(weir, target):
    event = weir.announce(dimension=DIMENSION, chunk_elements=CHUNK, max_clients=10,
                          target_clients=target, admit_timeout="250 s",
                          encoding={"kind": "integer", "bound": 10**6})
    weir.wait_for_state(event, {"open"})
    return event


def a_published_event(weir):
    event = announce(weir, len(ROWS))
    with weir.star.clients.entered():
        part, uploads, keys = take_part(weir, event, weir.clients[0])
    secrets = Secrets(identity_seeds(weir) | event_keys(weir, event) | keys)
    are_in_use(weir, secrets)
    with weir.star.clients.entered():
        part.send(uploads)
        wait_until(lambda: uploads[0].ask(lambda: uploads[0].session.query(0), STATE).state == SEALED,
                   60, "the client to be sealed")
    for client, row in zip(weir.clients[1:], ROWS[1:]):
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(map(str, row)) + "\n")
        client.run("submit", "--event", event, "--input", client.path("vector.csv"))
        kept = sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(client.path("state")) for name in names)
        assert kept < 8 * DIMENSION, f"{client.name} still keeps {kept} bytes: its split?"
    weir.wait_for_state(event, {"published"})
    assert weir.collect(event) == [sum(column) for column in zip(*ROWS)], "the sum differs"
    are_gone(weir, secrets, "published")


def a_cancelled_event(weir):
    """In the middle: a slot is held and half of the chunks are there."""
    event = announce(weir, 0)
    with weir.star.clients.entered():
        _, uploads, keys = take_part(weir, event, weir.clients[0])
        for upload in uploads:
            for chunk in range(3):
                upload.send(upload.session.share(chunk, upload.plaintexts[chunk]))
    secrets = Secrets(identity_seeds(weir) | event_keys(weir, event) | keys)
    are_in_use(weir, secrets)
    weir.leader.weirctl("cancel", event)
    weir.wait_for_state(event, {"failed"})
    are_gone(weir, secrets, "failed")


def main():
    with Lab() as lab:
        weir = Deployment(lab, 2, arena=16 << 20)
        for i in range(len(ROWS)):
            weir.add_client(f"c{i}")
        weir.start()
        a_published_event(weir)
        a_cancelled_event(weir)
        for appliance in weir.appliances:
            assert appliance.control.stop() == 0 and appliance.dataplane.stop(30) == 0
        assert not Secrets(identity_seeds(weir)).in_files(
            *(appliance.path("state") for appliance in weir.appliances), *outputs(weir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
