#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""weirgen plays the clients of an announced event: they join through the leader, send to every
aggregator over a memif each, and the collected aggregate is compared with the true sum. With weights,
with faults, with clients that abandon it."""

import json
import os
import re
import time

import lab_path  # noqa: F401
import deployment
import netlab

CPUS = sorted(os.sched_getaffinity(0))


class Stage:
    """A deployment whose data ports are memif to one weirgen in the clients' namespace."""

    def __init__(self, lab, aggregators, clients, max_weight=1):
        self.lab = lab
        self.weir = deployment.Deployment(lab, aggregators=aggregators, slots=16)
        self.config = os.path.join(lab.directory, "weirgen.cfg")
        self.ports = [os.path.join(lab.directory, f"m{i}") for i in range(aggregators)]
        deployment.write_settings(self.config, {
            "ports": tuple({"device": f"net_memif{i},role=server,id=0,socket={path},socket-abstract=no",
                            "ipv4": f"10.77.{i}.9"} for i, path in enumerate(self.ports)),
            "workers": [CPUS[0]],
            "hugepages": "off", "packet_memory": "128 MiB", "packet_buffers": 8192,
            "file_prefix": f"weir-{os.getpid()}-weirgen", "timeout": "20 s",
            "clients": {
                "seed": "ab" * 32, "clients": clients, "max_weight": max_weight,
                "key": self.weir.collector.path(deployment.OWN_KEY),
                "aggregators": tuple({"name": appliance.name, "identity": appliance.identity,
                                      "url": appliance.url} for appliance in self.weir.appliances),
            },
        })
        roster = os.path.join(lab.directory, "roster.cfg")
        self.weir.star.clients.run([netlab.program("weirgen"), "-c", self.config, "--write-roster",
                                    roster], 30)
        with open(roster) as file:
            self.roster = tuple({"identity": identity, "name": name} for identity, name in
                                re.findall(r'identity = "(\w+)"; name = "([^"]+)"', file.read()))
        assert len(self.roster) == clients, self.roster

    def write_config(self, appliance, path):
        settings = appliance.settings()
        settings["dataplane"]["ports"] = ({
            "device": f"net_memif0,role=client,id=0,socket={path},socket-abstract=no",
            "ipv4": appliance.network.data_address},)
        settings["control"]["roster"] = self.roster
        appliance.write_config(settings)

    def run(self, *options, status=0, **job):
        """Starts the generator, then the appliances, announces, and returns the last JSON object."""
        out = os.path.join(self.lab.directory, "out.json")
        generator = self.weir.star.clients.start(
            ["sh", "-c", f'exec "$@" >{out}', "sh", netlab.program("weirgen"), "-c", self.config,
             "--json", *options], name="weirgen")
        for path in self.ports:
            netlab.wait_until(lambda: os.path.exists(path), 10, path)
        for appliance, path in zip(self.weir.appliances, self.ports):
            self.write_config(appliance, path)
            appliance.start_dataplane()
        for appliance in self.weir.appliances:
            appliance.start_control()
        for appliance in self.weir.appliances:
            netlab.wait_until(appliance.is_healthy, 60, appliance.name, interval=0.2)
        self.event = self.weir.announce(**job)
        ended = generator.wait(100)
        assert ended == status, f"status {ended}:\n{generator.tail(30)}"
        self.said = generator.output()
        with open(out) as file:
            return [json.loads(line) for line in file][-1]


def everybody_is_in_the_aggregate(lab):
    stage = Stage(lab, aggregators=2, clients=60, max_weight=5)
    end = stage.run(modulus="2^61-1", dimension=3000, max_clients=60, max_weight=5, target_clients=60,
                    encoding={"kind": "integer", "signed": True, "bound": 1000})
    assert end["verified"] is True and end["clients_in_sum"] == 60, end
    assert end["weight_in_sum"] == sum(1 + i % 5 for i in range(60)), end
    assert end["sealed"] == 120 and end["join_s"] > 0 and 0 < end["last_share_to_aggregate_s"] < 30, end
    assert end["request_to_grant_us"]["count"] == 120, end
    assert stage.weir.event(stage.event)["state"] == "published"


def faults_on_the_way_to_three(lab):
    stage = Stage(lab, aggregators=3, clients=40)
    end = stage.run("--loss", "0.05", "--duplicate", "0.05", "--reorder", "0.05", "--corrupt", "0.02",
                    "--forge", "0.1", "--non-canonical", "0.02", "--abandon", "0.1",
                    modulus="2^31-1", dimension=4000, max_clients=50, duration="20 s",
                    admit_timeout="5 s", encoding={"kind": "integer", "signed": True, "bound": 1000})
    assert end["verified"] is True, end
    assert end["abandoned"] > 0 and 20 < end["clients_in_sum"] < 40, end


for story in (everybody_is_in_the_aggregate, faults_on_the_way_to_three):
    with netlab.Lab() as the_lab:
        started = time.monotonic()
        story(the_lab)
        print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)
