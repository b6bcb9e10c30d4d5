#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""What one aggregator has, dumped, contains no client's vector: its whole memory (both processes,
again and again while shares arrive, while they are staged and after it has published), all its
traffic, and all its files.

The plaintext is recognisable: runs of four equal, unlikely elements. That the search would find it is
shown on the client's own files, and that the dumps are the real ones on the aggregate share, which
must be in them."""

import os
import select
import socket
import struct
import sys
import threading

import lab_path  # noqa: F401
from deployment import Deployment
from netlab import Lab, wait_until
from signed_request import load_key, signed_request

ELEMENTS = 50_000
CHUNK = 1 << 24
ETH_P_ALL = 3
SHARE_HEADER = 136


def vector(number):
    """Elements that no random data has: runs of four of the same 56-bit value."""
    return [0x5EC2E7_00000000 + (number << 24) + (i // 4) for i in range(ELEMENTS)]


def needles(values):
    """What a vector looks like wherever it is kept in the clear: a run, little- and big-endian, as a
    double, and in decimal. Beginning, middle and end, lest only a part was overwritten."""
    found = []
    for i in (0, 4, 5000, 24_000, 40_000, ELEMENTS - 4):
        value = values[i]
        found += [struct.pack("<4Q", *[value] * 4), struct.pack(">4Q", *[value] * 4),
                  struct.pack("<4d", *[float(value)] * 4), ",".join([str(value)] * 4).encode()]
    return found


def markers(values):
    """Five to eight bytes that every element of a vector has in one of these forms."""
    first = values[0]
    return [struct.pack("<Q", first)[3:], struct.pack(">Q", first)[:5],
            struct.pack("<d", float(first))[4:], str(first)[:8].encode()]


def search(data, wanted):
    """The needles that are in the data. Most data has not even a marker of them."""
    if not any(marker in data for marker in wanted.markers):
        return []
    return [needle for needle in wanted.needles if needle in data]


def search_memory(pid, wanted):
    """Which needles are in a process's memory: every mapping that can be read."""
    hits, total = set(), 0
    overlap = max(map(len, wanted.needles))
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode, *_ = line.split()
            if not mode.startswith("r") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            while start < end:
                size = min(CHUNK, end - start)
                try:
                    data = os.pread(mem.fileno(), size, start)
                except OSError:
                    break  # device memory
                total += len(data)
                hits.update(search(data, wanted))
                if len(data) <= overlap:
                    break
                start += len(data) - (overlap if start + len(data) < end else 0)
    return hits, total


class Wanted:
    """What to search for: needles, and what any of them must contain."""

    def __init__(self, needles_, markers_):
        self.needles, self.markers = needles_, markers_
        assert all(any(marker in needle for marker in markers_) for needle in needles_)


class Capture(threading.Thread):
    """Every frame that crosses the aggregator's interfaces."""

    def __init__(self, namespace, interfaces, path):
        super().__init__(daemon=True)
        self.sockets, self.path, self.stopping, self.frames = [], path, False, 0
        with namespace.entered():
            for interface in interfaces:
                raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
                raw.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
                raw.bind((interface, 0))
                self.sockets.append(raw)

    def run(self):
        with open(self.path, "wb") as file:
            while True:
                ready, _, _ = select.select(self.sockets, [], [], 0.2)
                if not ready and self.stopping:
                    return
                for raw in ready:
                    file.write(raw.recv(65536))
                    self.frames += 1

    def stop(self):
        self.stopping = True
        self.join(30)
        for raw in self.sockets:
            raw.close()


def search_files(directory, wanted):
    hits, total = set(), 0
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                total += len(data)
                hits.update(search(data, wanted))
    return hits, total


def aggregate_share(weir, event, appliance):
    collector = weir.collector
    status, share = signed_request(weir.star.clients, load_key(collector.path("identity.pem")),
                                   collector.identity, appliance.identity, appliance.url, "GET",
                                   f"/v1/events/{event}/aggregate-share?wait=20")
    assert status == 200, share
    return share


def dump(appliance, wanted, when):
    for process in (appliance.dataplane, appliance.control):
        hits, total = search_memory(process.pid, wanted)
        print(f"{when}: {process.name}: {total >> 20} MiB searched, {len(hits)} hits", flush=True)
        assert not hits, f"{when}: {process.name} has a client's vector in its memory"


def staged(appliance):
    return sum(worker["shares_staged"] for worker in appliance.stats()["workers"])


def share_pieces(client):
    """64 bytes from the middle of each of the two shares that the client keeps for resending."""
    splits = [os.path.join(folder, name) for folder, _, names in os.walk(client.path("state"))
              for name in names if os.path.getsize(os.path.join(folder, name)) > 2 * 8 * ELEMENTS]
    with open(splits[0], "rb") as file:
        split = file.read()
    return [split[len(split) // 4:][:64], split[len(split) * 3 // 4:][:64]]


def main():
    vectors = [vector(1), vector(2), vector(3)]
    wanted = Wanted([needle for values in vectors for needle in needles(values)],
                    [marker for values in vectors for marker in markers(values)])
    with Lab() as lab:
        weir = Deployment(lab, 2, slots=4, link="--both rate=500kbit", dataplane={"window": 64})
        clients = [weir.add_client(f"c{i}") for i in range(len(vectors))]
        for client, values in zip(clients, vectors):
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, values)) + "\n")
            assert search_files(client.directory, wanted)[0], "the search does not find a vector"
        weir.start()
        captures = []
        for appliance in weir.appliances:
            captures.append(Capture(appliance.namespace, ["data", "ctl"],
                                    os.path.join(lab.directory, f"{appliance.name}.frames")))
            captures[-1].start()
        # Frozen by its deadline, so that what is staged and sealed stays in memory for the dumps.
        event = weir.announce(dimension=ELEMENTS, max_clients=3, duration="100 s",
                              encoding={"kind": "integer", "bound": max(map(max, vectors))})
        weir.wait_for_state(event, {"open"})
        uploads = [client.start("submit", "--event", event, "--input", client.path("vector.csv"))
                   for client in clients]
        for appliance in weir.appliances:
            wait_until(lambda: staged(appliance) > 50, 60, "shares")
        pieces = share_pieces(clients[0])
        for appliance in weir.appliances:
            dump(appliance, wanted, "while shares arrive")
        assert all(upload.returncode is None for upload in uploads), "dumped too late"
        for upload in uploads:
            assert upload.wait(120) == 0, upload.tail()
        for appliance, piece in zip(weir.appliances, pieces):
            dump(appliance, wanted, "sealed")
            # The dump is the real one: the client's share for this aggregator is in it.
            assert search_memory(appliance.dataplane.pid, Wanted([piece], [piece]))[0], \
                f"{appliance.name}: the share that it holds is not in the dump"
        assert weir.event(event)["state"] == "open", "dumped too late"
        weir.wait_for_state(event, {"published"})
        shares = []
        for appliance in weir.appliances:
            dump(appliance, wanted, "published")
            shares.append(aggregate_share(weir, event, appliance))
        assert weir.collect(event) == [sum(column) for column in zip(*vectors)], "the sum differs"
        for appliance, capture in zip(weir.appliances, captures):
            capture.stop()
            with open(capture.path, "rb") as file:
                traffic = file.read()
            # 3 vectors of 50,000 u64 cannot cross in less.
            assert len(traffic) > 3 * ELEMENTS * 8, len(traffic)
            assert not search(traffic, wanted), f"{appliance.name}: a vector crossed in the clear"
            hits, total = search_files(appliance.directory, wanted)
            assert not hits, f"{appliance.name}: a vector is in its files"
            print(f"{appliance.name}: {capture.frames} frames, {len(traffic) >> 10} KiB of traffic and "
                  f"{total >> 10} KiB of files: nothing", flush=True)
        for appliance, share in zip(weir.appliances, shares):
            middle = share[SHARE_HEADER + 8 * 777:][:64]
            wanted = Wanted([middle], [middle])
            hits = search_memory(appliance.control.pid, wanted)[0] | search_files(
                appliance.directory, wanted)[0]
            assert hits, f"{appliance.name}: not even its own aggregate share is in the dump"
    return 0


if __name__ == "__main__":
    sys.exit(main())
