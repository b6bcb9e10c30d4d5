# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""What a benchmark says: a table as it goes, JSON lines, plots, and a report in the end."""

import json
import os
import shutil
import subprocess

import bench_host
import bench_targets

GNUPLOT = """
set terminal {terminal}
set output "{output}"
set logscale xy
set format x "10^{{%L}}"
{format}set xlabel "{x}"
set ylabel "{y}"
set key left top
set grid
plot {lines}
"""
TERMINALS = {"png": "pngcairo size 960,640", "svg": "svg size 960,640"}


def number(value):
    """Four digits, with a power of a thousand where it is large."""
    for unit, factor in (("e9", 1e9), ("e6", 1e6)):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.4g}"


class Report:
    def __init__(self, output):
        self.output, self.rows, self.skipped, self.plots = output, [], [], []
        self.remarks = {}  # how often
        os.makedirs(output, exist_ok=True)
        with open(self._path("results.jsonl"), "w", encoding="utf-8"):
            pass

    def _path(self, name):
        return os.path.join(self.output, name)

    def _line(self, row):
        with open(self._path("results.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def figure(self, section, name, unit, value, low, high, **more):
        target, met = bench_targets.judge(name, value)
        row = {"section": section, "figure": name, "unit": unit, "value": value, "low": low,
               "high": high, "target": target, "met": met, **more}
        self.rows.append(row)
        self._line(row)
        print(self.table_line(row), flush=True)

    def skip(self, section, why):
        self.skipped.append((section, why))
        self._line({"section": section, "skipped": why})
        print(f"  skipped: {why}", flush=True)

    def remark(self, text):
        self.remarks[text] = self.remarks.get(text, 0) + 1

    @staticmethod
    def table_line(row):
        verdict = "" if row["met"] is None else "met" if row["met"] else "NOT MET"
        spread = f"{number(row['low'])} .. {number(row['high'])}"
        disturbed = "*" if row.get("disturbed") else " "
        return (f"  {row['figure']:56} {number(row['value']):>8} {row['unit']:11} "
                f"{spread:>19}{disturbed} {row['target'] or '':>10} {verdict}").rstrip()

    def plot(self, name, x, y, series, bytes_on_y=False):
        """A log-log plot as PNG and SVG. series: (title, points, (slope, factor) of a fitted line)."""
        if not shutil.which("gnuplot"):
            self.skip(f"plot {name}", "gnuplot is not installed; see tools/setup --bench")
            return
        lines = []
        for i, (title, points, fit) in enumerate(series):
            data = self._path(f"{name}-{i}.dat")
            with open(data, "w", encoding="ascii") as file:
                file.writelines(f"{a} {b}\n" for a, b in points)
            lines.append(f'"{data}" with points pointtype {5 + 2 * i} title "{title}"')
            if fit:
                lines.append(f'{fit[0]:.8g} + {fit[1]:.8g} * x with lines dashtype 2 title '
                             f'"{fit[0]:.2g} + {fit[1]:.2g} x"')
        for extension, terminal in TERMINALS.items():
            output = f"{name}.{extension}"
            script = GNUPLOT.format(terminal=terminal, output=self._path(output), x=x, y=y,
                                    format='set format y "%.0s %cB"\n' if bytes_on_y else
                                    'set format y "10^{%L}"\n',
                                    lines=", ".join(lines))
            done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True,
                                  check=False)
            if done.returncode != 0:
                self.skip(f"plot {name}", f"gnuplot: {done.stderr.strip().splitlines()[-1]}")
                return
        self.plots.append(name)

    def write(self, machine, took):
        """The report.md of everything that was measured."""
        lines = ["# Weir, measured", "", "Figures are medians; a ratio is the median of the ratios of "
                 "pairs of runs that took turns. Spread: the quartiles. `*`: other work on the "
                 "machine took part of its time.", "", "## The machine", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in machine]
        lines += ["", f"Measured in {took:.0f} s.", ""]
        for section in dict.fromkeys(row["section"] for row in self.rows):
            lines += [f"## {section}", "", "| figure | median | spread | target | |",
                      "|---|---|---|---|---|"]
            for row in (row for row in self.rows if row["section"] == section):
                verdict = "" if row["met"] is None else "met" if row["met"] else "**not met**"
                mark = " *" if row.get("disturbed") else ""
                lines.append(f"| {row['figure']} | {number(row['value'])} {row['unit']} | "
                             f"{number(row['low'])} to {number(row['high'])}{mark} | "
                             f"{row['target'] or ''} | {verdict} |")
            lines.append("")
        for plot in self.plots:
            lines += [f"![{plot}]({plot}.svg)", ""]
        if self.skipped:
            lines += ["## Not measured", ""]
            lines += [f"- {section}: {why}" for section, why in self.skipped] + [""]
        if self.remarks:
            lines += ["## Noticed", ""]
            lines += [f"- {text}: {count} times" for text, count in self.remarks.items()] + [""]
        with open(self._path("report.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))


def machine():
    return bench_host.describe()
