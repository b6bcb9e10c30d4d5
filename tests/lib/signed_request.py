# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A signed HTTP request as control/README.md describes it, from a namespace of the laboratory."""

import hashlib
import time
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.serialization import load_pem_private_key


def load_key(path):
    with open(path, "rb") as file:
        return load_pem_private_key(file.read(), None)


def signed_request(namespace, key, identity, recipient, url, method, target, body=b"", timeout=30):
    """Sends one request; returns (status, body). key signs, identity is its public half in hex,
    recipient the identity of the appliance at url."""
    now = str(int(time.time() * 1000))
    text = "\n".join([recipient, method, target, now, hashlib.sha256(body).hexdigest()])
    headers = {
        "Weir-Identity": identity,
        "Weir-Time": now,
        "Weir-Signature": key.sign(b"weir-request\0" + text.encode()).hex(),
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url + target, data=body or None, headers=headers, method=method)
    with namespace.entered():
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
