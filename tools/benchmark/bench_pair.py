# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""A dataplane and a generator as real processes, connected by shared memory: memif or vhost. And
DPDK's testpmd in the dataplane's place."""

import array
import mmap
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from bench_run import Failed, Skipped, last_json, wait_for

SECRET = "6c6f61642074657374206f6e6c793a206e6f20736563726574206174206f6e65"
DATAPLANE_MAC = "02:00:00:00:00:01"
MEBIBYTE = 1 << 20
START_SECONDS, STOP_SECONDS = 20, 10
ELEMENT = {"2^31-1": 4, "2^32": 4, "2^61-1": 8, "2^64": 8}

# Which end makes the socket file, and must be there first.
PORTS = {
    "memif": {
        "dataplane": "net_memif0,role=client,id=0,socket={socket},socket-abstract=no,zero-copy=yes",
        "generator": "net_memif0,role=server,id=0,socket={socket},socket-abstract=no",
        "first": "generator",
    },
    "vhost": {
        "dataplane": "net_vhost0,iface={socket},queues=1",
        "generator": "net_virtio_user0,path={socket},queues=1,queue_size=1024,packed_vq=1,"
                     "mrg_rxbuf=1,in_order=1",
        "first": "dataplane",
    },
}


class Event:
    """A static event, and how it is sent."""

    def __init__(self, clients, dimension=100000, chunk=352, modulus="2^31-1", cipher="aes-256-gcm",
                 slots=64, batch=8, interleave=32):
        self.clients, self.dimension, self.chunk = clients, dimension, chunk
        self.modulus, self.cipher, self.slots = modulus, cipher, slots
        self.batch, self.interleave = min(batch, slots), interleave

    def group(self):
        return (f'number = 1; modulus = "{self.modulus}"; dimension = {self.dimension}; '
                f'chunk_elements = {self.chunk}; clients = {self.clients}; slots = {self.slots}; '
                f'batch = {self.batch}; cipher = "{self.cipher}"; secret = "{SECRET}";')

    def frame(self):
        return self.chunk * ELEMENT[self.modulus] + 82

    def slot_bytes(self):
        return self.dimension * ELEMENT[self.modulus]

    def arena_mebibytes(self):
        """Slots, two accumulators, bitmaps and the clients' table, with room."""
        need = (self.slots + 3) * (self.slot_bytes() + 65536) + 64 * self.clients
        return need // MEBIBYTE + 16


def memory_of(path):
    """Maps the memory that the dataplane with that control link shows."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(5)
        link.connect(path)
        link.send(struct.pack("<HHIII", 1, 1, 1, 16, 0))
        answer, ancillary, _, _ = link.recvmsg(4096, socket.CMSG_SPACE(4))
    if struct.unpack_from("<i", answer, 16)[0] != 0 or not ancillary:
        raise Failed("the dataplane does not show its memory")
    descriptor = array.array("i", ancillary[0][2])[0]
    try:
        size = struct.unpack("<Q", os.pread(descriptor, 8, 16))[0]
        return mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ)
    finally:
        os.close(descriptor)


def private_bytes(pid):
    """Memory of a process that is neither in files nor in huge pages; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            found = re.search(r"RssAnon:\s+(\d+) kB", file.read())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


class Process:
    """One of ours, whose output goes to a file."""

    def __init__(self, name, command, folder):
        self.name, self.log = name, os.path.join(folder, f"{name}.log")
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log,
                                          start_new_session=True)

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def check(self):
        if self.popen.poll() is not None:
            lines = [line for line in self.output().splitlines() if line.strip()] or ["nothing"]
            raise Failed(f"{self.name}: status {self.popen.returncode}: {lines[-1]}")
        return self

    def wait_for_line(self, text):
        def said():
            return text in self.output() or not self.check()
        wait_for(said, START_SECONDS, f"{self.name} to say '{text}'")

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self.popen.stdin.close()


class Pair:
    """Receiver and generator on two CPUs. A context manager: both have ended afterwards."""

    def __init__(self, bench, kind, event):
        if not bench.two_cpus:
            raise Skipped("it takes two CPUs")
        self.bench, self.kind, self.event = bench, PORTS[kind], event
        self.folder = tempfile.mkdtemp(prefix="weir-bench-", dir="/dev/shm"
                                       if os.access("/dev/shm", os.W_OK) else None)
        self.prefix = os.path.basename(self.folder)
        self.link = os.path.join(self.folder, "dataplane.sock")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _device(self, end):
        return self.kind[end].format(socket=os.path.join(self.folder, "port.sock"))

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _start(self, name, command):
        process = Process(name, command, self.folder)
        self.processes.append(process)
        return process

    def _mtu(self):
        return "mtu = 9000; " if self.event.frame() > 1514 else ""

    def _packet_settings(self):
        """Mbufs that hold a frame whole."""
        return "packet_buffers = 8192;\n" + ('packet_memory = "160 MiB";\n'
                                             if self.event.frame() > 2048 else "")

    def _dataplane(self):
        config = self._write("dataplane.cfg", f"""dataplane = {{
ports = ( {{ device = "{self._device('dataplane')}"; ipv4 = "192.0.2.1"; {self._mtu()}}} );
workers = [ {self.bench.cpu} ];
idle = "poll";
wait = "2 ms";
socket = "{self.link}";
file_prefix = "{self.prefix}-d";
arena = "{self.event.arena_mebibytes()} MiB";
max_clients = {max(self.event.clients, self.event.slots)};
{self._packet_settings()}lab = {"true" if self.event.cipher == "none" else "false"};
static_events = ( {{ {self.event.group()} }} );
}};
""")
        return self._start("dataplane", [self.bench.program("dataplane/weir-dataplane"),
                                         "--config", config])

    def _generator(self, options, blind, prebuilt_bytes):
        memory = 64 * MEBIBYTE + (self.event.frame() > 2048) * 96 * MEBIBYTE + prebuilt_bytes
        config = self._write("weirgen.cfg", f"""ports = (
{{ device = "{self._device('generator')}"; ipv4 = "192.0.2.2"; {self._mtu()}}} );
workers = [ {self.bench.other_cpu} ];
destination = "192.0.2.1:9347";
{f'destination_mac = "{DATAPLANE_MAC}";' if blind else ""}
interleave = {self.event.interleave};
active = {2 * self.event.slots};
packet_memory = "{memory // MEBIBYTE} MiB";
packet_buffers = 8192;
file_prefix = "{self.prefix}-g";
static_event = {{ {self.event.group()} }};
""")
        command = [self.bench.program("tools/weirgen/weirgen"), "--config", config, "--json"]
        command += ["--blind"] if blind else ["--control-socket", self.link]
        return self._start("weirgen", command + list(options))

    def _testpmd(self):
        program = shutil.which("dpdk-testpmd")
        if not program:
            raise Skipped("dpdk-testpmd is not installed; see tools/setup --bench")
        return self._start("testpmd", [
            program, f"--lcores=0@{self.bench.other_cpu},1@{self.bench.cpu}", "--no-pci",
            "--in-memory", "--single-file-segments", "--no-telemetry", "-m", "256",
            f"--file-prefix={self.prefix}-t", f"--vdev={self._device('dataplane')}", "--",
            "--forward-mode=rxonly", "--auto-start", "--total-num-mbufs=8192"])

    def _both(self, receiver, options, blind=False, prebuilt_bytes=0):
        def generate():
            return self._generator(options, blind, prebuilt_bytes)
        if self.kind["first"] == "generator":
            generator = generate()
            wait_for(lambda: os.path.exists(os.path.join(self.folder, "port.sock")) or
                     not generator.check(), START_SECONDS, "the generator's port")
            return receiver(), generator
        receiving = receiver()
        wait_for(lambda: os.path.exists(os.path.join(self.folder, "port.sock")) or
                 not receiving.check(), START_SECONDS, "the receiver's port")
        return receiving, generate()

    @staticmethod
    def _result(generator, timeout, meanwhile=lambda: None):
        end = time.monotonic() + timeout
        while generator.popen.poll() is None:
            if time.monotonic() > end:
                raise Failed(f"weirgen took more than {timeout} s")
            meanwhile()
            time.sleep(0.02)
        try:
            result = last_json(generator.output())
        except Failed:
            result = {}
        if generator.popen.returncode != 0 or result.get("failed"):
            if result.get("reason"):
                raise Failed(f"weirgen: {result['reason']}")
            generator.check()
        return result

    def dataplane(self, options=(), timeout=30, prebuilt_bytes=0):
        """The generator's result with the dataplane, and the dataplane's memory in it."""
        dataplane, generator = self._both(self._dataplane, options, prebuilt_bytes=prebuilt_bytes)
        dataplane.wait_for_line("control link at")
        memory, private = memory_of(self.link), []
        try:
            result = self._result(generator, timeout, lambda: private.append(
                private_bytes(dataplane.popen.pid)))
            result["arena_bytes"] = struct.unpack_from("<Q", memory, 80)[0]
        finally:
            memory.close()
        if not result.get("verified"):
            raise Failed("the sum was not verified")
        result["private_bytes"] = max(private)
        if dataplane.popen.poll() is not None:
            # The sum was right: what comes after is no part of the measurement, but is told.
            self.bench.report.remark(f"the dataplane ended by itself (status "
                                     f"{dataplane.popen.returncode}) when the generator left")
        return result

    def testpmd(self, options=(), prebuilt_bytes=0):
        """The generator's result with testpmd, which receives and forgets."""
        _, generator = self._both(self._testpmd, options, blind=True, prebuilt_bytes=prebuilt_bytes)
        return self._result(generator, 60)


def measure(bench, kind, event, options=(), **more):
    with Pair(bench, kind, event) as pair:
        return pair.dataplane(options, **more)
