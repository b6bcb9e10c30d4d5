#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Prints the known answers of crypto/kernels.c, computed with Python's integers.

The test's inputs are defined there; nothing else of it is used here."""

LENGTH, SOURCES, WEIGHT_MAX = 45, 13, 2**31 - 1
M64 = 2**64 - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & M64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & M64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & M64
    return x ^ (x >> 31)


def element(modulus, source, i):
    random = mix(source * 1000 + i)
    if random >> 62 == 0:
        return modulus - 1
    if random >> 62 == 1:
        return random & 1
    return random & ((modulus - 1) >> 1)


def vector(modulus, source):
    return [element(modulus, source, i) for i in range(LENGTH)]


def fnv1a(elements, size):
    digest = 0xCBF29CE484222325
    for byte in b"".join(e.to_bytes(size, "little") for e in elements):
        digest = ((digest ^ byte) * 0x100000001B3) & M64
    return digest


for name, modulus, size in (("M31", 2**31 - 1, 4), ("M61", 2**61 - 1, 8),
                            ("R32", 2**32, 4), ("R64", 2**64, 8)):
    sources = [vector(modulus, s) for s in range(SOURCES)]
    weights = [WEIGHT_MAX if s % 3 == 0 else s + 1 for s in range(SOURCES)]
    start = vector(modulus, SOURCES)
    columns = list(zip(*sources))
    many = [(a + sum(c)) % modulus for a, c in zip(start, columns)]
    weighted = [(a + sum(w * x for w, x in zip(weights, c))) % modulus
                for a, c in zip(start, columns)]
    difference = [(a - c[0]) % modulus for a, c in zip(start, columns)]
    print(name, ", ".join("UINT64_C(0x%016x)" % fnv1a(v, size)
                          for v in (many, weighted, difference)))
