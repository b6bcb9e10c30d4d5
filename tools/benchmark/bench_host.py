# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""The machine under a benchmark: huge pages, what else runs on it, and how to describe it."""

import os
import platform
import resource
import subprocess
import time

HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB"
PAGE = 2 << 20
MOST_PAGES = 2048


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return default


def output_of(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, text=True, check=False).stdout
    except OSError:
        return ""


class HugePages:
    """Adds to the reserved huge pages so that enough are free, and takes as many away at the end:
    others on the machine may add and take some meanwhile."""

    def __init__(self, wanted_bytes):
        self.wanted, self.added = -(-wanted_bytes // PAGE), 0

    @staticmethod
    def count(name):
        return int(read(os.path.join(HUGEPAGES, name), "0"))

    def _resize(self, difference):
        before = self.count("nr_hugepages")
        try:
            with open(os.path.join(HUGEPAGES, "nr_hugepages"), "w", encoding="ascii") as file:
                file.write(str(max(0, before + difference)))
        except OSError:
            return 0
        return self.count("nr_hugepages") - before

    def __enter__(self):
        missing = min(self.wanted - self.count("free_hugepages"), MOST_PAGES)
        if missing > 0:
            self.added = max(0, self._resize(missing))
        return self

    def __exit__(self, *_):
        if self.added:
            self._resize(-self.added)
            self.added = 0


def _busy_seconds():
    fields = [int(field) for field in read("/proc/stat").splitlines()[0].split()[1:9]]
    user, nice, system, _, _, irq, softirq, _ = fields
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _own_seconds():
    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in own)


class OtherWork:
    """How many CPUs processes that are not ours have used meanwhile. Ours must have ended."""

    def __init__(self):
        self.began, self.busy, self.own = time.monotonic(), _busy_seconds(), _own_seconds()

    def cpus(self):
        elapsed = max(time.monotonic() - self.began, 1e-3)
        others = (_busy_seconds() - self.busy) - (_own_seconds() - self.own)
        return max(0.0, others / elapsed)


def wait_for_quiet(patience, most=0.15):
    """Returns True once others use less than that of a CPU, False if they do not for so long."""
    end = time.monotonic() + patience
    while patience > 0:
        work = OtherWork()
        time.sleep(0.2)
        if work.cpus() < most:
            return True
        if time.monotonic() >= end:
            break
    return False


def describe():
    """What a reader must know of the machine: a list of (name, value)."""
    lscpu = dict(line.split(":", 1) for line in output_of("lscpu").splitlines() if ":" in line)
    flags = set(lscpu.get("Flags", "").split())
    interesting = [flag for flag in ("aes", "vaes", "vpclmulqdq", "avx2", "avx512f") if flag in flags]
    memory = dict(line.split(":", 1) for line in read("/proc/meminfo").splitlines() if ":" in line)
    caches = ", ".join(f"{name} {lscpu[name].strip()}" for name in
                       ("L1d cache", "L2 cache", "L3 cache") if name in lscpu)
    versions = output_of("dpkg-query", "-W", "-f", "${Package} ${Version}\n", "libdpdk-dev",
                         "libipsec-mb-dev", "openmpi-bin", "gcc").split("\n")
    return [
        ("processor", lscpu.get("Model name", "?").strip()),
        ("CPUs", f"{lscpu.get('CPU(s)', '?').strip()}, threads a core "
                 f"{lscpu.get('Thread(s) per core', '?').strip()}, NUMA nodes "
                 f"{lscpu.get('NUMA node(s)', '?').strip()}"),
        ("hypervisor", lscpu.get("Hypervisor vendor", "none").strip()),
        ("caches", caches),
        ("instructions", ", ".join(interesting)),
        ("memory", memory.get("MemTotal", "?").strip()),
        ("huge pages of 2 MiB", f"{HugePages.count('nr_hugepages')} reserved, "
                                f"{HugePages.count('free_hugepages')} of them free"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("system", dict(line.split("=", 1) for line in read("/etc/os-release").splitlines()
                        if "=" in line).get("PRETTY_NAME", "?").strip('"')),
        ("packages", ", ".join(line for line in versions if line)),
        ("load average", read("/proc/loadavg")),
    ]
