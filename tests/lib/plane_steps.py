# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Steps of the stories about aggregators that agree, on a control_plane.Plane: what clients and
operators do there, and what must be true of receipts and shares."""

import json
import struct

import fake_dataplane
import netlab
from control_plane import call, join, join_body


def log_of(plane, event, appliance=None):
    appliance = appliance or plane.leader
    answer = call(appliance, plane.collector, "GET", f"/v1/events/{event['id']}/log")
    return [json.loads(entry["entry"]) for entry in answer.json["entries"]]


def types(plane, event):
    return [entry["type"] for entry in log_of(plane, event)]


def join_all(plane, event, clients, weights=None):
    for i, client in enumerate(clients):
        answer = join(plane.leader, client, join_body(
            client, event["announcement"], weight=weights[i] if weights else 1))
        assert answer.status == 200, answer


def client_state(plane, event, index, wait=0):
    answer = call(plane.leader, plane.operator, "GET",
                  f"/v1/events/{event['id']}/clients/{index}?wait={wait}")
    assert answer.status == 200, answer
    return answer.json


def set_automatic(plane, automatic):
    for appliance in plane.appliances:
        appliance.dataplane.automatic = automatic


def numbers(event):
    return [json.loads(offer["offer"])["number"] for offer in event["announcement"]["offers"]]


def check_receipts(plane, event, index):
    """Every aggregator's signature over event, join and batch."""
    client = client_state(plane, event, index, wait=10)
    assert client["state"] == "sealed", client
    message = bytes.fromhex(event["id"] + client["join"]) + struct.pack("<I", client["batch"])
    signers = {a.identity.hex: a.identity for a in plane.appliances}
    assert [r["aggregator"] for r in client["receipts"]] == list(signers), client
    for receipt in client["receipts"]:
        signers[receipt["aggregator"]].key.public_key().verify(
            bytes.fromhex(receipt["signature"]), b"weir-receipt\0" + message)


def shares(plane, event):
    for appliance in plane.appliances:
        answer = call(appliance, plane.collector, "GET",
                      f"/v1/events/{event['id']}/aggregate-share?wait=10")
        assert answer.status == 200, answer
        yield appliance, answer.body


def cancel(plane, event):
    assert call(plane.leader, plane.operator, "DELETE", f"/v1/events/{event['id']}").status == 200
    for appliance in plane.appliances:
        plane.wait_for_state(event["id"], ["failed"], appliance=appliance)


def set_state(plane, event, client, state, ring=True, only=None):
    """What the client's packets do, as soon as its state allows it. Who asked at one aggregator may
    be admitted at the other before it asks there."""
    before = {fake_dataplane.REQUESTED: (fake_dataplane.JOINED, fake_dataplane.ADMITTED),
              fake_dataplane.COMPLETE: (fake_dataplane.ADMITTED,)}[state]
    for i, (appliance, number) in enumerate(zip(plane.appliances, numbers(event))):
        if only in (None, i):
            states = appliance.dataplane.events[number].states
            netlab.wait_until(lambda s=states: s.get(client) in before, 20, "the state before")
            appliance.dataplane.set_state(number, client, state, ring, expected=before[0])


def wait_for_type(plane, event, wanted, count=1):
    return netlab.wait_until(
        lambda: types(plane, event).count(wanted) >= count and log_of(plane, event), 30, wanted)
