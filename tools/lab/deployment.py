# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A whole Weir on one machine: M appliances, each its own dataplane and control process in a
network namespace, a collector, and clients. The demo and the end-to-end tests run on it.

    with netlab.Lab() as lab:
        weir = Deployment(lab, aggregators=2)
        clients = [weir.add_client(f"c{i}") for i in range(10)]
        weir.start()
        event = weir.announce(dimension=30, encoding={"kind": "integer", "bound": 100}, ...)
        ...
"""

import concurrent.futures
import json
import os
import subprocess
import time

import netlab
import topology

START_TIMEOUT = 60
KEYGENS_AT_ONCE = 8
OWN_KEY = "identity.pem"


def setting(value):
    """A Python value in libconfig's syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}L" if abs(value) > 2**31 - 1 else str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if any(c in text for c in ".e") else text + ".0"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{ " + " ".join(f"{key} = {setting(v)};" for key, v in value.items()) + " }"
    if isinstance(value, tuple):
        return "( " + ", ".join(setting(v) for v in value) + " )"
    return "[ " + ", ".join(setting(v) for v in value) + " ]"


def write_settings(path, settings):
    with open(path, "w", encoding="utf-8") as file:
        for key, value in settings.items():
            file.write(f"{key} = {setting(value)};\n")


def keygen(path):
    """Makes a key with the real tool and returns the identity."""
    done = subprocess.run([netlab.program("weir"), "keygen", "--output", path],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise netlab.LabError(f"weir keygen: {done.stderr.strip()}")
    return done.stdout.split()[-1]


class Client:
    """One client: a folder with its key, its config and whatever it keeps."""

    def __init__(self, deployment, name):
        self.deployment, self.name = deployment, name
        self.directory = os.path.join(deployment.directory, "clients", name)
        os.makedirs(self.directory, mode=0o700)
        self.identity = keygen(self.path(OWN_KEY))
        self.config = self.path("client.cfg")
        self.write_config()

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_config(self, **changes):
        settings = {
            "key": OWN_KEY,
            "state": "state",
            "aggregators": tuple({"name": appliance.name, "identity": appliance.identity,
                                  "url": appliance.url}
                                 for appliance in self.deployment.appliances),
        }
        write_settings(self.config, settings | changes)

    def command(self, *words):
        return [netlab.program("weir"), words[0], "--config", self.config, *map(str, words[1:])]

    def start(self, *words):
        """weir WORDS in the clients' namespace, in the background."""
        return self.deployment.star.clients.start(self.command(*words), f"weir-{self.name}")

    def run(self, *words, timeout=120, check=True):
        return self.deployment.star.clients.run(self.command(*words), timeout, check)


class Appliance:
    """One aggregator: dataplane and control process in a namespace of their own."""

    def __init__(self, deployment, aggregator):
        self.deployment, self.index = deployment, aggregator.index
        self.network, self.namespace = aggregator, aggregator.namespace
        self.name = f"a{self.index}"
        self.directory = os.path.join(deployment.directory, self.name)
        os.makedirs(self.directory, mode=0o700)
        self.identity = keygen(self.path(OWN_KEY))
        self.config = self.path("appliance.cfg")
        self.url = f"http://{aggregator.control_address}:9347"
        self.dataplane = self.control = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def settings(self):
        deployment = self.deployment
        cpus = sorted(os.sched_getaffinity(0))
        workers = [cpus[(self.index + i) % len(cpus)] for i in range(deployment.workers)]
        device = f"net_af_packet0,iface={self.network.data_interface},framecnt=1024"
        if deployment.workers > 1:
            device += f",qpairs={deployment.workers}"
        return {
            "dataplane": {
                "ports": ({"device": device, "ipv4": self.network.data_address,
                           "ipv6": self.network.data_address6},),
                "workers": workers,
                "idle": "sleep",
                "hugepages": "off",
                "packet_buffers": 4096 * deployment.workers,
                "packet_memory": f"{32 * deployment.workers} MiB",
                "arena": f"{deployment.arena >> 20} MiB",
                "socket": "dataplane.sock",
                "file_prefix": f"weir-{os.getpid()}-{self.name}",
            } | deployment.dataplane,
            "control": {
                "key": OWN_KEY,
                "state": "state",
                "listen": f"{self.network.control_address}:9347",
                "slots": deployment.slots,
                "peers": tuple({"name": peer.name, "identity": peer.identity, "url": peer.url}
                               for peer in deployment.appliances if peer is not self),
                "roster": tuple({"identity": client.identity, "name": client.name}
                                for client in deployment.clients),
            } | deployment.control,
        }

    def write_config(self, settings=None):
        write_settings(self.config, settings or self.settings())

    def start_dataplane(self):
        self.dataplane = self.namespace.start(
            [netlab.program("weir-dataplane"), "--config", self.config], f"{self.name}-dataplane")

    def start_control(self):
        self.control = self.namespace.start(
            [netlab.program("weir-control"), "--config", self.config], f"{self.name}-control")

    def weirctl(self, *words, timeout=60, check=True):
        command = [netlab.program("weirctl"), words[0], "--config", self.config]
        return self.namespace.run([*command, *map(str, words[1:])], timeout, check)

    def stats(self):
        return json.loads(self.weirctl("stats", "--json").stdout)

    def is_healthy(self):
        for process in (self.dataplane, self.control):
            if process.returncode is not None:
                raise netlab.LabError(f"{process.name} ended with status {process.returncode}:\n"
                                      f"{process.tail()}")
        return self.weirctl("status", check=False).returncode == 0


class Deployment:
    """Everything of one Weir. dataplane and control are settings that replace the usual ones;
    link and control_link are options of weir-link for the data and the control links, bottleneck for one
    that all data crosses."""

    def __init__(self, lab, aggregators=2, slots=64, arena=64 << 20, workers=1, link=None,
                 control_link=None, dataplane=None, control=None, bottleneck=None):
        self.lab, self.directory = lab, lab.directory
        self.slots, self.arena, self.workers = slots, arena, workers
        self.dataplane, self.control = dataplane or {}, control or {}
        self.star = topology.Star(lab, aggregators, link, control_link, bottleneck=bottleneck)
        self.appliances, self.clients = [], []
        for aggregator in self.star.aggregators:
            self.appliances.append(Appliance(self, aggregator))
        self.leader = self.appliances[0]
        self.collector = Client(self, "collector")

    def add_client(self, name, in_roster=True):
        """A client; one in the roster must be added before start."""
        client = Client(self, name)
        if in_roster:
            self.clients.append(client)
        return client

    def add_clients(self, names):
        """Many clients of the roster, yielded in order as they are ready: a key's file is synced to
        disk, so making many at once takes hardly longer than making one."""
        with concurrent.futures.ThreadPoolExecutor(KEYGENS_AT_ONCE) as pool:
            for client in pool.map(lambda name: Client(self, name), names):
                self.clients.append(client)
                yield client

    def start(self):
        for appliance in self.appliances:
            appliance.write_config()
            appliance.start_dataplane()
        for appliance in self.appliances:
            appliance.start_control()
        for appliance in self.appliances:
            netlab.wait_until(appliance.is_healthy, START_TIMEOUT, f"{appliance.name} to be ready",
                              interval=0.2)

    def job(self, **changes):
        """Writes a job file and returns its path."""
        number = getattr(self, "_jobs", 0) + 1
        self._jobs = number
        path = os.path.join(self.directory, f"job{number}.cfg")
        settings = {
            "job": f"job{number}",
            "modulus": "2^61-1",
            "min_clients": 2,
            "duration": "5 min",
            "aggregators": [appliance.identity for appliance in self.appliances],
            "collectors": [self.collector.identity],
        }
        write_settings(path, settings | changes)
        return path

    def announce(self, path=None, **changes):
        """Announces a job and returns the event's id."""
        done = self.leader.weirctl("announce", path or self.job(**changes), "--json")
        return json.loads(done.stdout)["id"]

    def event(self, event):
        """The event as the leader shows it."""
        return json.loads(self.leader.weirctl("events", event, "--json").stdout)["events"][0]

    def wait_for_state(self, event, states, timeout=120):
        """Waits until the event is in one of the states and returns it."""
        return netlab.wait_until(lambda: (found := self.event(event))["state"] in states and found,
                                 timeout, f"event {event[:8]} to be {' or '.join(states)}",
                                 interval=0.2)

    def collect(self, event, timeout=120):
        """The aggregate as exact integers, by weir collect."""
        path = os.path.join(self.directory, f"aggregate-{event[:16]}-{time.monotonic_ns()}.csv")
        self.collector.run("collect", "--event", event, "--integers", "--output", path,
                           timeout=timeout)
        with open(path, encoding="utf-8") as file:
            return [int(cell) for cell in file.read().strip().splitlines()[-1].split(",")]


def run_pool(starts, most, progress=None, timeout=600):
    """Runs processes, at most so many at once. starts are functions that start one each. Returns
    them all, ended."""
    waiting, running, ended = list(reversed(starts)), [], []
    deadline = time.monotonic() + timeout
    while waiting or running:
        while waiting and len(running) < most:
            running.append(waiting.pop()())
        done = [process for process in running if process.returncode is not None]  # asked once: it may end now
        ended += done
        running = [process for process in running if process not in done]
        if progress:
            progress(len(ended), len(starts))
        if time.monotonic() > deadline:
            raise netlab.LabError(f"{len(running)} of {len(starts)} processes still run after "
                                  f"{timeout} s")
        if running:
            time.sleep(0.02)
    return ended
