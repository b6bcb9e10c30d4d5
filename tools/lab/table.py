# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A CSV table of clients' vectors, how to encode it, and its plain sum in Python integers.

Nothing here is shared with the C code: the sum that the demo and the tests compare with is computed
from the text of the table alone.
"""

import csv
import math
from dataclasses import dataclass
from decimal import Decimal

LARGEST = {
    "2^31-1": (2**31 - 2, (2**31 - 2) // 2),
    "2^61-1": (2**61 - 2, (2**61 - 2) // 2),
    "2^32": (2**32 - 1, 2**31 - 1),
    "2^64": (2**64 - 1, 2**63 - 1),
}  # modulus: largest unsigned and largest signed aggregate
ELEMENT_SIZE = {"2^31-1": 4, "2^61-1": 8, "2^32": 4, "2^64": 8}
INTEGER_LIMIT = 2**63 - 1
WEIGHT_LIMIT = 2**31 - 1


class TableError(Exception):
    """One line for a person: file, line, what is wrong."""


def is_integer(text):
    return text.lstrip("+-").isdigit()


@dataclass
class Encoding:
    """How values become integers, in the words of a job file."""

    kind: str  # "integer" or "fixed"
    signed: bool
    bound: int
    scale: float = 1.0
    clip: float = 1.0

    def encode(self, text):
        if self.kind == "integer":
            return int(text)
        value = float(text)
        return round(min(max(value, -self.clip), self.clip) * self.scale)

    def show(self, integer):
        """The aggregate's number as text: exact where a decimal fraction can be."""
        if self.kind == "integer":
            return str(integer)
        if self.scale == int(self.scale) and set(str(int(self.scale))) <= {"1", "0"}:
            digits = len(str(int(self.scale))) - 1
            return format(Decimal(integer).scaleb(-digits).normalize(), "f")
        return repr(integer / self.scale)


class Table:
    def __init__(self, path, weights=None):
        self.path = path
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            try:
                header = [name.strip() for name in next(reader)]
            except StopIteration:
                raise TableError(f"{path}:1: empty file; the first line names the columns") from None
            if all(self._number(name) is not None for name in header):
                raise TableError(f"{path}:1: the first line must name the columns, not hold numbers")
            if weights is not None and weights not in header:
                raise TableError(f"{path}:1: no column is named {weights!r}")
            at = header.index(weights) if weights is not None else None
            self.columns = [name for i, name in enumerate(header) if i != at]
            self.rows, self.weights = [], []
            for row in reader:
                if row:
                    self._add(row, len(header), at, reader.line_num)
        if len(self.rows) < 2:
            raise TableError(f"{path}: a sum needs at least 2 clients, and it has "
                             f"{len(self.rows)} row{'' if len(self.rows) == 1 else 's'}")
        if not self.columns:
            raise TableError(f"{path}:1: no column is left for the vectors")

    @staticmethod
    def _number(text):
        try:
            return float(text)
        except ValueError:
            return None

    def _add(self, row, width, at, line):
        if len(row) != width:
            raise TableError(
                f"{self.path}:{line}: {len(row)} values, but the header names {width} columns")
        cells = [cell.strip() for cell in row]
        for column, cell in enumerate(cells, 1):
            number = self._number(cell)
            if number is None or not math.isfinite(number):
                raise TableError(
                    f"{self.path}:{line}: column {column}: {cell!r} is not a finite number")
        weight = 1
        if at is not None:
            text = cells.pop(at)
            if not is_integer(text) or not 1 <= int(text) <= WEIGHT_LIMIT:
                raise TableError(f"{self.path}:{line}: the weight {text!r} is not an integer "
                                 f"from 1 to {WEIGHT_LIMIT}")
            weight = int(text)
        self.rows.append(cells)
        self.weights.append(weight)

    def encoding(self, modulus, scale=None):
        """Integers as they are, else fixed point: the given scale, or the largest power of ten
        up to 10^6 with which the sum still fits the modulus."""
        limit = LARGEST[modulus]
        factor = len(self.rows) * max(self.weights)
        cells = [cell for row in self.rows for cell in row]
        if scale is None and all(is_integer(cell) for cell in cells):
            values = [int(cell) for cell in cells]
            bound = max(1, max(abs(value) for value in values))
            signed = min(values) < 0
            if bound > INTEGER_LIMIT or factor * bound > limit[signed]:
                raise TableError(f"{self.path}: {len(self.rows)} clients x weight "
                                 f"{max(self.weights)} x {bound} do not fit {modulus}: choose a "
                                 f"larger modulus")
            return Encoding("integer", signed, bound)
        clip = max(abs(float(cell)) for cell in cells) or 1.0
        scales = [scale] if scale is not None else [10.0**e for e in range(6, -7, -1)]
        for candidate in scales:
            if not (math.isfinite(candidate) and candidate > 0):
                break
            product = clip * candidate
            bound = round(product) if math.isfinite(product) else 0
            if 1 <= bound <= 2**53 and factor * bound <= limit[1]:
                return Encoding("fixed", True, bound, candidate, clip)
        raise TableError(f"{self.path}: {len(self.rows)} clients x weight {max(self.weights)} x "
                         f"{clip:g} x scale {scales[0]:g} do not fit {modulus}: choose a smaller "
                         f"--scale or a larger --modulus")

    def spare_clients(self, encoding, modulus):
        """Places beyond one for each row, as far as the sum still fits: a join that was aborted
        keeps its place, and its client needs another."""
        most = LARGEST[modulus][encoding.signed] // (max(self.weights) * encoding.bound)
        return min(len(self.rows) // 20 + 2, most - len(self.rows))

    def plain_sum(self, encoding):
        total = [0] * len(self.columns)
        for row, weight in zip(self.rows, self.weights):
            for i, cell in enumerate(row):
                total[i] += weight * encoding.encode(cell)
        return total
