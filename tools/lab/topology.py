# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""The network of the tests and the demo: aggregators around one namespace of clients.

    clients namespace                                 namespace of aggregator i
      data-i  10.77.i.1/24  fd77:i::1/64  ----  data   no kernel address: the dataplane owns
                                                       10.77.i.2 and fd77:i::2
      ctl-i   10.78.i.1/24                ----  ctl    10.78.i.2/24, default route to 10.78.i.1

The clients' namespace forwards, so that aggregators reach each other's control address. With
link="--both loss=5% ...", each data pair is cut in two and joined by a weir-link process in a
namespace of its own, side a being the clients'; control_link does the same to the control pairs.

With bottleneck="--both rate=100mbit,...", the data pairs end in a router's namespace instead, and what
all clients send to all aggregators crosses one weir-link before it (IPv4 only):

    clients  up 10.76.0.1/24  --- weir-link ---  down 10.76.0.2/24  router  data-i ...
"""

import json
import os
import socket

import netlab


class Link:
    """A running weir-link. Side a is the clients', side b the aggregator's."""

    def __init__(self, lab, process, control):
        self.process = process
        self._lab, self._control = lab, control
        self._asked = 0

    def command(self, text):
        """Changes the link at once: command("both cut"), command("a-to-b loss=20%")."""
        answer = self._ask(text)
        if answer != "ok":
            raise netlab.LabError(f"weir-link: '{text}': {answer}")

    def stats(self):
        """The counters: {"seed": ..., "a_to_b": {"received": ...}, "b_to_a": {...}}."""
        return json.loads(self._ask("stats"))

    def stop(self):
        """Ends the link and returns its last counters."""
        status = self.process.stop()
        if status != 0:
            raise netlab.LabError(f"weir-link ended with status {status}:\n{self.process.tail()}")
        return json.loads(self.process.output().splitlines()[-1])

    def _ask(self, text):
        self._asked += 1
        own = f"{self._control}.{self._asked}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker:
            asker.bind(own)
            try:
                asker.settimeout(10)
                asker.sendto(text.encode(), self._control)
                return asker.recv(65536).decode()
            finally:
                os.unlink(own)


def start_link(namespace, name, side_a, side_b, options, environment=None):
    """Joins two interfaces of a namespace. options are weir-link's, as a string or a list."""
    control = os.path.join(namespace.lab.directory, f"{name}.sock")
    words = options.split() if isinstance(options, str) else list(options)
    process = namespace.start([netlab.program("weir-link"), "--a", side_a, "--b", side_b,
                               "--control", control, *words], name=name)
    process.wait_for_log("ready")
    return Link(namespace.lab, process, control)


def link_namespace(lab, label):
    """A namespace that is nothing but a cable: its kernel adds no traffic of its own."""
    namespace = lab.namespace(label)
    for scope in ("all", "default"):
        namespace.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
    return namespace


def join(left, left_name, right, right_name, mtu=1500, link=None, label=None):
    """A veth pair, or two joined by a weir-link when link gives its options. Returns the Link or
    None. label names the link's namespace and log."""
    if link is None:
        netlab.veth(left, left_name, right, right_name, mtu)
        return None
    middle = link_namespace(left.lab, label)
    netlab.veth(left, left_name, middle, "a", mtu)
    netlab.veth(middle, "b", right, right_name, mtu)
    middle.ip("link set dev a arp off", "link set dev b arp off")
    return start_link(middle, f"link-{label}", "a", "b", link)


class Aggregator:
    """The namespace and addresses of one aggregator; its programs are the caller's affair."""

    def __init__(self, lab, index):
        self.index = index
        self.namespace = lab.namespace(f"a{index}")
        self.data_interface, self.control_interface = "data", "ctl"
        self.data_address, self.data_address6 = f"10.77.{index}.2", f"fd77:{index:x}::2"
        self.data_prefix, self.data_prefix6 = f"10.77.{index}.0/24", f"fd77:{index:x}::/64"
        self.control_address = f"10.78.{index}.2"
        self.client_data_address = f"10.77.{index}.1"
        self.client_data_address6 = f"fd77:{index:x}::1"
        self.client_control_address = f"10.78.{index}.1"
        self.data_link = self.control_link = None


class Star:
    """The whole network: .clients is a Namespace, .aggregators a list of Aggregator."""

    def __init__(self, lab, aggregators=2, link=None, control_link=None, mtu=1500, bottleneck=None):
        """link and control_link: None, the options of weir-link, or a function from an
        aggregator's index to either. bottleneck: None or options."""
        if not 1 <= aggregators <= 250:
            raise netlab.LabError(f"{aggregators} aggregators: the addresses allow 1 to 250")
        self.lab = lab
        self.clients = lab.namespace("clients")
        self.clients.sysctl("ipv4/ip_forward", 1)
        self.router, self.bottleneck = self.clients, None
        if bottleneck is not None:
            self._add_router(bottleneck, mtu)
        self.aggregators = [Aggregator(lab, index) for index in range(aggregators)]
        for aggregator in self.aggregators:
            self._join_data(aggregator, _for(link, aggregator.index), mtu)
            self._join_control(aggregator, _for(control_link, aggregator.index))

    def _add_router(self, bottleneck, mtu):
        self.router = self.lab.namespace("router")
        self.router.sysctl("ipv4/ip_forward", 1)
        self.bottleneck = join(self.clients, "up", self.router, "down", mtu, bottleneck, "bottleneck")
        self.clients.add_address("up", "10.76.0.1/24")
        self.router.add_address("down", "10.76.0.2/24")
        self.clients.ip("route add 10.77.0.0/16 via 10.76.0.2")

    def _join_data(self, aggregator, link, mtu):
        here, there = f"data-{aggregator.index}", aggregator.data_interface
        aggregator.data_link = join(self.router, here, aggregator.namespace, there, mtu, link,
                                    f"d{aggregator.index}")
        self.router.add_address(here, f"{aggregator.client_data_address}/24")
        self.router.add_address(here, f"{aggregator.client_data_address6}/64")
        # The dataplane answers ARP, neighbour discovery and ping there, and nobody else.
        aggregator.namespace.sysctl(f"ipv6/conf/{there}/disable_ipv6", 1)
        aggregator.namespace.ip(f"link set dev {there} arp off", f"address flush dev {there}")

    def _join_control(self, aggregator, link):
        here, there = f"ctl-{aggregator.index}", aggregator.control_interface
        aggregator.control_link = join(self.clients, here, aggregator.namespace, there, 1500, link,
                                       f"c{aggregator.index}")
        self.clients.add_address(here, f"{aggregator.client_control_address}/24")
        aggregator.namespace.add_address(there, f"{aggregator.control_address}/24")
        aggregator.namespace.ip(f"route add default via {aggregator.client_control_address}")

    def command_links(self, text):
        """Says the same to every link: command_links("both cut")."""
        for aggregator in self.aggregators:
            for link in (aggregator.data_link, aggregator.control_link):
                if link:
                    link.command(text)


def _for(option, index):
    return option(index) if callable(option) else option
