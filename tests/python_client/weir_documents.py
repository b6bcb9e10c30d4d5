# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""What is signed: digests, signatures, and the documents of control/README.md as a client needs
them. Everything that is not as the page says is Refused."""

import hashlib
import ipaddress
import json
import math
import re
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (Encoding, PublicFormat,
                                                          load_pem_private_key)

# Modulus and bytes of an element.
MODULI = {"2^31-1": (2**31 - 1, 4), "2^61-1": (2**61 - 1, 8), "2^32": (2**32, 4), "2^64": (2**64, 8)}
U32, U63 = 2**32 - 1, 2**63 - 1
EVENT_MAX, OFFER_MAX = 64 << 10, 4 << 10
HEADER_AND_TAG, DATAGRAM_MAX = 40, 65507


class Refused(Exception):
    """What we were given is not acceptable; the text says why."""


def require(condition, what):
    if not condition:
        raise Refused(what)


# --- digests and signatures

def digest(context, data):
    return hashlib.sha256(context.encode() + b"\0" + data).digest()


def sign(key, context, data):
    return key.sign(context.encode() + b"\0" + data).hex()


def verify(identity, context, data, signature, what):
    require(is_hex(signature, 64), f"{what}: the signature is not 128 hex digits")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(identity)).verify(
            bytes.fromhex(signature), context.encode() + b"\0" + data)
    except (InvalidSignature, ValueError):
        raise Refused(f"{what}: the signature is wrong") from None


def raw(key):
    """The 32 bytes of a private key's public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def load_identity(path):
    with open(path, "rb") as file:
        return load_pem_private_key(file.read(), None)


# --- JSON, strictly

def is_hex(value, size):
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{%d}" % (2 * size), value) is not None


def integer(low, high):
    return lambda v: type(v) is int and low <= v <= high


def text(pattern):
    return lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None


def identities(low, high):
    return lambda v: isinstance(v, list) and low <= len(v) <= high and \
        all(is_hex(item, 32) for item in v) and len(set(v)) == len(v)


def positive_double(value):
    return type(value) in (int, float) and math.isfinite(float(value)) and value > 0


IDENTITY = lambda v: is_hex(v, 32)
NUMBER = lambda v: type(v) in (int, float)


def unique_keys(pairs):
    found = dict(pairs)
    require(len(found) == len(pairs), "a key occurs twice")
    return found


def no_constant(name):
    raise Refused(f"{name} is not JSON")


def check_keys(found, keys, what, optional={}):
    """keys: name -> check. Exactly these keys, each with a value that its check takes; and perhaps optional ones."""
    require(isinstance(found, dict), f"{what} is not a JSON object")
    keys = keys | {name: check for name, check in optional.items() if name in found}
    for name in found.keys() ^ keys.keys():
        raise Refused(f"{what}: the key '{name}' is {'unknown' if name in found else 'missing'}")
    for name, check in keys.items():
        require(check(found[name]), f"{what}: '{name}' has a wrong value")


def parse(document, most, keys, what, optional={}):
    require(isinstance(document, str), f"{what} is not a text")
    try:
        require(len(document.encode()) <= most, f"{what} is too long")
        found = json.loads(document, object_pairs_hook=unique_keys, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{what}: {error}") from None
    check_keys(found, keys, what, optional)
    return found


# --- the event

EVENT = {
    "version": integer(1, 1), "kind": lambda v: v == "sum", "job": text(r"[A-Za-z0-9._-]{1,63}"),
    "round": integer(0, U32), "modulus": lambda v: isinstance(v, str) and v in MODULI,
    "dimension": integer(1, U63),
    "chunk_elements": lambda v: integer(16, U32)(v) and v % 16 == 0,
    "encoding": lambda v: isinstance(v, dict), "max_clients": integer(1, U32),
    "max_weight": integer(1, 2**31 - 1), "min_clients": integer(1, U32),
    "target_clients": integer(0, U32), "announced_ms": integer(0, U63),
    "deadline_ms": integer(0, U63), "admit_timeout_ms": integer(1, U63),
    "aggregators": identities(2, 16), "collectors": identities(1, 64),
}
FEC = {"data": integer(1, 128), "parity": integer(1, 64)}
OPTIONAL = {"fec": lambda v: isinstance(v, dict)}
INTEGER = {"kind": lambda v: v == "integer", "signed": lambda v: type(v) is bool,
           "bound": integer(1, U63)}
FIXED = {"kind": lambda v: v == "fixed", "signed": lambda v: v is True,
         "scale": positive_double, "clip": positive_double, "bound": integer(1, 2**53)}


class Event:
    """A parsed and checked event document."""

    def __init__(self, document):
        self.terms = terms = parse(document, EVENT_MAX, EVENT, "the event", OPTIONAL)
        self.digest = digest("weir-event", document.encode())
        self.id = self.digest.hex()
        self.encoding = encoding = terms["encoding"]
        self.fixed = encoding.get("kind") == "fixed"
        check_keys(encoding, FIXED if self.fixed else INTEGER, "the event's encoding")
        if "fec" in terms:
            check_keys(terms["fec"], FEC, "the event's fec")
        self.modulus, self.element_size = MODULI[terms["modulus"]]
        self.dimension, self.chunk_elements = terms["dimension"], terms["chunk_elements"]
        self.chunks = -(-self.dimension // self.chunk_elements)
        self.aggregators = terms["aggregators"]
        self._check_limits()

    def _check_limits(self):
        terms, bound = self.terms, self.encoding["bound"]
        require(self.chunk_elements * self.element_size + HEADER_AND_TAG <= DATAGRAM_MAX,
                "the event: a chunk does not fit a datagram")
        require(self.chunks <= 2**28, "the event: too many chunks")
        if "fec" in terms:
            require(-(-self.chunks // terms["fec"]["data"]) * terms["fec"]["parity"] <= 2**28,
                    "the event: too much parity")
        if self.fixed:
            product = float(self.encoding["clip"]) * float(self.encoding["scale"])
            require(math.isfinite(product) and round(product) == bound,
                    "the event: bound is not clip times scale")
        half = (self.modulus - 1) // 2
        require(terms["max_clients"] * terms["max_weight"] * bound
                <= (half if self.encoding["signed"] else self.modulus - 1),
                "the event: the sum might not fit the modulus")
        require(terms["min_clients"] <= terms["max_clients"], "the event: min_clients > max_clients")
        require(terms["target_clients"] == 0 or
                terms["min_clients"] <= terms["target_clients"] <= terms["max_clients"],
                "the event: target_clients is out of range")
        require(terms["deadline_ms"] > terms["announced_ms"], "the event ends before it begins")

    def encode(self, values):
        """Numbers as elements, and how many were clipped."""
        require(len(values) == self.dimension,
                f"the vector has {len(values)} elements; the event wants {self.dimension}")
        bound, clipped, elements = self.encoding["bound"], 0, []
        for position, value in enumerate(values):
            if self.fixed:
                require(math.isfinite(value), f"element {position} is {value}")
                clip = float(self.encoding["clip"])
                inside = max(-clip, min(clip, float(value)))
                clipped += inside != value
                value = round(inside * float(self.encoding["scale"]))  # ties to even
            require(type(value) is int, f"element {position}: {value} is not an integer")
            low = -bound if self.encoding["signed"] else 0
            require(low <= value <= bound, f"element {position}: {value} is not in {low}..{bound}")
            elements.append(value % self.modulus)
        return elements, clipped


# --- offers and the announcement

OFFER = {
    "version": integer(1, 1), "event": IDENTITY, "aggregator": IDENTITY, "key": IDENTITY,
    "endpoint": lambda v: isinstance(v, str) and endpoint(v) is not None,
    "url": text(r"https?://(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?"),
    "number": integer(1, U32), "slots": integer(1, U32), "min_clients": integer(1, U32),
}


def endpoint(value):
    """(address, port) of "10.77.0.2:9347" or "[fd77::2]:9347", or None."""
    match = re.fullmatch(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\]):([0-9]{1,5})", value)
    try:
        address = ipaddress.ip_address(match[1] or match[2])
    except (TypeError, ValueError):
        return None
    port = int(match[3])
    return (address, port) if (address.version == 6) == bool(match[2]) and 0 < port < 65536 else None


class Announcement:
    """An event with all its offers, checked against the identities that the client requires."""

    def __init__(self, found, event_id, leader, required, min_clients=2):
        check_keys(found, {"id": IDENTITY, "event": lambda v: isinstance(v, str),
                           "offers": lambda v: isinstance(v, list),
                           "signature": lambda v: is_hex(v, 64)}, "the announcement")
        self.event = event = Event(found["event"])
        require(found["id"] == event.id == event_id, "the announcement is of another event")
        require(set(event.aggregators) == set(required),
                "the event's aggregators are not those that this client requires")
        require(event.aggregators[0] == leader, "another aggregator than expected leads the event")
        require(len(found["offers"]) == len(event.aggregators), "an offer is missing")
        self.offers, digests = [], b""
        for identity, signed in zip(event.aggregators, found["offers"]):
            what = f"the offer of {identity[:8]}"
            check_keys(signed, {"offer": lambda v: isinstance(v, str),
                                "signature": lambda v: is_hex(v, 64)}, what)
            offer = parse(signed["offer"], OFFER_MAX, OFFER, what)
            require(offer["event"] == event.id, f"{what} is for another event")
            require(offer["aggregator"] == identity, f"{what} is another aggregator's")
            verify(identity, "weir-offer", signed["offer"].encode(), signed["signature"], what)
            digests += digest("weir-offer", signed["offer"].encode())
            self.offers.append(offer)
        self.offers_digest = digest("weir-offers", digests)
        verify(leader, "weir-announcement", event.digest + self.offers_digest, found["signature"],
               "the announcement")
        least = max(event.terms["min_clients"], *(offer["min_clients"] for offer in self.offers))
        require(least >= min_clients, f"the sum may be of only {least} clients")

    def join(self, key, agreement_key, weight):
        """A join's text and signature."""
        require(1 <= weight <= self.event.terms["max_weight"],
                f"the weight {weight} is not in 1..{self.event.terms['max_weight']}")
        document = json.dumps({"version": 1, "event": self.event.id,
                               "offers": self.offers_digest.hex(), "identity": raw(key).hex(),
                               "key": raw(agreement_key).hex(), "weight": weight})
        return document, sign(key, "weir-join", document.encode())

    def check_receipts(self, join_digest, batch, receipts):
        """One valid receipt of every aggregator."""
        of = {receipt["aggregator"]: receipt["signature"] for receipt in receipts}
        for identity in self.event.aggregators:
            require(identity in of, f"there is no receipt of {identity[:8]}")
            verify(identity, "weir-receipt", self.event.digest + join_digest +
                   struct.pack("<I", batch), of[identity], f"the receipt of {identity[:8]}")
