#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Writes the test vectors beside it: documents.json (control/README.md) and packets.json
(dataplane/README.md). Made from those two pages and python3-cryptography alone, so that the C code is
checked against the pages and not against itself. Every key and nonce comes from its name: the files
never change unless this program does (tests/vectors/generate.py --check compares).

The story: two aggregators, a collector, three clients. Alice (weight 2) and Bob (weight 3) are
committed in batch 1, which is rolled back, and in batch 2, which is sealed; Carol's first join is
aborted, her second is too late. The aggregate is 2 x Alice + 3 x Bob."""

import hashlib
import json
import os
import struct
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HERE = os.path.dirname(os.path.abspath(__file__))
MODULUS, ELEMENT = 2**61 - 1, "<Q"
DIMENSION, CHUNK, SCALE, CLIP = 20, 16, 1000.0, 50.0
RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def bytes_of(name, size):
    return hashlib.shake_256(b"weir test vector: " + name.encode()).digest(size)


def digest(context, message):
    return hashlib.sha256(context.encode() + b"\0" + message).digest()


class Identity:
    def __init__(self, name):
        self.name, self.secret = name, bytes_of(name, 32)
        self.key = Ed25519PrivateKey.from_private_bytes(self.secret)
        self.public = self.key.public_key().public_bytes(*RAW)
        self.hex = self.public.hex()

    def sign(self, context, message):
        return self.key.sign(context.encode() + b"\0" + message)

    def as_json(self):
        return {"name": self.name, "secret": self.secret.hex(), "identity": self.hex}


class Agreement:
    """An X25519 pair."""

    def __init__(self, name):
        self.secret = bytes_of(name, 32)
        self.key = X25519PrivateKey.from_private_bytes(self.secret)
        self.public = self.key.public_key().public_bytes(*RAW)


class Signed:
    """A document's text and its signature."""

    def __init__(self, signer, context, value, **layout):
        self.text = json.dumps(value, ensure_ascii=False, **layout)
        self.bytes = self.text.encode()
        self.digest = digest(context, self.bytes)
        self.signature = signer.sign(context, self.bytes)

    def travelling(self, key):
        return {key: self.text, "signature": self.signature.hex()}

    def as_json(self, **more):
        return {"text": self.text, "digest": self.digest.hex(),
                "signature": self.signature.hex(), **more}


LEADER, HELPER = Identity("leader"), Identity("helper")
COLLECTOR = Identity("collector")
ALICE, BOB, CAROL = Identity("alice"), Identity("bob"), Identity("carol")
AGGREGATORS = [LEADER, HELPER]
EVENT_KEYS = [Agreement("event key of leader"), Agreement("event key of helper")]

EVENT = {
    "version": 1, "kind": "sum", "job": "test-vectors_1.0", "round": 7, "modulus": "2^61-1",
    "dimension": DIMENSION, "chunk_elements": CHUNK,
    "encoding": {"kind": "fixed", "signed": True, "scale": SCALE, "clip": CLIP,
                 "bound": round(SCALE * CLIP)},
    "max_clients": 8, "max_weight": 5, "min_clients": 2, "target_clients": 0,
    "announced_ms": 1767225600000, "deadline_ms": 1767225900000, "admit_timeout_ms": 30000,
    "aggregators": [LEADER.hex, HELPER.hex], "collectors": [COLLECTOR.hex]}
EVENT_TEXT = json.dumps(EVENT)
EVENT_DIGEST = digest("weir-event", EVENT_TEXT.encode())

OFFERS = [Signed(aggregator, "weir-offer", {
    "version": 1, "event": EVENT_DIGEST.hex(), "aggregator": aggregator.hex,
    "key": EVENT_KEYS[i].public.hex(), "endpoint": ["10.77.0.2:9347", "[2001:db8::2]:9347"][i],
    "url": ["http://10.78.0.2:9347", "https://helper.example"][i], "number": [7, 4294967295][i],
    "slots": [64, 2][i], "min_clients": [2, 1][i]}, indent=[None, 2][i])
    for i, aggregator in enumerate(AGGREGATORS)]
OFFERS_DIGEST = digest("weir-offers", b"".join(offer.digest for offer in OFFERS))
ANNOUNCEMENT = {
    "id": EVENT_DIGEST.hex(), "event": EVENT_TEXT,
    "offers": [offer.travelling("offer") for offer in OFFERS],
    "signature": LEADER.sign("weir-announcement", EVENT_DIGEST + OFFERS_DIGEST).hex()}


class Join:
    def __init__(self, client, name, weight):
        self.client, self.name, self.weight = client, name, weight
        self.agreement = Agreement("join key of " + name)
        self.document = Signed(client, "weir-join", {
            "weight": weight, "key": self.agreement.public.hex(), "identity": client.hex,
            "offers": OFFERS_DIGEST.hex(), "event": EVENT_DIGEST.hex(), "version": 1})
        self.digest = self.document.digest
        self.acceptances = [a.sign("weir-acceptance", EVENT_DIGEST + self.digest)
                            for a in AGGREGATORS]


JOINS = [Join(ALICE, "alice", 2), Join(CAROL, "carol", 1), Join(BOB, "bob", 3),
         Join(CAROL, "carol again", 1)]
ALICE_INDEX, CAROL_INDEX, BOB_INDEX, AGAIN_INDEX = range(4)


def set_digest(before, batch, indexes):
    members = b"".join(
        struct.pack("<I", i) + JOINS[i].client.public + JOINS[i].digest
        + struct.pack("<I", JOINS[i].weight) for i in indexes)
    return digest("weir-set", before + struct.pack("<I", batch) + members)


SET_START = digest("weir-set", EVENT_DIGEST)
BATCH = [BOB_INDEX, ALICE_INDEX]  # the order of the entry, not of the indexes
SET_ROLLED_BACK = set_digest(SET_START, 1, BATCH)
SET_SEALED = set_digest(SET_START, 2, BATCH)
WEIGHT = sum(JOINS[i].weight for i in BATCH)


def log():
    """Every entry with what the log's state is after it."""
    entries, previous = [], bytes(32)

    def add(kind, keys, state, set_now=None):
        nonlocal previous
        entry = Signed(LEADER, "weir-log", {
            "index": len(entries), "prev": previous.hex(), "type": kind, **keys})
        previous = entry.digest
        set_now = set_now or (entries[-1]["set_digest"] if entries else SET_START.hex())
        entries.append({"type": kind, **entry.as_json(state=state, set_digest=set_now)})

    def join(index):
        taken = JOINS[index]
        add("JOIN", {"client": index, "join": taken.document.text,
                     "signature": taken.document.signature.hex(),
                     "acceptances": [a.hex() for a in taken.acceptances]}, "open")

    add("ANNOUNCE", {"announcement": ANNOUNCEMENT}, "open")
    for index in (ALICE_INDEX, CAROL_INDEX, BOB_INDEX):
        join(index)
    add("ADMIT", {"clients": [CAROL_INDEX]}, "open")
    add("ABORT", {"clients": [CAROL_INDEX], "reason": "not complete after 30 s \u2014 too slow"},
        "open")
    add("ADMIT", {"clients": [ALICE_INDEX, BOB_INDEX]}, "open")
    add("COMMIT", {"batch": 1, "clients": BATCH}, "open", SET_ROLLED_BACK.hex())
    add("ROLLBACK", {"batch": 1}, "open", SET_START.hex())
    add("COMMIT", {"batch": 2, "clients": BATCH}, "open", SET_SEALED.hex())
    join(AGAIN_INDEX)
    add("SEALED", {"batch": 2}, "open")
    add("FREEZE", {"count": len(BATCH), "weight": WEIGHT, "set_digest": SET_SEALED.hex()},
        "frozen")
    add("PUBLISHED", {"set_digest": SET_SEALED.hex()}, "published")
    return entries


def failed_instead(entries):
    """The end that the same log could have had instead of its last entry."""
    entry = Signed(LEADER, "weir-log", {
        "index": len(entries) - 1, "prev": entries[-2]["digest"], "type": "FAILED",
        "reason": "helper: disk full"})
    return {"type": "FAILED", **entry.as_json(state="failed", set_digest=SET_SEALED.hex())}


def uniform(name):
    """Elements below the modulus."""
    raw = bytes_of(name, 8 * DIMENSION)
    return [struct.unpack_from(ELEMENT, raw, 8 * i)[0] >> 3 for i in range(DIMENSION)]


def encode(reals):
    return [round(min(max(x, -CLIP), CLIP) * SCALE) % MODULUS for x in reals]


def pack(elements):
    return struct.pack("<%dQ" % len(elements), *elements)


VECTORS = {
    "alice": [i * 1.25 - 10 for i in range(DIMENSION)],
    # ties to even, clipping, the smallest and the largest
    "bob": [0.0005, 0.0015, -0.0005, -0.0025, 50.0, -50.0, 50.001, -1e300, 1e-300, 0.1, -0.0, 49.9995]
    + [i / 7 for i in range(8)]}
SPLITS = {}
for _name, _reals in VECTORS.items():
    _first = uniform("share of " + _name)
    SPLITS[_name] = [_first, [(x - r) % MODULUS for x, r in zip(encode(_reals), _first)]]


def vectors_json():
    return [{"name": name, "reals": reals, "elements": pack(encode(reals)).hex(),
             "shares": [pack(share).hex() for share in SPLITS[name]]}
            for name, reals in VECTORS.items()]


def aggregate_shares():
    shares = []
    for i, aggregator in enumerate(AGGREGATORS):
        summed = [(2 * a + 3 * b) % MODULUS for a, b in zip(SPLITS["alice"][i], SPLITS["bob"][i])]
        header = (b"WEIRAGG1" + EVENT_DIGEST + aggregator.public + SET_SEALED
                  + struct.pack("<QQIIQ", len(BATCH), WEIGHT, 2, 0, DIMENSION))
        elements = pack(summed)
        signature = aggregator.sign(
            "weir-aggregate-share", header + hashlib.sha256(elements).digest())
        shares.append((header + elements + signature).hex())
    return shares


def aggregate():
    sums = [2 * a + 3 * b for a, b in zip(*map(encode, VECTORS.values()))]
    integers = [x % MODULUS for x in sums]
    integers = [x - MODULUS if x > (MODULUS - 1) // 2 else x for x in integers]
    return {"integers": integers, "reals": [x / SCALE for x in integers]}


def request(caller, recipient, method, target, time_ms, body):
    message = "\n".join((recipient.hex, method, target, str(time_ms),
                         hashlib.sha256(body).hexdigest()))
    return {"identity": caller.hex, "recipient": recipient.hex, "method": method,
            "target": target, "time_ms": time_ms, "body": body.hex(),
            "signature": caller.sign("weir-request", message.encode()).hex()}


def documents():
    entries = log()
    return {
        "about": "made by generate.py from control/README.md; all bytes in hexadecimal",
        "identities": [i.as_json() for i in (LEADER, HELPER, COLLECTOR, ALICE, BOB, CAROL)],
        "event": {"text": EVENT_TEXT, "digest": EVENT_DIGEST.hex(), "terms": EVENT},
        "offers": [offer.as_json(secret=EVENT_KEYS[i].secret.hex(), public=EVENT_KEYS[i].public.hex())
                   for i, offer in enumerate(OFFERS)],
        "offers_digest": OFFERS_DIGEST.hex(),
        "announcement": {"text": json.dumps(ANNOUNCEMENT), "signature": ANNOUNCEMENT["signature"]},
        "joins": [join.document.as_json(
            client=index, identity=join.client.hex, weight=join.weight,
            secret=join.agreement.secret.hex(), public=join.agreement.public.hex(),
            acceptances=[a.hex() for a in join.acceptances])
            for index, join in enumerate(JOINS)],
        "receipts": [{"client": i, "batch": 2, "aggregator": a.hex,
                      "signature": a.sign("weir-receipt", EVENT_DIGEST + JOINS[i].digest
                                          + struct.pack("<I", 2)).hex()}
                     for i in BATCH for a in AGGREGATORS],
        "set_digests": [
            {"batch": 0, "clients": [], "digest": SET_START.hex()},
            {"batch": 1, "clients": BATCH, "digest": SET_ROLLED_BACK.hex()},
            {"batch": 2, "clients": BATCH, "digest": SET_SEALED.hex()}],
        "log": entries,
        "failed_instead": failed_instead(entries),
        "vectors": vectors_json(),
        "aggregate_shares": aggregate_shares(),
        "aggregate": aggregate(),
        "requests": [
            request(ALICE, LEADER, "POST", f"/v1/events/{EVENT_DIGEST.hex()}/join", 1767225601234,
                    json.dumps(JOINS[0].document.travelling("join")).encode()),
            request(COLLECTOR, HELPER, "GET",
                    f"/v1/events/{EVENT_DIGEST.hex()}/aggregate-share?wait=20", 1767225901000, b"")]}


REQUEST, GRANT, SHARE, PARITY, QUERY, STATE = range(1, 7)
NAMES = {REQUEST: "REQUEST", GRANT: "GRANT", SHARE: "SHARE", QUERY: "QUERY", STATE: "STATE"}
TO_AGGREGATOR, TO_CLIENT = 1, 2


def agree(join, i):
    """Both directions' keys of a join and aggregator i, made at the client."""
    secret = join.agreement.key.exchange(X25519PublicKey.from_public_bytes(EVENT_KEYS[i].public))
    assert secret == EVENT_KEYS[i].key.exchange(
        X25519PublicKey.from_public_bytes(join.agreement.public))

    def derive(direction):
        info = (b"weir share v1" + bytes([direction]) + join.client.public
                + AGGREGATORS[i].public)
        return HKDF(hashes.SHA256(), 32, EVENT_DIGEST, info).derive(secret)
    return secret, {TO_AGGREGATOR: derive(TO_AGGREGATOR), TO_CLIENT: derive(TO_CLIENT)}


def packet(join_index, i, kind, number, nonce, plaintext, fields):
    direction = TO_CLIENT if kind in (GRANT, STATE) else TO_AGGREGATOR
    key = agree(JOINS[join_index], i)[1][direction]
    event = json.loads(OFFERS[i].text)["number"]
    chunk = kind << 28 | number
    header = struct.pack("<BBHIII8s", 1, kind, 0, event, join_index, chunk, nonce)
    sealed = AESGCM(key).encrypt(header[12:24], plaintext, header)
    return {"type": NAMES[kind], "client": join_index, "aggregator": i, "number": number,
            "nonce": nonce.hex(), "key": key.hex(), "fields": fields, "header": header.hex(),
            "plaintext": plaintext.hex(), "datagram": (header + sealed).hex()}


def grant(state, echo, wait_ms, window, rate, received):
    return struct.pack("<B3xIIIQI4x", state, echo, wait_ms, window, rate, received)


def state_answer(state, echo, first, received, window, wait_ms, rate, chunks):
    bitmap = bytearray(128)
    for chunk in chunks:
        bitmap[(chunk - first) // 8] |= 1 << (chunk - first) % 8
    return struct.pack("<B3xIIIIIQ", state, echo, first, received, window, wait_ms, rate) \
        + bytes(bitmap)


def packets():
    made = []
    for index, name in ((ALICE_INDEX, "alice"), (BOB_INDEX, "bob")):
        for i in range(2):
            start = f" of {name} to {i}"
            share_nonce = bytes_of("share nonce of " + name, 8)
            client_nonce = bytes_of("message nonce" + start, 8)
            answer_nonce = bytes_of(f"answer nonce of {i}", 8)

            def add(kind, number, nonce, plaintext, **fields):
                made.append(packet(index, i, kind, number, nonce, plaintext, fields))

            add(REQUEST, 0, client_nonce, bytes(32))
            add(GRANT, 16 * index, answer_nonce, grant(2, 0, 250, 0, 0, 0),
                state=2, echo=0, wait_ms=250, window=0, rate=0, received=0)
            add(REQUEST, 1, client_nonce, bytes(32))
            add(GRANT, 16 * index + 1, answer_nonce, grant(3, 1, 0, 256, 12500000, 1),
                state=3, echo=1, wait_ms=0, window=256, rate=12500000, received=1)
            share = SPLITS[name][i]
            for chunk in range(0, DIMENSION, CHUNK):
                add(SHARE, chunk // CHUNK, share_nonce, pack(share[chunk:chunk + CHUNK]))
            add(QUERY, 2, client_nonce, struct.pack("<I156x", 0), first=0)
            add(STATE, 16 * index + 2, answer_nonce,
                state_answer(3, 2, 0, 1, 256, 0, 12500000, [1]), state=3, echo=2, first=0,
                received=1, window=256, wait_ms=0, rate=12500000, chunks=[1])
            # as it would be of a longer vector, whose chunks 64, 71, 72 and 1087 are there
            add(STATE, WRAPPED, answer_nonce,
                state_answer(4, WRAPPED, 64, 1100, 1, 20, 2**64 - 1, [64, 71, 72, 1087]),
                state=4, echo=WRAPPED, first=64, received=1100, window=1, wait_ms=20,
                rate=str(2**64 - 1), chunks=[64, 71, 72, 1087])
    return made


WRAPPED = 2**28 - 1  # the last value of a message counter


def packets_file():
    agreements = []
    for index in (ALICE_INDEX, BOB_INDEX):
        for i in range(2):
            secret, keys = agree(JOINS[index], i)
            agreements.append({
                "client": index, "aggregator": i, "event_digest": EVENT_DIGEST.hex(),
                "client_identity": JOINS[index].client.hex, "aggregator_identity": AGGREGATORS[i].hex,
                "client_secret": JOINS[index].agreement.secret.hex(),
                "client_public": JOINS[index].agreement.public.hex(),
                "aggregator_secret": EVENT_KEYS[i].secret.hex(),
                "aggregator_public": EVENT_KEYS[i].public.hex(), "secret": secret.hex(),
                "to_aggregator": keys[TO_AGGREGATOR].hex(), "to_client": keys[TO_CLIENT].hex()})
    return {"about": "made by generate.py from dataplane/README.md, of the event in documents.json; "
                     "all bytes in hexadecimal",
            "agreements": agreements, "packets": packets()}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit("usage: generate.py [--check]")
    stale = []
    for name, content in (("documents.json", documents()), ("packets.json", packets_file())):
        path = os.path.join(HERE, name)
        text = json.dumps(content, indent=1) + "\n"
        if not check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        elif not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
            stale.append(name)
    if stale:
        sys.exit("generate.py would write another " + " and ".join(stale) + "; run it")


if __name__ == "__main__":
    main()
