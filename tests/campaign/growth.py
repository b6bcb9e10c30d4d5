# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Whether a series of samples grows steadily: as a leak does, and a cache that has filled does not."""

import statistics

SHARE = 0.05  # of the median: less over the whole series is no growth
LEAST = {"KiB": 2048, "descriptors": 1, "threads": 0}


class Series:
    def __init__(self, name):
        self.name, self.samples = name, []

    def add(self, seconds, value):
        self.samples.append((seconds, value))

    @property
    def values(self):
        return [value for _, value in self.samples]

    def slope(self):
        """A second, by Theil and Sen: the median over pairs, which a few outliers do not move."""
        step = max(1, len(self.samples) // 60)
        thin = self.samples[::step]
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(thin) for b in thin[i + 1:]
                  if b[0] > a[0]]
        return statistics.median(slopes) if slopes else 0

    def growth(self):
        """Over the second half of the series, when caches are full, taken as a straight line."""
        half = Series(self.name)
        half.samples = self.samples[len(self.samples) // 2:]
        return half.slope() * (half.samples[-1][0] - half.samples[0][0])

    def grows(self):
        least = next((least for word, least in LEAST.items() if self.name.endswith(word)), 0)
        return self.growth() > max(least, SHARE * statistics.median(self.values))

    def line(self):
        values = self.values
        return (f"{self.name}: {values[0]:g} at first, {statistics.median(values):g} median, {max(values):g} "
                f"at most, {values[-1]:g} at last; {self.growth():+.1f} over the second half")
