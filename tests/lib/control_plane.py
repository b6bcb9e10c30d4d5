# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""weir-control processes in a namespace, and a caller of their API that signs by the rules of
control/README.md, or breaks them where a test says so."""

import hashlib
import http.client
import json
import os
import struct
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, PublicFormat)

import netlab
from fake_dataplane import FakeDataplane


def digest(context, message):
    return hashlib.sha256(context.encode() + b"\0" + message).digest()


def raw(public_key):
    return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)


class Identity:
    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        self.hex = raw(self.key.public_key()).hex()

    def sign(self, context, message):
        return self.key.sign(context.encode() + b"\0" + message).hex()

    def save(self, path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


class Answer:
    def __init__(self, status, body):
        self.status, self.body = status, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code")

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


_last_time = 0


def new_time():
    """The time in milliseconds, later than at any call before: two requests of one millisecond would
    be one to a server that takes a repetition for the first once more."""
    global _last_time
    _last_time = max(_last_time + 1, int(time.time() * 1000))
    return _last_time


def call(appliance, identity, method, target, body=None, timeout=30, **lies):
    """One request. identity None: unsigned. lies: time, recipient, signed_body, signed_target,
    claimed (identity), headers."""
    text = body if isinstance(body, bytes) else \
        json.dumps(body).encode() if body is not None else b""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if identity:
        now = str(lies.get("time", new_time()))
        message = "\n".join([
            lies.get("recipient", appliance.identity.hex), method, lies.get("signed_target", target),
            now, hashlib.sha256(lies.get("signed_body", text)).hexdigest()])
        headers |= {"Weir-Identity": lies.get("claimed", identity.hex), "Weir-Time": now,
                    "Weir-Signature": identity.sign("weir-request", message.encode())}
    headers |= lies.get("headers", {})
    connection = http.client.HTTPConnection("127.0.0.1", appliance.port, timeout=timeout)
    try:
        with appliance.plane.namespace.entered():
            connection.connect()
        connection.request(method, target, body=text or None, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        connection.close()


class Appliance:
    """One weir-control with its folder, on a loopback port of the plane's namespace."""

    def __init__(self, plane, index):
        self.plane, self.name, self.index = plane, f"a{index}", index
        self.directory = os.path.join(plane.lab.directory, self.name)
        os.mkdir(self.directory, 0o700)
        self.identity = Identity()
        self.identity.save(self.path("identity.pem"))
        self.port = 9400 + index
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.path("appliance.cfg")
        self.process = self.dataplane = None
        self.extra_dataplane = self.extra_control = ""
        self.roster = plane.clients

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_config(self):
        people = ", ".join(f'{{ identity = "{p.hex}"; }}' for p in self.roster)
        peers = ", ".join(f'{{ name = "{p.name}"; identity = "{p.identity.hex}"; '
                          f'url = "{p.url}"; }}' for p in self.plane.appliances if p is not self)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"""dataplane = {{
    ports = ( {{ device = "net_null0"; ipv4 = "10.77.0.2"; }} );
    workers = [ {min(os.sched_getaffinity(0))} ];
    hugepages = "off";
    packet_memory = "32 MiB"; packet_buffers = 4096; arena = "16 MiB"; max_clients = 5000;
    socket = "dataplane.sock"; file_prefix = "weir-{os.getpid()}-{self.name}";
{self.extra_dataplane}
}};
control = {{
    key = "identity.pem"; state = "state"; listen = "127.0.0.1:{self.port}";
    peers = ( {peers} );
    roster = ( {people} );
{self.extra_control}
}};
""")

    def start_control(self, wait=True):
        self.process = self.plane.namespace.start(
            [netlab.program("weir-control"), "--config", self.config], f"{self.name}-control")
        if wait:
            netlab.wait_until(self.is_healthy, 20, f"{self.name} to answer")

    def start_dataplane(self):
        """The real one, or without packets if the plane says so."""
        if self.plane.real:
            self.dataplane = self.plane.namespace.start(
                [netlab.program("weir-dataplane"), "--config", self.config],
                f"{self.name}-dataplane")
        else:
            self.dataplane = FakeDataplane(self.path("dataplane.sock"))

    def is_healthy(self):
        if self.process.returncode is not None:
            raise netlab.LabError(f"{self.name} ended: {self.process.tail()}")
        try:
            return call(self, None, "GET", "/healthz", timeout=2).status == 200
        except OSError:
            return False


class Plane:
    """Appliances that know each other, clients in their rosters, a collector. To be used in a with
    block; change .roster, .extra_control and .extra_dataplane of an appliance before start."""

    def __init__(self, lab, appliances=2, clients=3, real=False):
        self.lab, self.real = lab, real
        self.namespace = lab.namespace("control")
        self.namespace.ip("link set dev lo up")
        self.clients = [Identity() for _ in range(clients)]
        self.collector = Identity()
        self.appliances = [Appliance(self, i) for i in range(appliances)]
        self.leader, self.operator = self.appliances[0], self.appliances[0].identity

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for appliance in self.appliances:
            if isinstance(appliance.dataplane, FakeDataplane):
                appliance.dataplane.close()

    def start(self):
        for appliance in self.appliances:
            appliance.write_config()
            appliance.start_dataplane()
            appliance.start_control(wait=False)
        for appliance in self.appliances:
            netlab.wait_until(appliance.is_healthy, 20, f"{appliance.name} to answer")

    def terms(self, **changes):
        return terms(self.appliances, [self.collector], **changes)

    def announce(self, **changes):
        """An open event: what GET says of it."""
        answer = call(self.leader, self.operator, "POST", "/v1/events", self.terms(**changes))
        assert answer.status == 202, answer
        return self.wait_for_state(answer.json["id"], ["open"])

    def wait_for_state(self, event, states, timeout=60, appliance=None):
        appliance = appliance or self.leader

        def reached():
            answer = call(appliance, appliance.identity, "GET", f"/v1/events/{event}")
            return answer.status == 200 and answer.json["state"] in states and answer.json
        return netlab.wait_until(reached, timeout, f"the event to be {' or '.join(states)}")


def terms(appliances, collectors, **changes):
    """The body of POST /v1/events."""
    event = {
        "kind": "sum", "job": "trial", "round": 1, "modulus": "2^61-1", "dimension": 4,
        "chunk_elements": 176,
        "encoding": {"kind": "integer", "signed": True, "bound": 1000},
        "max_clients": 10, "max_weight": 3, "min_clients": 2, "target_clients": 0,
        "duration_ms": 60000, "admit_timeout_ms": 30000,
        "aggregators": [a.identity.hex for a in appliances],
        "collectors": [c.hex for c in collectors],
    }
    return {key: value for key, value in (event | changes).items() if value is not None}


def offers_digest(announcement):
    digests = [digest("weir-offer", offer["offer"].encode()) for offer in announcement["offers"]]
    return digest("weir-offers", b"".join(digests)).hex()


def committed_set(event_id, log):
    """The digest of control/README.md over the batches that were sealed."""
    joins = {e["client"]: e for e in log if e["type"] == "JOIN"}
    sealed = {e["batch"] for e in log if e["type"] == "SEALED"}
    value = digest("weir-set", bytes.fromhex(event_id))
    for entry in log:
        if entry["type"] == "COMMIT" and entry["batch"] in sealed:
            value += struct.pack("<I", entry["batch"])
            for client in entry["clients"]:
                text = joins[client]["join"]
                value += struct.pack("<I", client) + bytes.fromhex(json.loads(text)["identity"])
                value += digest("weir-join", text.encode())
                value += struct.pack("<I", json.loads(text)["weight"])
            value = digest("weir-set", value)
    return value


def join_body(identity, announcement, **changes):
    """A join's body for POST; changes replace keys of the join, or `signer`."""
    signer = changes.pop("signer", identity)
    join = {"version": 1, "event": announcement["id"], "offers": offers_digest(announcement),
            "identity": identity.hex, "key": raw(X25519PrivateKey.generate().public_key()).hex(),
            "weight": 1} | changes
    text = json.dumps(join)
    return {"join": text, "signature": signer.sign("weir-join", text.encode())}


def join(leader, identity, body, timeout=30):
    """POSTs the join until it is settled."""
    deadline = time.monotonic() + timeout
    while True:
        answer = call(leader, identity, "POST",
                      f"/v1/events/{json.loads(body['join'])['event']}/join", body)
        if answer.status != 202 or time.monotonic() > deadline:
            return answer
