# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A leader that lies: it signs whatever it likes with its real key, and may tell each helper something
else. It is appliance 0 of a Plane, whose own programs are not started."""

import http.server
import json
import socket
import threading
import time
import urllib.parse

import netlab
from control_plane import committed_set, digest, join_body, offers_digest, raw, terms
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


class Log:
    """What one helper, or everybody, is told."""

    def __init__(self, entries=(), last="0" * 64):
        self.entries, self.last = list(entries), last

    def append(self, signer, kind, **keys):
        text = json.dumps({"index": len(self.entries), "prev": self.last, "type": kind} | keys)
        self.last = digest("weir-log", text.encode()).hex()
        self.entries.append({"entry": text, "signature": signer.sign("weir-log", text.encode())})


class Event:
    """One event as the liar tells it: the same to all helpers, until one is told something of its own."""

    def __init__(self, leader, round_number, **changes):
        self.leader, self.me = leader, leader.plane.leader.identity
        self.helpers = leader.plane.appliances[1:]
        body = terms(leader.plane.appliances, [leader.plane.collector], round=round_number, **changes)
        now = int(time.time() * 1000)
        body |= {"version": 1, "announced_ms": now, "deadline_ms": now + body.pop("duration_ms")}
        self.text = json.dumps(body)
        self.digest = digest("weir-event", self.text.encode())
        self.id = self.digest.hex()
        self.offers, self.reports = {}, []
        self.common, self.apart = Log(), {}
        self.joins, self.joins_apart = [], {}
        self.state, self.share, self.announcement = "open", None, None
        leader.events.append(self)
        netlab.wait_until(lambda: len({caller for n, _, caller in self.reports if n == "offer"}) ==
                          len(self.helpers), 40, "the helpers' offers")
        self.refused = [body for body in self.told("offer") if "refused" in body]

    def told(self, name, helper=None):
        return [body for n, body, caller in self.reports
                if n == name and helper in (None, caller)]

    def log_of(self, caller):
        return self.apart.get(caller, self.common)

    def tell_apart(self, helper):
        """From here on this helper is told what is appended for it alone."""
        self.apart[helper.identity.hex] = Log(self.common.entries, self.common.last)

    def append(self, kind, helper=None, **keys):
        (self.apart[helper.identity.hex] if helper else self.common).append(self.me, kind, **keys)

    def announce(self):
        own = json.dumps({
            "version": 1, "event": self.id, "aggregator": self.me.hex,
            "key": raw(X25519PrivateKey.generate().public_key()).hex(), "number": 1, "slots": 2,
            "endpoint": "10.77.0.1:9347", "url": self.leader.plane.leader.url, "min_clients": 2})
        offers = [{"offer": own, "signature": self.me.sign("weir-offer", own.encode())},
                  *(self.offers[helper.identity.hex] for helper in self.helpers)]
        self.announcement = {"id": self.id, "event": self.text, "offers": offers}
        self.announcement["signature"] = self.me.sign(
            "weir-announcement", self.digest + bytes.fromhex(offers_digest(self.announcement)))
        self.append("ANNOUNCE", announcement=self.announcement)

    def own_acceptance(self, body):
        return self.me.sign("weir-acceptance",
                            self.digest + digest("weir-join", body["join"].encode()))

    def accepted(self, body, helpers=None):
        """These helpers' acceptances, or all, got by showing them the join."""
        for helper in helpers or ():
            self.joins_apart.setdefault(helper.identity.hex, list(self.joins)).append(body)
        if helpers is None:
            self.joins.append(body)
        return [self._acceptance(body, helper) for helper in helpers or self.helpers]

    def _acceptance(self, body, helper):
        wanted = digest("weir-join", body["join"].encode()).hex()
        return netlab.wait_until(
            lambda: [a["signature"] for report in self.told("acceptances", helper.identity.hex)
                     for a in report["acceptances"] if a["join"] == wanted and "signature" in a],
            40, "a helper's acceptance")[0]

    def join(self, index, body, acceptances=None):
        """acceptances: the helpers', in their order, if not what they say to this join."""
        self.append("JOIN", client=index, **body, acceptances=[
            self.own_acceptance(body), *(acceptances or self.accepted(body))])

    def members(self, count):
        for i in range(count):
            self.join(i, join_body(self.leader.plane.clients[i], self.announcement))

    def seal(self, batch, clients, helper=None):
        self.append("ADMIT", helper, clients=clients)
        self.append("COMMIT", helper, batch=batch, clients=clients)
        for one in [helper] if helper else self.helpers:
            netlab.wait_until(
                lambda one=one: any(r["batch"] == batch
                                    for r in self.told("batches", one.identity.hex)),
                40, "the helper's word on the batch")
        self.append("SEALED", helper, batch=batch)

    def set_digest(self, helper=None):
        log = self.apart[helper.identity.hex] if helper else self.common
        return committed_set(self.id, [json.loads(e["entry"]) for e in log.entries]).hex()

    def freeze(self, count, helper=None):
        self.append("FREEZE", helper, count=count, weight=count, set_digest=self.set_digest(helper))


class Leader:
    """Answers the helpers' requests without looking at signatures."""

    def __init__(self, plane):
        self.plane, self.events = plane, []
        leader = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer(*leader.get(self.path, self.headers["Weir-Identity"]))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(*leader.post(self.path, body, self.headers["Weir-Identity"]))

            def answer(self, status, value):
                text = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", plane.leader.port), Handler, bind_and_activate=False)
        with plane.namespace.entered():
            self.server.socket = socket.socket()
        self.server.allow_reuse_address = True
        self.server.handle_error = lambda *_: None  # the helper hangs up when it has heard enough
        self.server.server_bind()
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def get(self, target, caller):
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        after = int(query.get("after", query.get("from", 0)))
        path = url.path.split("/")[3:]
        if not path:
            found = [{"sequence": i + 1, "id": e.id, "state": "draft", "job": "trial", "round": 1,
                      "event": e.text} for i, e in enumerate(self.events)][after:]
            answer = {"next": len(self.events), "events": found}
        else:
            event = next(e for e in self.events if e.id == path[0])
            if path[1:] == ["aggregate-share"]:
                return 200, event.share
            if not path[1:]:
                return 200, {"id": event.id, "state": event.state, "reason": "",
                             "announcement": event.announcement, "set_digest": event.set_digest(),
                             "counts": {"joined": 0, "admitted": 0, "committed": 0, "sealed": 2,
                                        "aborted": 0}}
            found = (event.log_of(caller).entries if path[1] == "log" else
                     event.joins_apart.get(caller, event.joins))[after:]
            answer = {"entries": found} if path[1] == "log" else \
                {"next": after + len(found), "joins": found}
        if not found:
            time.sleep(0.05)
        return 200, answer

    def post(self, target, body, caller):
        _, _, _, event_id, name = target.split("/")
        event = next(e for e in self.events if e.id == event_id)
        if name == "offer" and "offer" in body:
            event.offers[caller] = body
        event.reports.append((name, body, caller))
        return 200, {}
