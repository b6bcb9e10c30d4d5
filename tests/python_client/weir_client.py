#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A Weir client written from the two protocol pages alone, control/README.md and
dataplane/README.md, as proof that they are complete. Standard library and python3-cryptography.

It keeps nothing on disk: key, split and nonces live and die with the process, so that nothing is
ever used twice; one that is killed has to wait until its join is aborted and join anew."""

import argparse
import hashlib
import http.client
import json
import secrets
import sys
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from weir_documents import Announcement, Refused, digest, endpoint, load_identity, raw, require, sign
from weir_packets import (TO_AGGREGATOR, TO_CLIENT, Session, Upload, UploadError, chunks_of,
                          derive_key, split)

LONG_POLL = 10  # seconds


class HttpError(Exception):
    """An answer of 400 or above, with its status, code and sentence."""

    def __init__(self, status, body):
        try:
            self.answer = json.loads(body)
            self.code, sentence = self.answer["code"], self.answer["error"]
        except (ValueError, KeyError, TypeError):
            self.answer, self.code, sentence = {}, "", body[:200]
        self.status = status
        super().__init__(f"{status} {self.code}: {sentence}")


class Appliance:
    """Signed requests to one appliance."""

    def __init__(self, url, identity, key):
        self.url, self.identity, self.key = urllib.parse.urlsplit(url), identity, key
        self.clock_offset_ms = 0

    def headers(self, method, target, body, time_ms=None):
        """The headers that sign a request."""
        now = str(time_ms or int(time.time() * 1000) + self.clock_offset_ms)
        signed = "\n".join([self.identity, method, target, now, hashlib.sha256(body).hexdigest()])
        return {"Weir-Identity": raw(self.key).hex(), "Weir-Time": now,
                "Weir-Signature": sign(self.key, "weir-request", signed.encode())}

    def request(self, method, target, body=b""):
        """(status, body) of one signed request."""
        connect = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        connection = connect[self.url.scheme](self.url.netloc, timeout=LONG_POLL + 30)
        try:
            connection.request(method, target, body or None,
                               self.headers(method, target, body))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def call(self, method, target, document=None, patience=30):
        """(status, parsed JSON); asks again while the appliance cannot be reached."""
        body = json.dumps(document).encode() if document is not None else b""
        give_up = time.monotonic() + patience
        while True:
            try:
                status, answer = self.request(method, target, body)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > give_up:
                    raise Refused(f"{self.url.geturl()}: {error}") from None
                time.sleep(0.5)
                continue
            if status < 400:
                return status, json.loads(answer)
            error = HttpError(status, answer.decode("utf-8", "replace"))
            if error.code == "time" and self.clock_offset_ms == 0:
                self.clock_offset_ms = error.answer["time_ms"] - int(time.time() * 1000)
            elif status < 500 or time.monotonic() > give_up:
                raise error
            else:
                time.sleep(0.5)


def latest_event(leader):
    """The id of the newest open event."""
    after, found = 0, {}
    while True:
        _, page = leader.call("GET", f"/v1/events?after={after}")
        if not page["events"]:
            break
        after = page["next"]
        found |= {event["id"]: event for event in page["events"]}
    still_open = [event for event in found.values() if event["state"] == "open"]
    require(still_open, "no event is open")
    return max(still_open, key=lambda event: event["sequence"])["id"]


class Participation:
    """One join of one event, from the announcement to the receipts."""

    def __init__(self, leader, key, event_id, required, min_clients=2):
        self.leader, self.key, self.path = leader, key, f"/v1/events/{event_id}"
        _, found = leader.call("GET", self.path)
        require(found["announcement"], f"the event is {found['state']}, not open")
        self.announcement = Announcement(found["announcement"], event_id, leader.identity, required,
                                         min_clients)
        self.event = self.announcement.event
        self.agreement_key, self.share_nonce = X25519PrivateKey.generate(), secrets.token_bytes(8)
        self.index = self.join_digest = None

    def join(self, weight=1):
        document, signature = self.announcement.join(self.key, self.agreement_key, weight)
        self.join_digest = digest("weir-join", document.encode())
        status, wait = 202, 0.05
        while status == 202:
            status, answer = self.leader.call("POST", f"{self.path}/join",
                                              {"join": document, "signature": signature})
            if status == 202:
                time.sleep(wait)
                wait = min(2 * wait, 1)
        self.index = answer["client"]

    def session(self, aggregator):
        """The keys and counters for the aggregator of this number in the announcement's order."""
        offer = self.announcement.offers[aggregator]
        keys = [derive_key(self.agreement_key, bytes.fromhex(offer["key"]), self.event.digest,
                           direction, raw(self.key), bytes.fromhex(offer["aggregator"]))
                for direction in (TO_AGGREGATOR, TO_CLIENT)]
        return Session(*keys, offer["number"], self.index, self.share_nonce)

    def uploads(self, values):
        """Encodes and splits; an Upload for each aggregator, and the number of clipped elements."""
        elements, clipped = self.event.encode(values)
        shares = split(elements, self.event.modulus, len(self.announcement.offers))
        found = [Upload(self.session(aggregator), endpoint(offer["endpoint"]),
                        chunks_of(share, self.event.chunk_elements, self.event.element_size))
                 for aggregator, (offer, share) in
                 enumerate(zip(self.announcement.offers, shares))]
        return found, clipped

    def send(self, uploads):
        """Uploads to all aggregators at once."""
        errors = []

        def run(upload):
            try:
                upload.run()
            except (UploadError, OSError) as error:
                errors.append(f"{upload.name}: {error}")

        threads = [threading.Thread(target=run, args=[upload], daemon=True) for upload in uploads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise UploadError("; ".join(errors))

    def receipts(self):
        """The verified answer once sealed, or None if it is not yet."""
        _, found = self.leader.call("GET", f"{self.path}/clients/{self.index}?wait={LONG_POLL}")
        require(found["state"] != "aborted", f"the join was aborted: {found.get('reason')}")
        if found["state"] != "sealed" or len(found["receipts"]) < len(self.event.aggregators):
            _, event = self.leader.call("GET", self.path)
            require(event["state"] not in ("failed", "published"),
                    f"the event is {event['state']}: {event['reason']}")
            return None
        require(found["join"] == self.join_digest.hex(), "the receipts are for another join")
        self.announcement.check_receipts(self.join_digest, found["batch"], found["receipts"])
        return found


def submit(leader, key, event_id, required, values, weight=1, min_clients=2):
    """Takes part in an event. Returns (client index, batch, how many elements were clipped)."""
    if event_id == "latest":
        event_id = latest_event(leader)
    part = Participation(leader, key, event_id, required, min_clients)
    part.event.encode(values)  # a vector that does not fit must not cost a join
    part.join(weight)
    uploads, clipped = part.uploads(values)
    try:
        found = None
        while found is None:
            part.send(uploads)  # again after a rollback: an aggregator may have lost its copy
            found = part.receipts()
    finally:
        for upload in uploads:
            upload.close()
    return part.index, found["batch"], clipped


def number(cell):
    try:
        return int(cell)
    except ValueError:
        return float(cell)


def main():
    parser = argparse.ArgumentParser(description="A second Weir client.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("submit", help="take part in an event")
    command.add_argument("--key", required=True, metavar="FILE", help="Ed25519 private key, PEM")
    command.add_argument("--leader", required=True, metavar="URL")
    command.add_argument("--leader-identity", required=True, metavar="HEX")
    command.add_argument("--aggregator", action="append", default=[], metavar="HEX",
                         help="required beside the leader; repeat it")
    command.add_argument("--event", required=True, metavar="ID|latest")
    command.add_argument("--min-clients", type=int, default=2, metavar="N",
                         help="refuse an event that may publish a sum of fewer (default 2)")
    command.add_argument("--weight", type=int, default=1)
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--values", metavar="1,2,3")
    source.add_argument("--input", metavar="FILE", help="numbers separated by commas")
    args = parser.parse_args()
    try:
        if args.input:
            with open(args.input, encoding="utf-8") as file:
                args.values = file.read()
        values = [number(cell) for cell in args.values.strip().split(",")]
        key = load_identity(args.key)
        leader = Appliance(args.leader, args.leader_identity, key)
        index, batch, clipped = submit(leader, key, args.event,
                                       {args.leader_identity, *args.aggregator}, values,
                                       args.weight, args.min_clients)
    except (Refused, HttpError, UploadError, ValueError, OSError) as error:
        print(f"weir_client: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"client": index, "batch": batch, "clipped": clipped, "state": "sealed"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
