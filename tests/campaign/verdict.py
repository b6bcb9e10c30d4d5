# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Whether a schedule's event ended as Weir promises. What a log, a share and a receipt must be is
computed here from control/README.md, the sum from the integers; nothing asks Weir whether it is right."""

import collections
import glob
import hashlib
import json
import os
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from control_plane import committed_set, digest
from schedule import MIN_CLIENTS, MODULI, PATIENCE
from signed_request import load_key, signed_request

HEADER, SIGNATURE = 136, 64


class Reader:
    """The collector, who may read the log and the shares of every aggregator."""

    def __init__(self, world):
        self.world, self.collector = world, world.weir.collector
        self.key = load_key(self.collector.path("identity.pem"))

    def get(self, appliance, target, timeout=30):
        status, body = signed_request(self.world.weir.star.clients, self.key, self.collector.identity,
                                      appliance.identity, appliance.url, "GET",
                                      f"/v1/events/{self.world.event}{target}", timeout=timeout)
        return status, body

    def state(self, appliance, timeout=5):
        status, body = self.get(appliance, "", timeout)
        return json.loads(body) if status == 200 else {"state": "unknown", "reason": ""}

    def log(self, appliance, timeout=30):
        """The log's texts. An answer may be a part of it."""
        texts = []
        while True:
            status, body = self.get(appliance, f"/log?from={len(texts)}", timeout)
            entries = json.loads(body)["entries"] if status == 200 else []
            if not entries:
                return texts
            texts += [entry["entry"] for entry in entries]


def phase(reader, identity):
    """How far the log says a client is; "unseen" also where nobody answers at once."""
    for appliance in reader.world.weir.appliances:
        try:
            log = [json.loads(text) for text in reader.log(appliance, timeout=0.3)]
        except OSError:
            continue
        return phase_in(log, identity)
    return "unseen"


def phase_in(log, identity):
    found, index, batch = "unseen", None, None
    for entry in log:
        kind, clients = entry["type"], entry.get("clients", [])
        if kind == "JOIN" and json.loads(entry["join"])["identity"] == identity:
            found, index, batch = "joined", entry["client"], None
        elif kind == "COMMIT" and index in clients:
            found, batch = "committed", entry["batch"]
        elif index in clients:
            found = {"ADMIT": "admitted", "ABORT": "aborted"}[kind]
        elif kind == "SEALED" and batch == entry["batch"]:
            found = "sealed"
        elif kind == "ROLLBACK" and batch == entry["batch"]:
            found, batch = "admitted", None
    return found


def sealed_joins(log):
    """(client index, join document, join text, batch) of each client of the sum."""
    joins = {entry["client"]: entry["join"] for entry in log if entry["type"] == "JOIN"}
    sealed = {entry["batch"] for entry in log if entry["type"] == "SEALED"}
    return [(client, json.loads(joins[client]), joins[client], entry["batch"]) for entry in log
            if entry["type"] == "COMMIT" and entry["batch"] in sealed for client in entry["clients"]]


def verifies(identity, context, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(identity)).verify(
            signature, context.encode() + b"\0" + message)
        return True
    except InvalidSignature:
        return False


class Verdict:
    """problems: what must never be. left_out: living clients that are not in the sum. wrong: to show that it
    can fail, one client's vector is taken for another's."""

    def __init__(self, world, wrong=False):
        self.shift, self.stood_still = 1 if wrong else 0, 0
        self.world, self.problems, self.left_out, self.sealed = world, [], [], 0
        self.reader, self.log = Reader(world), []

    def require(self, condition, problem):
        if not condition:
            self.problems.append(problem)
        return condition

    def logs_agree(self, last):
        """Every aggregator's copy is the same, to its end."""
        texts = [self.reader.log(appliance) for appliance in self.world.weir.appliances]
        self.log = [json.loads(text) for text in texts[0]]
        self.require(self.log and self.log[-1]["type"] == last, f"the log does not end with {last}")
        for appliance, copy in zip(self.world.weir.appliances, texts):
            self.require(copy == texts[0], f"{appliance.name} has another log than the leader")

    def published(self):
        self.logs_agree("PUBLISHED")
        sealed = sealed_joins(self.log)
        self.sealed = len(sealed)
        self.require(len(sealed) >= MIN_CLIENTS, f"published for {len(sealed)} clients")
        numbers = {client.client.identity: client.index for client in self.world.clients}
        owners = [numbers.get(join["identity"]) for _, join, _, _ in sealed]
        twice = [f"c{who}" for who, times in collections.Counter(owners).items() if times > 1]
        self.require(not twice, f"in the sum twice: {twice}")
        if not self.require(None not in owners, "a stranger is in the sum"):
            return
        self.sums(sealed, owners)
        self.receipts(sealed)
        dead = self.world.schedule.dead
        self.left_out = [client.name for client in self.world.clients
                         if client.index not in owners and client.index not in dead]

    def sums(self, sealed, owners):
        schedule = self.world.schedule
        modulus = MODULI[schedule.modulus]
        size = 4 if modulus <= 2**32 else 8
        expected = [0] * schedule.dimension
        for (_, join, _, _), owner in zip(sealed, owners):
            weight = self.world.clients[owner].weight
            self.require(join["weight"] == weight, f"c{owner} has weight {join['weight']}")
            expected = [e + weight * x for e, x in zip(expected, schedule.vector(owner + self.shift))]
        value, total = committed_set(self.world.event, self.log), [0] * schedule.dimension
        for appliance in self.world.weir.appliances:
            status, share = self.reader.get(appliance, "/aggregate-share?wait=10")
            length = HEADER + size * schedule.dimension + SIGNATURE
            if not self.require(status == 200 and len(share) == length,
                                f"{appliance.name} gives no aggregate share: {status}"):
                return
            count, weight = struct.unpack_from("<QQ", share, 104)
            self.require(share[72:104] == value, f"{appliance.name} publishes another set than the log's")
            self.require((count, weight) == (len(sealed), sum(join["weight"] for _, join, _, _ in sealed)),
                         f"{appliance.name} publishes {count} clients of weight {weight}")
            elements = share[HEADER:-SIGNATURE]
            self.require(verifies(appliance.identity, "weir-aggregate-share",
                                  share[:HEADER] + _sha256(elements), share[-SIGNATURE:]),
                         f"the signature of {appliance.name}'s share is wrong")
            part = struct.unpack(f"<{schedule.dimension}{'I' if size == 4 else 'Q'}", elements)
            total = [(t + p) % modulus for t, p in zip(total, part)]
        highest = (modulus - 1) // 2
        signed = [t - modulus if t > highest else t for t in total]
        wrong = sum(a != b for a, b in zip(signed, expected))
        self.require(not wrong, f"the sum is wrong in {wrong} of {len(expected)} elements")
        if not wrong:
            self.require(self.world.weir.collect(self.world.event) == expected, "weir collect differs")

    def receipts(self, sealed):
        """Who has one is in the sum, and every aggregator has signed it; who was told "done" has one."""
        wanted = [appliance.identity for appliance in self.world.weir.appliances]
        for client in self.world.clients:
            found = glob.glob(client.client.path("state/receipt-*.json"))
            self.require(found or not client.done, f"{client.name} is done and has no receipt")
            for path in found:
                with open(path, encoding="utf-8") as file:
                    receipt = json.load(file)
                mine = [(batch, text) for index, _, text, batch in sealed
                        if text == receipt["join"] and index == receipt["client"]]
                if not self.require(mine, f"{client.name} has a receipt and is not in the sum"):
                    continue
                batch, text = mine[0]
                message = (bytes.fromhex(self.world.event) + digest("weir-join", text.encode())
                           + struct.pack("<I", batch))
                signers = [each["aggregator"] for each in receipt["receipts"]]
                self.require(signers == wanted and receipt["batch"] == batch and all(
                    verifies(each["aggregator"], "weir-receipt", message, bytes.fromhex(each["signature"]))
                    for each in receipt["receipts"]), f"the receipt of {client.name} is wrong")

    def failed(self, reason):
        """No aggregator gives a share out, and the reason is one that the schedule explains."""
        self.logs_agree("FAILED")
        for appliance in self.world.weir.appliances:
            status, _ = self.reader.get(appliance, "/aggregate-share")
            self.require(status == 410, f"{appliance.name} answers {status} for a failed event's share")
        self.require(self.explains(reason), f"failed: {reason}")

    def explains(self, reason):
        """Too few at a deadline, where the clients had no time left for what happened to them; and a batch
        that is nowhere any more, of a dataplane whose memory was to be lost with it."""
        schedule = self.world.schedule
        lost = any(fault.kind in ("kill-dataplane", "kill-appliance") for fault in schedule.faults)
        if lost and schedule.memory == "none" and schedule.durability == "process":
            if "has lost batch" in reason:
                return True
        return reason.startswith("clients in the sum at the deadline") and (
            schedule.ended_by == "deadline" or self.deadline_came_early())

    def deadline_came_early(self):
        """By the leader's clock, which was stepped; or because the machine stood still so long, or a killed
        process did not die, that the schedule was not what its text says."""
        stepped = any(fault.kind == "step-clock" and fault.target == "a0"
                      and int(fault.detail.split()[0]) >= PATIENCE for fault in self.world.schedule.faults)
        return stepped or self.stood_still > PATIENCE / 2


def _sha256(message):
    return hashlib.sha256(message).digest()


def left_running(directory):
    """Processes that were started in a lab's folder and live."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if directory in words and int(path.split("/")[2]) != os.getpid():
            found.append(words.strip())
    return found
