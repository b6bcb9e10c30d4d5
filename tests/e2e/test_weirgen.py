#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""weirgen against a real weir-dataplane that leads a static event, over memif and without hugepages:
every modulus and frame size, every fault, arrivals, rates, two workers, captures and replay. Each time
the sum is compared element by element, and what was done on purpose is what the dataplane counted. A
wrong sum is noticed."""

import json
import os
import re
import signal
import struct
import time

import lab_path  # noqa: F401
import counters
import netlab

CPUS = sorted(os.sched_getaffinity(0))
SECRET = "5e" * 32
HERE = "192.0.2.2"
THERE = "192.0.2.1"
FAULTS = ("lost", "duplicated", "reordered", "corrupted", "forged", "non_canonical", "junk")


class Pair:
    """The two programs' configs in a folder of their own, and their runs."""

    def __init__(self, lab, name, workers=1, mtu=1500, generator="", dataplane="", **event):
        self.lab, self.name = lab, name
        self.namespace = lab.namespace(name)
        self.directory = os.path.join(lab.directory, name)
        os.mkdir(self.directory)
        self.socket, self.memif = self.path("dp.sock"), self.path("memif.sock")
        self.event = {"number": 3, "modulus": "2^31-1", "dimension": 5000, "clients": 50, "slots": 16,
                      "secret": SECRET, "output": self.path("share.npy")} | event
        with open(self.path("event.cfg"), "w") as file:
            for key, value in self.event.items():
                file.write(f"{key} = {json.dumps(value)};\n")
        cpus = ", ".join(str(CPUS[i % len(CPUS)]) for i in range(workers))
        common = f'workers = [ {cpus} ]; hugepages = "off"; packet_memory = "128 MiB"; packet_buffers = 4096;'
        device = f"id=0,socket={self.memif},socket-abstract=no,bsize={mtu + 548}"
        with open(self.path("dataplane.cfg"), "w") as file:
            file.write(f"""dataplane = {{
    ports = ( {{ device = "net_memif0,role=client,{device}"; ipv4 = "{THERE}"; mtu = {mtu}; }} );
    {common} arena = "32 MiB"; max_clients = 10000; wait = "1 ms"; socket = "{self.socket}";
    file_prefix = "weir-{os.getpid()}-{name}-d"; {dataplane}
    static_events = ( {{
@include "event.cfg"
    }} );
}};
""")
        self.write_generator(device, mtu, common, generator)

    def write_generator(self, device, mtu, common, more):
        with open(self.path("weirgen.cfg"), "w") as file:
            file.write(f"""
ports = ( {{ device = "net_memif0,role=server,{device}"; ipv4 = "{HERE}"; mtu = {mtu}; }} );
{common} file_prefix = "weir-{os.getpid()}-{self.name}-g"; destination = "{THERE}:9347";
active = 40; {more}
static_event = {{
@include "event.cfg"
}};
""")

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self, *options):
        """The generator's end of memif listens, so it is first. It waits for the dataplane."""
        if os.path.exists(self.path("share.npy")):
            os.unlink(self.path("share.npy"))
        generator = self.namespace.start(
            ["sh", "-c", f'exec "$@" >{self.path("out.json")}', "sh", netlab.program("weirgen"),
             "--config", self.path("weirgen.cfg"), "--json", *options], name=f"{self.name}-weirgen")
        netlab.wait_until(lambda: os.path.exists(self.memif), 10, self.memif)
        dataplane = self.namespace.start(
            [netlab.program("weir-dataplane"), "--config", self.path("dataplane.cfg")],
            name=f"{self.name}-dataplane")
        return generator, dataplane

    def run(self, *options, status=0, verify=True):
        """A whole run: the last JSON object, and the dataplane's counters."""
        if verify:
            options = ("--control-socket", self.socket, *options)
        generator, dataplane = self.start(*options)
        ended = generator.wait(60)
        assert ended == status, f"status {ended}:\n{generator.tail(30)}"
        counted = counters.total(self.socket)
        dataplane.stop()
        self.said = dataplane.output()
        self.generator = generator
        end = self.outcome()
        if verify and status == 0:
            assert end["verified"] is True, end
        return end, counted

    def outcome(self):
        with open(self.path("out.json")) as file:
            objects = [json.loads(line) for line in file]
        assert objects[-1]["type"] == "end", objects
        assert all(entry["type"] == "second" for entry in objects[:-1])
        return objects[-1]


def chunks_of(pair):
    size = 4 if pair.event["modulus"] in ("2^31-1", "2^32") else 8
    chunk = pair.event.get("chunk_elements", 1408 // size)
    return -(-pair.event["dimension"] // chunk)


def everything_arrives_once(lab):
    pair = Pair(lab, "clean")
    end, counted = pair.run()
    shares = 50 * chunks_of(pair)
    assert end["sealed"] == end["complete"] == end["started"] == end["clients_in_sum"] == 50, end
    assert counted["shares_staged"] == shares and counted["slots_completed"] == 50
    assert end["shares"] == shares + end["resent"]
    assert end["elements"] >= 50 * 5000 and end["elapsed_s"] > 0
    assert end["request_to_grant_us"]["count"] == end["last_share_to_sealed_us"]["count"] == 50
    assert 0 < end["request_to_grant_us"]["p50"] <= end["request_to_grant_us"]["max"]
    assert f"SHA-256 of the aggregate share: {end['sha256']}" in pair.said, pair.said
    # The counted packets are those sent, but for ARP.
    assert counted["rx_packets"] - end["packets"] <= 2, (counted, end)


def every_shape(lab):
    shapes = [("2^61-1", 176, 1500), ("2^32", 352, 1500), ("2^64", 16, 1500), ("2^31-1", 16, 1500),
              ("2^31-1", 2208, 9000), ("2^64", 1104, 9000)]
    for i, (modulus, chunk, mtu) in enumerate(shapes):
        pair = Pair(lab, f"shape{i}", mtu=mtu, modulus=modulus, chunk_elements=chunk, max_weight=7,
                    dimension=4441, clients=30)
        end, counted = pair.run("--aggregate-share", pair.path("share.npy"), verify=False)
        assert end["verified"] is True and end["clients_in_sum"] == 30, end
        assert end["weight_in_sum"] == sum(1 + i % 7 for i in range(30)), end
        assert counted["shares_staged"] == 30 * chunks_of(pair)


def faults_change_nothing(lab):
    pair = Pair(lab, "faults", clients=100)
    probabilities = {"loss": 0.05, "duplicate": 0.05, "reorder": 0.1, "corrupt": 0.02, "forge": 0.3,
                     "non-canonical": 0.05, "junk": 0.1}
    flags = [text for name, p in probabilities.items() for text in (f"--{name}", str(p))]
    end, counted = pair.run(*flags, "--seed", "7")
    print("  " + ", ".join(f"{name} {end[name]}" for name in FAULTS))
    print("  " + ", ".join(f"{name} {n}" for name, n in counted.items() if n and "drop" in name))
    assert all(end[name] > 0 for name in FAULTS), end
    assert end["sealed"] == end["clients_in_sum"] == 100
    assert counted["shares_staged"] == 100 * chunks_of(pair)
    assert counted["drop_packet_short"] == end["junk"]
    assert 0.8 * end["forged"] < counted["drop_tag"] < end["forged"] + 2 * end["corrupted"]
    assert 0.7 * end["non_canonical"] < counted["drop_not_canonical"] <= 1.2 * end["non_canonical"]
    forged = end["forged"] / (end["forged"] + end["shares"])
    assert 0.25 < forged < 0.35, forged


def the_abandoned_are_in_no_sum(lab):
    pair = Pair(lab, "abandon", clients=60, slots=16, admit_timeout="2 s")
    end, counted = pair.run("--abandon", "0.2", "--loss", "0.02")
    assert 3 < end["abandoned"] < 25 and end["sealed"] == 60 - end["abandoned"], end
    assert end["clients_in_sum"] == end["sealed"]
    assert counted["slots_completed"] == end["sealed"]


def two_workers(lab):
    if len(CPUS) < 2:
        return
    pair = Pair(lab, "workers", workers=2, clients=100)
    end, counted = pair.run("--loss", "0.01")
    assert end["sealed"] == 100, end


def arrivals_and_rates(lab):
    pair = Pair(lab, "rates", clients=100)
    end, _ = pair.run("--arrival", "uniform:1s")
    assert end["elapsed_s"] > 0.8, end
    end, _ = pair.run("--arrival", "poisson:200/s")
    assert end["elapsed_s"] > 0.25, end
    end, _ = pair.run("--arrival", "bursts:25/200ms")
    assert end["elapsed_s"] > 0.5, end
    end, _ = pair.run("--rate", "2 kpps")  # 100 x 15 SHAREs and more
    assert 0.7 < end["elapsed_s"] < 5 and end["ring_full"] == 0, end
    end, _ = pair.run("--arrival", "uniform:5s", "--duration", "500ms")
    assert 2 < end["started"] == end["sealed"] < 50, end


def prebuilt_and_blind(lab):
    pair = Pair(lab, "prebuilt")
    end, counted = pair.run("--prebuilt", "--loss", "0.05", "--corrupt", "0.05")
    assert end["sealed"] == 50 and counted["drop_tag"] > 0
    for more in ([], ["--prebuilt"]):
        end, counted = pair.run("--blind", "--duration", "200ms", *more, verify=False)
        assert end["shares"] > 50 * chunks_of(pair) and end["requests"] == 0, end
        assert end["verified"] is None and counted["drop_no_slot"] > 0, end
    generator, dataplane = pair.start("--blind", "--duration", "4s", "--rate", "20 kpps")
    generator.wait_for_log("1 s: ")
    dataplane.signal(signal.SIGSTOP)  # so that the ring overflows
    assert generator.wait(30) == 0
    assert pair.outcome()["ring_full"] > 100, pair.outcome()
    dataplane.kill()
    large = Pair(lab, "toolarge", dimension=1000000, generator='destination_mac = "02:00:00:00:00:01";')
    done = large.namespace.run([netlab.program("weirgen"), "-c", large.path("weirgen.cfg"), "--prebuilt",
                                "--pcap", large.path("x.pcap")], 60, check=False)
    assert done.returncode == 1 and "142050 frames need" in done.stderr, done.stderr


def captured_and_played_again(lab):
    pair = Pair(lab, "capture", clients=40, slots=64, generator='destination_mac = "02:00:00:00:00:01";')
    file = pair.path("shares.pcap")
    done = pair.namespace.run([netlab.program("weirgen"), "-c", pair.path("weirgen.cfg"), "--pcap", file,
                               "--duplicate", "0.1"], 60)
    assert "duplicated" in done.stderr, done.stderr
    with open(file, "rb") as pcap:
        magic, _, _, _, _, _, kind = struct.unpack("<IHHiIII", pcap.read(24))
    assert magic == 0xa1b23c4d and kind == 1, (hex(magic), kind)
    # To the address that ARP finds now.
    Pair.write_generator(pair, f"id=0,socket={pair.memif},socket-abstract=no,bsize=2048", 1500,
                         f'workers = [ {CPUS[0]} ]; hugepages = "off"; packet_memory = "128 MiB"; packet_buffers = 4096;', "")
    end, counted = pair.run("--replay", file, "--rate", "20 kpps")
    assert end["clients_in_sum"] == 40 and 40 <= counted["requests"] <= 50, counted
    assert counted["shares_staged"] == 40 * chunks_of(pair) and counted["drop_duplicate"] > 20
    end, counted = pair.run("--replay", file)
    assert end["clients_in_sum"] == 40
    with open(file, "r+b") as pcap:  # the second frame is for somebody else
        pcap.seek(24 + 8)
        length = struct.unpack("<I", pcap.read(4))[0]
        pcap.seek(24 + 16 + length + 16 + 33)
        pcap.write(b"\x07")
    end = pair.start("--replay", file)
    assert end[0].wait(30) == 1 and "frame 2" in end[0].output(), end[0].output()
    assert counters.total(pair.socket)["drop_not_ours"] == 0
    end[1].stop()


def a_wrong_sum_is_noticed(lab):
    pair = Pair(lab, "wrong")
    pair.run()
    with open(pair.path("share.npy"), "r+b") as share:
        content = bytearray(share.read())
        content[-4 * 352] ^= 1
        share.seek(0)
        share.write(content)
    os.rename(pair.path("share.npy"), pair.path("other.npy"))
    end, _ = pair.run("--aggregate-share", pair.path("other.npy"), verify=False, status=1)
    assert end["verified"] is False and end["failed"] is True
    assert "1 of 5000 elements differ" in pair.generator.output(), pair.generator.output()
    # Another event's sum: a client more.
    end, _ = pair.run(verify=False)
    assert end["verified"] is None and end["sha256"] in pair.said


def a_signal_ends_it_cleanly(lab):
    pair = Pair(lab, "signal")
    generator, dataplane = pair.start("--arrival", "uniform:50s")
    generator.wait_for_log("1 s: ")
    generator.signal(signal.SIGINT)
    assert generator.wait(5) == 1, generator.output()
    end = pair.outcome()
    assert end["reason"] == "interrupted" and end["sealed"] > 0, end
    dataplane.kill()
    # A dataplane that goes away is not waited for without end.
    silent = Pair(lab, "silent", generator='timeout = "3 s";')
    generator, dataplane = silent.start("--arrival", "uniform:50s")
    generator.wait_for_log("1 s: ")
    dataplane.signal(signal.SIGSTOP)
    assert generator.wait(20) == 1, generator.output()
    assert "nothing has moved for 3000 ms" in generator.output(), generator.output()
    dataplane.kill()


def refusals_say_what_to_do(lab):
    pair = Pair(lab, "refusals", generator='timeout = "200 ms";')

    def expect(status, words, *args):
        done = pair.namespace.run([netlab.program("weirgen"), *args], 30, check=False)
        assert done.returncode == status, (args, done.returncode, done.stderr)
        assert re.search(words, done.stderr + done.stdout), (words, done.stderr)
    config = ("--config", pair.path("weirgen.cfg"))
    expect(0, "good", *config, "--check")
    expect(0, "Examples", "--help")
    expect(0, r"weirgen \d", "--version")
    expect(2, "--config FILE")
    expect(2, "none.cfg", "--config", "/none.cfg")
    expect(2, "surplus", *config, "surplus")
    expect(2, "probability", *config, "--loss", "2")
    expect(2, "rate such as", *config, "--rate", "fast")
    expect(2, "line_rate", *config, "--rate", "50 %")
    expect(2, "poisson:500/s", *config, "--arrival", "never")
    expect(2, "duration such as", *config, "--duration", "soon")
    expect(2, "less than 1", *config, "--forge", "1")
    expect(2, "no sum to compare", *config, "--blind", "--control-socket", "x")
    expect(1, "link is not up", *config)


for story in (everything_arrives_once, every_shape, faults_change_nothing, the_abandoned_are_in_no_sum,
              two_workers, arrivals_and_rates, prebuilt_and_blind, captured_and_played_again,
              a_wrong_sum_is_noticed, a_signal_ends_it_cleanly, refusals_say_what_to_do):
    with netlab.Lab() as the_lab:
        started = time.monotonic()
        story(the_lab)
        print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)
