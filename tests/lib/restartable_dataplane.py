# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""A dataplane that tests kill and start again, and clients that send to it meanwhile."""

import glob
import ipaddress
import os
import threading

import counters
import netlab
import topology
import weir_packets
from dataplane_control import Control

M31, MODULUS = 1, 2**31 - 1
CHUNK = 352
PATIENCE = 60
ARENA = 64


def weighted_sum(clients):
    """Of pairs of weight and vector."""
    total = [0] * len(clients[0][1])
    for weight, vector in clients:
        total = [(t + weight * v) % MODULUS for t, v in zip(total, vector)]
    return tuple(total)


class Appliance:
    """A dataplane that can be killed and started again, without a control process."""

    def __init__(self, lab):
        self.lab, self.star = lab, topology.Star(lab, 1)
        self.network = self.star.aggregators[0]
        self.socket = os.path.join(lab.directory, "dataplane.sock")
        self.config = os.path.join(lab.directory, "appliance.cfg")
        self.process = self.control = None
        self.write_config()

    def write_config(self, arena=ARENA):
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(f"""dataplane = {{
    ports = ( {{ device = "net_af_packet0,iface=data"; ipv4 = "{self.network.data_address}"; }} );
    workers = [ {min(os.sched_getaffinity(0))} ];
    hugepages = "off"; packet_memory = "32 MiB"; packet_buffers = 4096; arena = "{arena} MiB";
    wait = "5 ms"; window = 64; socket = "dataplane.sock"; file_prefix = "weir-{os.getpid()}-r";
}};
control = {{ key = "key.pem"; state = "state"; listen = "127.0.0.1:9347"; }};
""")

    def launch(self):
        return self.network.namespace.start([netlab.program("weir-dataplane"), "--config", self.config],
                                            name="dataplane")

    def start(self, event, dimension):
        self.process = self.launch()
        self.control = Control(self.socket, event, dimension, PATIENCE)
        return self.control

    def kill(self):
        assert self.process.returncode is None, self.process.tail()
        self.process.kill()

    def files(self):
        return glob.glob(f"/dev/shm/weir-{os.getpid()}-r.memory-*")

    def counter(self, name):
        return counters.total(self.socket)[name]


class Sender:
    """One client: its keys and its vector, on its way to the appliance."""

    def __init__(self, appliance, event, index, dimension, source):
        self.appliance, self.index = appliance, index
        self.weight = source.randrange(1, 1001)
        self.vector = [source.randrange(MODULUS) for _ in range(dimension)]
        self.keys = os.urandom(32), os.urandom(32)
        self.chunks = weir_packets.chunks_of(self.vector, CHUNK, 4)
        self.session = weir_packets.Session(*self.keys, event, index, os.urandom(8))
        self.result = self.thread = None

    def entry(self):
        return self.index, self.weight, *self.keys

    def connect(self):
        address = ipaddress.ip_address(self.appliance.network.data_address)
        with self.appliance.star.clients.entered():
            return weir_packets.Upload(self.session, (address, 9347), self.chunks, patience=PATIENCE)

    def upload(self):
        upload = self.connect()
        try:
            self.result = upload.run()
        finally:
            upload.close()

    def start(self):
        self.thread = threading.Thread(target=self.upload, daemon=True)
        self.thread.start()

    def finish(self):
        self.thread.join(4 * PATIENCE)
        assert self.result is not None and self.result >= weir_packets.COMPLETE, (self.index, self.result)
