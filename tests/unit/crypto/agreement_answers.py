#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Prints the known answers of test_agreement.c and test_static_keys.c, computed with
python3-cryptography from the words of crypto/agreement.h and static_keys.h: the inputs are the bytes
0x00.., 0x20.., 0x40.. and so on."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

inputs = [bytes(range(start, start + 32)) for start in range(0, 160, 32)]
client_private, aggregator_private, event_digest, client, aggregator = inputs

own = X25519PrivateKey.from_private_bytes(client_private)
peer = X25519PrivateKey.from_private_bytes(aggregator_private).public_key()
secret = own.exchange(peer)
print("secret        ", secret.hex())
for name, direction in (("to_aggregator ", 1), ("to_client     ", 2)):
    info = b"weir share v1" + bytes([direction]) + client + aggregator
    print(name, HKDF(SHA256(), 32, event_digest, info).derive(secret).hex())

print("static keys of event 0x01020304, client 0x0a0b0c0d, with the first input as secret")
for name, direction in (("to_aggregator ", 1), ("to_client     ", 2)):
    info = b"weir static v1" + bytes([direction, 4, 3, 2, 1, 0x0D, 0x0C, 0x0B, 0x0A])
    print(name, HKDF(SHA256(), 32, None, info).derive(inputs[0]).hex())
