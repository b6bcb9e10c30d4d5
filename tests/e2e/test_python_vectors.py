#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The Python client, which was written from the protocol pages alone, and the test vectors, which
the C code's unit tests read too, agree byte by byte."""

import json
import os
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

import lab_path
from weir_client import Appliance
from weir_documents import Announcement, Refused, digest, verify
from weir_packets import (GRANT, STATE, TO_AGGREGATOR, TO_CLIENT, Session, chunks_of, derive_key,
                          seal, split, uniform)

VECTORS = os.path.join(lab_path.ROOT, "tests", "vectors")
TYPES = {"REQUEST": 1, "GRANT": 2, "SHARE": 3, "PARITY": 4, "QUERY": 5, "STATE": 6}


def load(name):
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        return json.load(file)


def is_refused(call, *words):
    try:
        call(*words)
    except Refused:
        return True
    return False


def check_documents(found):
    names = {identity["name"]: identity for identity in found["identities"]}
    required = [names["leader"]["identity"], names["helper"]["identity"]]
    event_id, signed = found["event"]["digest"], json.loads(found["announcement"]["text"])
    announcement = Announcement(signed, event_id, required[0], required)
    assert announcement.offers_digest.hex() == found["offers_digest"]
    assert announcement.event.terms == found["event"]["terms"]
    for wrong in (required[:1], [*required, names["alice"]["identity"]],
                  [required[0], names["alice"]["identity"]]):
        assert is_refused(Announcement, signed, event_id, required[0], wrong)
    assert is_refused(Announcement, signed, event_id, required[1], required)
    for join in found["joins"]:
        assert digest("weir-join", join["text"].encode()).hex() == join["digest"]
        verify(join["identity"], "weir-join", join["text"].encode(), join["signature"], "join")
    own = [receipt for receipt in found["receipts"] if receipt["client"] == 0]
    join_digest = bytes.fromhex(found["joins"][0]["digest"])
    announcement.check_receipts(join_digest, own[0]["batch"], own)
    assert is_refused(announcement.check_receipts, join_digest, own[0]["batch"] + 1, own)
    assert is_refused(announcement.check_receipts, join_digest, own[0]["batch"], own[:1])
    return announcement


def check_requests(found):
    secrets = {identity["identity"]: identity["secret"] for identity in found["identities"]}
    for request in found["requests"]:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secrets[request["identity"]]))
        appliance = Appliance("http://unused", request["recipient"], key)
        headers = appliance.headers(request["method"], request["target"],
                                    bytes.fromhex(request["body"]), request["time_ms"])
        assert headers["Weir-Signature"] == request["signature"], request["target"]
        assert headers["Weir-Identity"] == request["identity"]
        assert headers["Weir-Time"] == str(request["time_ms"])


def check_encoding(found, event):
    for vector in found["vectors"]:
        elements, _ = event.encode(vector["reals"])
        code = f"<{len(elements)}{'I' if event.element_size == 4 else 'Q'}"
        assert struct.pack(code, *elements).hex() == vector["elements"], vector["name"]
        shares = [struct.unpack(code, bytes.fromhex(share)) for share in vector["shares"]]
        assert [sum(column) % event.modulus for column in zip(*shares)] == elements
        for count in (2, 3, 5):
            own = split(elements, event.modulus, count)
            assert len(own) == count and all(0 <= x < event.modulus for share in own for x in share)
            assert [sum(column) % event.modulus for column in zip(*own)] == elements
    for modulus in (2**31 - 1, 2**61 - 1, 2**32, 2**64, 3):
        drawn = uniform(modulus, 5000)
        assert len(drawn) == 5000 and all(0 <= x < modulus for x in drawn)
        assert abs(sum(drawn) / 5000 / (modulus - 1) - 0.5) < 0.05, "not uniform"  # 8 sigma


def check_agreements(agreements):
    for agreement in agreements:
        given = {name: value if isinstance(value, int) else bytes.fromhex(value)
                 for name, value in agreement.items()}
        pairs = ((given["client_secret"], given["aggregator_public"]),
                 (given["aggregator_secret"], given["client_public"]))
        for secret, peer in pairs:
            for direction, name in ((TO_AGGREGATOR, "to_aggregator"), (TO_CLIENT, "to_client")):
                key = derive_key(X25519PrivateKey.from_private_bytes(secret), peer,
                                 given["event_digest"], direction, given["client_identity"],
                                 given["aggregator_identity"])
                assert key == given[name], name


def check_packets(found, documents, event):
    offers = [json.loads(offer["text"]) for offer in documents["offers"]]
    keys = {(a["client"], a["aggregator"]): a for a in found["agreements"]}
    sent = {}
    for packet in found["packets"]:
        kind, nonce = TYPES[packet["type"]], bytes.fromhex(packet["nonce"])
        where, number = (packet["client"], packet["aggregator"]), packet["number"]
        event_number = offers[packet["aggregator"]]["number"]
        datagram = bytes.fromhex(packet["datagram"])
        plaintext = bytes.fromhex(packet["plaintext"])
        assert seal(bytes.fromhex(packet["key"]), kind, event_number, packet["client"], number,
                    nonce, plaintext) == datagram, packet["type"]
        own_keys = [bytes.fromhex(keys[where][name]) for name in ("to_aggregator", "to_client")]
        session = Session(*own_keys, event_number, packet["client"], nonce)
        session.nonce, session.counter = nonce, number
        if packet["type"] == "SHARE":
            assert session.share(number, plaintext) == datagram
            sent.setdefault(where, {})[number] = plaintext
        elif packet["type"] == "REQUEST":
            assert session.request() == (number, datagram)
        elif packet["type"] == "QUERY":
            assert session.query(packet["fields"]["first"]) == (number, datagram)
        elif kind in (GRANT, STATE):
            check_answer(session.open_answer(datagram), kind, packet["fields"])
            for i in range(len(datagram)):
                changed = datagram[:i] + bytes([datagram[i] ^ 1]) + datagram[i + 1:]
                assert session.open_answer(changed) is None, f"byte {i} can be changed"
            assert session.open_answer(datagram[:-1]) is None
    code = f"<{event.dimension}{'I' if event.element_size == 4 else 'Q'}"
    vectors = dict(zip(sorted({client for client, _ in sent}), documents["vectors"]))
    for (client, aggregator), chunks in sent.items():
        share = struct.unpack(code, bytes.fromhex(vectors[client]["shares"][aggregator]))
        own = chunks_of(share, event.chunk_elements, event.element_size)
        assert own == [chunks[i] for i in range(len(own))], (client, aggregator)


def check_answer(answer, kind, fields):
    assert answer.type == kind
    for name, value in fields.items():
        if name == "chunks":
            assert [answer.first + i for i in range(1024) if answer.has(answer.first + i)] == value
        else:
            assert getattr(answer, name) == int(value), (name, getattr(answer, name), value)


def main():
    documents, packets = load("documents.json"), load("packets.json")
    announcement = check_documents(documents)
    check_requests(documents)
    check_encoding(documents, announcement.event)
    check_agreements(packets["agreements"])
    check_packets(packets, documents, announcement.event)
    print(f"{len(packets['packets'])} packets and all documents agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
