#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Joins that must not be: of identities that one or all aggregators do not know, with wrong
signatures, digests, weights and keys, twice, for another event, at another time. Each is refused
with the status and code of control/README.md; no client trusts an announcement that was changed on
its way; and the aggregate of the others is exact."""

import http.client
import http.server
import json
import os
import sys
import threading
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

import lab_path
from deployment import Deployment
from netlab import Lab
from weir_client import Appliance, HttpError, Participation
from weir_documents import digest, load_identity, raw, sign

PROGRAM = os.path.join(lab_path.ROOT, "tests", "python_client", "weir_client.py")
ROWS = [[1, 2, 3], [10, 20, 30], [100, 200, 300]]
MAX_WEIGHT = 7


def expect(what, status, code, call, *words):
    """The call is refused with this status and code, and with a sentence that a person can use."""
    try:
        answer = call(*words)
    except HttpError as error:
        assert (error.status, error.code) == (status, code), f"{what}: {error}"
        assert len(error.answer["error"]) > 10, f"{what}: {error}"
        print(f"refused: {what}: {error}", flush=True)
        return error
    raise AssertionError(f"{what}: taken: {answer}")


class Stranger:
    """Somebody with a key, who says what it likes to the leader."""

    def __init__(self, weir, client, event):
        self.key = load_identity(client.path("identity.pem"))
        self.identity, self.event = raw(self.key).hex(), event
        self.leader = Appliance(weir.leader.url, weir.leader.identity, self.key)
        self.required = [appliance.identity for appliance in weir.appliances]

    def look(self):
        return Participation(self.leader, self.key, self.event, self.required)

    def document(self, announcement, **changes):
        """A good join but for the changes; None leaves a key out."""
        document = {"version": 1, "event": self.event,
                    "offers": announcement.offers_digest.hex(), "identity": self.identity,
                    "key": raw(X25519PrivateKey.generate()).hex(), "weight": 1} | changes
        return json.dumps({key: value for key, value in document.items() if value is not None})

    def post(self, document, key=None, context="weir-join", event=None, **more):
        """Until the leader has made up its mind."""
        body = {"join": document, "signature": sign(key or self.key, context, document.encode())}
        for _ in range(100):
            status, answer = self.leader.call("POST", f"/v1/events/{event or self.event}/join",
                                              body | more)
            if status != 202:
                return answer
            time.sleep(0.05)
        raise AssertionError("still pending after 5 s")


def outsiders(weir, event, unknown, half):
    """Identities that the leader, or only the helper, does not have in its roster."""
    stranger = Stranger(weir, unknown, event)
    known = Stranger(weir, weir.clients[0], event).look().announcement
    expect("an identity in no roster looks", 403, "identity", stranger.look)
    expect("an identity in no roster joins", 403, "identity", stranger.post,
           stranger.document(known))
    stranger = Stranger(weir, half, event)
    error = expect("an identity that the helper does not know", 403, "refused", stranger.post,
                   stranger.document(stranger.look().announcement))
    assert "roster" in str(error), error


def bad_documents(weir, event, other_event, evil):
    """Joins of an identity that is known, each with one thing wrong."""
    announcement = evil.look().announcement
    stranger = Ed25519PrivateKey.generate()

    def refuse(what, word, document, **more):
        """By the leader's own judgement, for the reason that there is."""
        error = expect(what, 403, "refused", lambda: evil.post(document, **more))
        assert word in error.answer["error"], f"{what}: {error}"

    def changed(**changes):
        return evil.document(announcement, **changes)

    refuse("another's signature", "signature", changed(), key=stranger)
    refuse("a signature in another context", "signature", changed(), context="weir-offer")
    refuse("a signature that is not one", "signature", changed(), signature="00" * 64)
    refuse("another's identity", "identity", changed(identity=raw(stranger).hex()), key=stranger)
    refuse("another's identity, own signature", "identity",
           changed(identity=raw(stranger).hex()))
    refuse("a wrong event digest", "event", changed(event="ab" * 32))
    refuse("the join of another event", "event", changed(event=other_event))
    refuse("a wrong offers digest", "offers", changed(offers="cd" * 32))
    refuse("weight 0", "weight", changed(weight=0))
    refuse("a weight above max_weight", "weight", changed(weight=MAX_WEIGHT + 1))
    refuse("a weight beyond u32", "weight", changed(weight=2**32 + 1))
    refuse("a negative weight", "weight", changed(weight=-1))
    refuse("a weight with a fraction", "weight", changed(weight=1.5))
    refuse("a weight as text", "weight", changed(weight="1"))
    refuse("version 2", "version", changed(version=2))
    refuse("an unknown key", "unknown key", changed(more=1))
    refuse("a missing key", "missing", changed(weight=None))
    refuse("a key twice", "duplicate", changed()[:-1] + ', "weight": 2}')
    refuse("an all-zero key", "key", changed(key="00" * 32))
    refuse("a key in upper case", "key", changed(key="AB" * 32))
    refuse("text behind the document", "JSON", changed() + " x")
    refuse("no JSON", "JSON", "join me")
    for what, document, more in (("half a signature", changed(), {"signature": "00" * 32}),
                                 ("a text that is too long", changed() + " " * 5000, {}),
                                 ("an unknown key beside the document", changed(), {"more": 1})):
        expect(what, 400, "body", lambda: evil.post(document, **more))


def other_events(weir, event, other_event, evil):
    """The good join of one event posted to another, and to one that does not exist."""
    announcement = evil.look().announcement
    document = evil.document(announcement)
    expect("the join of one event, posted to another", 403, "refused",
           lambda: evil.post(document, event=other_event))
    expect("a join to an event that does not exist", 403, "identity",
           lambda: evil.post(document, event="ef" * 32))


def second_joins(weir, evil):
    """The same join again is the same client; another join of the same identity is refused."""
    announcement = evil.look().announcement
    document = evil.document(announcement)
    first = evil.post(document)
    assert evil.post(document)["client"] == first["client"], "a repeated join got another index"
    expect("a second join of the same identity", 409, "joined", evil.post,
           evil.document(announcement))


def bad_requests(weir, event, evil):
    """The request's own signature: stale, for another target, of another body."""
    for offset in (-61_000, 61_000):
        evil.leader.clock_offset_ms = offset
        error = expect(f"a request {offset} ms off", 401, "time", evil.leader.call, "GET",
                       f"/v1/events/{event}")
        assert abs(error.answer["time_ms"] - time.time() * 1000) < 5000, error.answer
    evil.leader.clock_offset_ms = 0
    wrong = Appliance(weir.leader.url, weir.appliances[1].identity, evil.key)
    expect("a request to another recipient", 401, "signature", wrong.call, "GET", "/v1/events")

    for what, *signed in (("path", "GET", "/v1/events/", b""),
                          ("method", "POST", "/v1/events", b""),
                          ("query", "GET", "/v1/events?after=1", b""),
                          ("body", "GET", "/v1/events", b"{}")):
        other = Appliance(weir.leader.url, weir.leader.identity, evil.key)
        headers = other.headers(*signed)
        other.headers = lambda *_: headers
        expect(f"a request signed with another {what}", 401, "signature", other.call, "GET",
               "/v1/events")


class TamperingProxy:
    """Between a client and the leader: changes the announcement on its way, notes what is posted."""

    def __init__(self, weir):
        self.change, self.posts = None, []
        proxy, upstream = self, weir.leader.url

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                proxy.forward(self, upstream)

            do_POST = do_GET

            def log_message(self, *words):
                pass

        # Threads begin in the namespace of the thread that starts them.
        with weir.star.clients.entered():
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 9347), Handler)
            threading.Thread(target=self.server.serve_forever, daemon=True).start()

    url = "http://127.0.0.1:9347"

    def forward(self, handler, upstream):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if handler.command == "POST":
            self.posts.append(handler.path)
        connection = http.client.HTTPConnection(upstream.removeprefix("http://"), timeout=60)
        headers = {name: value for name, value in handler.headers.items()
                   if name.startswith("Weir-") or name == "Content-Type"}
        connection.request(handler.command, handler.path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if self.change and answer.status == 200 and b'"announcement"' in text:
            found = json.loads(text)
            self.change(found["announcement"])
            text = json.dumps(found).encode()
        handler.send_response(answer.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def change_text(name, **changes):
    """Changes keys of the event or of the first offer, and leaves the signature as it was."""
    def change(announcement):
        holder = announcement if name == "event" else announcement["offers"][0]
        holder[name] = json.dumps(json.loads(holder[name]) | changes)
    return change


def own_key_in_offer(announcement):
    """The attack that matters: an offer with a key of the attacker's, signed by the attacker."""
    attacker, signed = Ed25519PrivateKey.generate(), announcement["offers"][1]
    offer = json.loads(signed["offer"]) | {"key": raw(X25519PrivateKey.generate()).hex()}
    signed["offer"] = json.dumps(offer)
    signed["signature"] = sign(attacker, "weir-offer", signed["offer"].encode())


def other_aggregator(announcement):
    """A whole announcement of the attacker's own, by other aggregators, under the event's own id."""
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    event = json.loads(announcement["event"]) | {"aggregators": [raw(key).hex() for key in keys]}
    announcement["event"] = json.dumps(event)
    event_digest = digest("weir-event", announcement["event"].encode())
    announcement["id"], digests = event_digest.hex(), b""
    for key, signed in zip(keys, announcement["offers"]):
        offer = json.loads(signed["offer"]) | {"aggregator": raw(key).hex(),
                                               "event": announcement["id"]}
        signed["offer"] = json.dumps(offer)
        signed["signature"] = sign(key, "weir-offer", signed["offer"].encode())
        digests += digest("weir-offer", signed["offer"].encode())
    announcement["signature"] = sign(keys[0], "weir-announcement",
                                     event_digest + digest("weir-offers", digests))


def without_helper(announcement):
    del announcement["offers"][1]


def swapped(announcement):
    announcement["offers"].reverse()


def other_signature(announcement):
    announcement["signature"] = announcement["offers"][0]["signature"]


TAMPERINGS = {
    "the event's weight limit": change_text("event", max_weight=MAX_WEIGHT - 1),
    "the event's collectors": change_text("event", collectors=["ab" * 32]),
    "an offer's key": change_text("offer", key="cd" * 32),
    "an offer's endpoint": change_text("offer", endpoint="10.77.0.1:9347"),
    "an offer by the attacker": own_key_in_offer,
    "an announcement by the attacker": other_aggregator,
    "a missing offer": without_helper,
    "offers in another order": swapped,
    "another signature": other_signature,
}


def submits(victim, proxy, event, helpers):
    """The two clients' commands, both through the proxy, when these helpers are required."""
    leader, vector = victim.deployment.leader, victim.path("vector.csv")
    victim.write_config(aggregators=(
        {"name": "leader", "identity": leader.identity, "url": proxy.url},
        *({"name": f"helper{i}", "identity": identity, "url": f"http://10.78.{i}.2:9347"}
          for i, identity in enumerate(helpers, 1))))
    python = ["/usr/bin/python3", PROGRAM, "submit", "--key", victim.path("identity.pem"),
              "--leader", proxy.url, "--leader-identity", leader.identity,
              "--event", event, "--input", vector]
    for identity in helpers:
        python += ["--aggregator", identity]
    return {"weir_client": python,
            "weir": victim.command("submit", "--event", event, "--input", vector)}


def tampered_announcements(weir, event, victim):
    """Neither client joins; both say why in one line."""
    with open(victim.path("vector.csv"), "w", encoding="utf-8") as file:
        file.write("7,7,7\n")
    proxy, helper = TamperingProxy(weir), weir.appliances[1].identity

    def refuse(what, change, helpers):
        proxy.change = change
        for name, command in submits(victim, proxy, event, helpers).items():
            done = weir.star.clients.run(command, 30, check=False)
            assert done.returncode == 1 and done.stderr.count("\n") == 1, (what, name, done)
            assert not proxy.posts, f"{what}: {name} has joined"
            print(f"refused by {name}: {what}: {done.stderr.strip()}", flush=True)

    for what, change in TAMPERINGS.items():
        refuse(what, change, [helper])
    refuse("fewer aggregators than required", None, [helper, "12" * 32])
    refuse("another aggregator than required", None, ["12" * 32])
    # The same way, untouched, is taken: the refusals above were for what was changed.
    weir.star.clients.run(submits(victim, proxy, event, [helper])["weir_client"], 60)
    assert proxy.posts, "nothing went through the proxy"
    proxy.close()


def main():
    with Lab() as lab:
        weir = Deployment(lab, 2)
        honest = [weir.add_client(f"c{i}") for i in range(len(ROWS))]
        evil_client, victim, half = (weir.add_client(name) for name in ("evil", "victim", "half"))
        unknown = weir.add_client("unknown", in_roster=False)
        helper = weir.appliances[1]
        settings = helper.settings()
        settings["control"]["roster"] = tuple(member for member in settings["control"]["roster"]
                                              if member["identity"] != half.identity)
        helper.settings = lambda: settings
        weir.start()
        terms = {"dimension": 3, "max_clients": 20, "max_weight": MAX_WEIGHT, "duration": "90 s",
                 "encoding": {"kind": "integer", "bound": 1000}}
        event, other_event = (weir.announce(target_clients=len(ROWS) + 1, **terms) for _ in range(2))
        for known in (event, other_event):
            weir.wait_for_state(known, {"open"})
        with weir.star.clients.entered():
            evil = Stranger(weir, evil_client, event)
            outsiders(weir, event, unknown, half)
            bad_documents(weir, event, other_event, evil)
            other_events(weir, event, other_event, evil)
            bad_requests(weir, event, evil)
            second_joins(weir, evil)
        assert weir.event(event)["counts"]["joined"] == 1, weir.event(event)
        tampered_announcements(weir, event, victim)
        for client, row in zip(honest, ROWS):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, row)) + "\n")
            client.run("submit", "--event", event, "--input", client.path("vector.csv"))
        ended = weir.wait_for_state(event, {"published", "failed"})
        assert ended["state"] == "published", ended
        assert ended["counts"]["sealed"] == len(ROWS) + 1, ended
        expected = [sum(column) for column in zip(*ROWS, [7, 7, 7])]
        assert weir.collect(event) == expected, "the sum differs"
        with weir.star.clients.entered():
            expect("a join to an event that is over", 410, "closed", evil.post,
                   evil.document(evil.look().announcement, weight=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
