#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""A real weir-dataplane on af_packet ports over veth, without hugepages: it answers for its addresses
as any host does, drops under their names what it should, sleeps when nothing arrives, and leaves
nothing when it stops."""

import glob
import ipaddress
import os
import re
import signal
import socket
import struct
import time

import lab_path  # noqa: F401
import counters
import netlab
import topology

CPUS = sorted(os.sched_getaffinity(0))
PROGRAM = netlab.program("weir-dataplane")


def write_config(lab, name, ports, workers=1, memory="32 MiB", extra=""):
    """A config whose dataplane part is real; the rest only has to be well-formed."""
    path = os.path.join(lab.directory, f"{name}.cfg")
    cpus = ", ".join(str(CPUS[i % len(CPUS)]) for i in range(workers))
    with open(path, "w") as config:
        config.write(f"""dataplane = {{
    ports = ( {", ".join("{ " + port + " }" for port in ports)} );
    workers = [ {cpus} ];
    hugepages = "off";
    packet_memory = "{memory}";
    packet_buffers = 4096;
    arena = "4 MiB";
    max_clients = 1000;
    socket = "{name}.sock";
    file_prefix = "weir-{os.getpid()}-{name}";
{extra}
}};
control = {{ key = "key.pem"; state = "state"; listen = "127.0.0.1:9347"; }};
""")
    return path


def device(interface="data", queues=1, more=""):
    qpairs = f",qpairs={queues}" if queues > 1 else ""
    return f'device = "net_af_packet0,iface={interface}{qpairs}{more}";'


def port_of(aggregator, queues=1, more=""):
    return (f'{device(aggregator.data_interface, queues, more)} ipv4 = "{aggregator.data_address}"; '
            f'ipv6 = "{aggregator.data_address6}";')


def start(lab, aggregator, name, ports, **options):
    config = write_config(lab, name, ports, **options)
    process = aggregator.namespace.start([PROGRAM, "--config", config], name=f"dataplane-{name}")
    process.wait_for_log("running")
    process.socket = config.replace(".cfg", ".sock")
    netlab.wait_until(lambda: os.path.exists(process.socket), 5, process.socket)
    return process


def stop(process):
    status = process.stop()
    assert status == 0, f"SIGTERM was answered with status {status}:\n{process.tail()}"
    assert not os.path.exists(process.socket), "the control link's socket is left"


def ping(namespace, address, *options, count=3, answered=True):
    # -W would give late answers two round trips once there has been one; -w waits, and asks on.
    wait = ["-w", "5"] if answered else ["-W", "1"]
    done = namespace.run(["ping", "-n", "-c", str(count), "-i", "0.01", *wait, *options, address],
                         timeout=30, check=False)
    received = int(re.search(r"(\d+) received", done.stdout)[1])
    assert received == (count if answered else 0), done.stdout + done.stderr


def answers_for_its_addresses(lab):
    """Two queues, two workers: ping of every size, ARP and neighbour discovery, both address families."""
    star = topology.Star(lab, 1)
    aggregator = star.aggregators[0]
    dataplane = start(lab, aggregator, "answers", [port_of(aggregator, queues=2)], workers=2)
    for address in (aggregator.data_address, aggregator.data_address6):
        # The payload is compared by ping itself, from the smallest to the largest that fits.
        largest = 1500 - 8 - (40 if ":" in address else 20)
        for size in (0, 1, 56, 57, 999, 1450, largest):
            ping(star.clients, address, "-s", str(size), "-M", "do")
    shown = star.clients.run(["ip", "neigh", "show", "dev", "data-0"], 5).stdout
    own = aggregator.namespace.run(["ip", "link", "show", "dev", "data"], 5).stdout
    mac = re.search(r"link/ether (\S+)", own)[1]
    for address in (aggregator.data_address, aggregator.data_address6):
        assert f"{ipaddress.ip_address(address)} lladdr {mac}" in shown, (mac, shown)

    counted = counters.total(dataplane.socket)
    assert counted["echo_replies"] == 2 * 7 * 3, counted
    assert counted["arp_replies"] >= 1 and counted["nd_replies"] >= 1, counted
    stop(dataplane)


def flows_reach_both_workers(lab):
    """The kernel spreads flows over the queues; each worker drops its part under the right name."""
    star = topology.Star(lab, 1)
    aggregator = star.aggregators[0]
    dataplane = start(lab, aggregator, "flows", [port_of(aggregator, queues=2)], workers=2)
    with star.clients.entered():
        for i in range(64):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"\x01\x03" + bytes(60), (aggregator.data_address, 9347))
                sender.sendto(b"short", (aggregator.data_address, 9347))
                sender.sendto(b"elsewhere", (aggregator.data_address, 9348))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.sendto(bytes(3000), (aggregator.data_address6, 9347))  # fragments
    expected = {"drop_packet_type": 64, "drop_packet_short": 64, "drop_udp_port": 64,
                "drop_ip_fragment": 3}

    def counted():
        total = counters.total(dataplane.socket)
        return {name: total[name] for name in expected}
    netlab.wait_until(lambda: counted() == expected, 5, f"{expected}, but there is {counted()}")
    each = [worker["rx_packets"] for worker in counters.read(dataplane.socket)]
    print(f"  frames received by each worker: {each}")
    assert min(each) > 20, each
    ping(star.clients, aggregator.data_address)
    stop(dataplane)


def internet_checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def vlan_port_answers_in_its_vlan(lab):
    """With frames made by hand: not every kernel has VLAN interfaces."""
    star = topology.Star(lab, 1)
    aggregator = star.aggregators[0]
    port = device() + ' ipv4 = "10.79.0.2"; vlan = 42;'
    dataplane = start(lab, aggregator, "vlan", [port])
    peer, broadcast = bytes.fromhex("02000000aa01"), b"\xff" * 6
    here, there = socket.inet_aton("10.79.0.1"), socket.inet_aton("10.79.0.2")
    packet, auxdata, everything, arp, ip = 263, 8, 3, 0x806, 0x800  # SOL_PACKET, PACKET_AUXDATA
    with star.clients.entered():
        cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(everything))
    cable.setsockopt(packet, auxdata, 1)
    cable.bind(("data-0", everything))

    def ask(to, tag, kind, content):
        """Sends a frame and returns the reply (from, tag, kind, content), or None after 0.3 s."""
        tagged = struct.pack("!HH", 0x8100, tag) if tag else b""
        cable.send(to + peer + tagged + struct.pack("!H", kind) + content)
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            cable.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                frame, ancillary, _, _ = cable.recvmsg(2048, 256)
            except TimeoutError:
                return None
            if frame[:6] == peer:
                status, _, _, _, _, back, _ = struct.unpack("=IIIHHHH", ancillary[0][2])
                kind = struct.unpack("!H", frame[12:14])[0]
                return frame[6:12], back if status & 0x10 else 0, kind, frame[14:]
        return None

    question = struct.pack("!HHBBH6s4s6s4s", 1, ip, 6, 4, 1, peer, here, bytes(6), there)
    mac, tag, kind, content = ask(broadcast, 42, arp, question)
    assert (tag, kind) == (42, arp), (tag, kind)
    assert content[:28] == struct.pack("!HHBBH6s4s6s4s", 1, ip, 6, 4, 2, mac, there, peer, here)

    echo = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + bytes(range(200))
    echo = echo[:2] + struct.pack("!H", internet_checksum(echo)) + echo[4:]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(echo), 1, 0, 9, 1, 0, here, there)
    header = header[:10] + struct.pack("!H", internet_checksum(header)) + header[12:]
    back, tag, kind, content = ask(mac, 42, ip, header + echo)
    assert (back, tag, kind) == (mac, 42, ip), (back, tag, kind)
    assert content[12:20] == there + here and content[20] == 0 and content[28:] == echo[8:]
    assert internet_checksum(content[:20]) == internet_checksum(content[20:]) == 0
    assert ask(mac, 0x6000 | 42, ip, header + echo), "priority is not part of the tag"

    for tag in (43, 0):
        assert ask(broadcast, tag, arp, question) is None
        assert ask(mac, tag, ip, header + echo) is None
    assert counters.total(dataplane.socket)["drop_vlan"] >= 4
    cable.close()
    stop(dataplane)


def jumbo_frames_pass(lab):
    star = topology.Star(lab, 1, mtu=9000)
    aggregator = star.aggregators[0]
    port = port_of(aggregator, more=",framesz=9216,blocksz=36864,framecnt=256") + " mtu = 9000;"
    dataplane = start(lab, aggregator, "jumbo", [port], memory="64 MiB")
    ping(star.clients, aggregator.data_address, "-s", "8972", "-M", "do")
    ping(star.clients, aggregator.data_address6, "-s", "8952", "-M", "do")
    stop(dataplane)


def idle_gives_the_core_back(lab):
    """Seconds of CPU used in three seconds without a packet, by two workers."""
    star = topology.Star(lab, 1)
    aggregator = star.aggregators[0]

    def ticks(process):
        with open(f"/proc/{process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    dataplane = start(lab, aggregator, "idle", [port_of(aggregator, queues=2)], workers=2)
    time.sleep(0.5)
    before, sleeps = ticks(dataplane), counters.total(dataplane.socket)["idle_sleeps"]
    time.sleep(3)
    used = (ticks(dataplane) - before) / os.sysconf("SC_CLK_TCK") / 3
    sleeps = counters.total(dataplane.socket)["idle_sleeps"] - sleeps
    print(f"  idle: {100 * used:.0f} % of a core for two workers, {sleeps / 3:.0f} sleeps a second")
    assert sleeps > 100
    stop(dataplane)


def several_share_a_machine(lab):
    """Three dataplanes of one CPU; one is killed and comes back, one is stopped; the others go on."""
    star = topology.Star(lab, 3)
    before = leftovers()
    dataplanes = [start(lab, aggregator, f"shared{aggregator.index}", [port_of(aggregator)])
                  for aggregator in star.aggregators]
    for aggregator in star.aggregators:
        ping(star.clients, aggregator.data_address)
    dataplanes[0].kill()
    stop(dataplanes[1])
    for index in (0, 1):
        aggregator = star.aggregators[index]
        dataplanes[index] = start(lab, aggregator, f"shared{index}", [port_of(aggregator)])
    for aggregator in star.aggregators:
        ping(star.clients, aggregator.data_address)
    dataplanes[2].signal(signal.SIGINT)
    assert dataplanes[2].wait(5) == 0
    for dataplane in dataplanes[:2]:
        stop(dataplane)
    assert leftovers() == before, f"left {leftovers() - before}"


def leftovers():
    """What EAL and its drivers might leave."""
    patterns = ("/run/weir*", "/run/dpdk*", "/tmp/weir-eal*", "/tmp/dpdk*", "/dev/hugepages/*")
    return {path for pattern in patterns for path in glob.glob(pattern)}


def refusals_say_what_to_do(lab):
    host = lab.namespace("refusals")

    def expect(status, words, *args):
        done = host.run([PROGRAM, *args], 20, check=False)
        said = done.stderr.strip()
        assert done.returncode == status, (args, done.returncode, said)
        for word in words:
            assert word in said, (word, said)
        return done
    address = 'ipv4 = "192.0.2.1";'
    good = write_config(lab, "good", [device("lo") + address])
    done = expect(0, [], "--config", good, "--check")
    assert "good" in done.stdout, done.stdout
    assert "weir-dataplane" in expect(0, [], "--version").stdout
    assert "--config" in expect(0, [], "--help").stdout
    expect(2, ["--config"])
    expect(2, ["surplus"], "--config", good, "surplus")
    expect(2, ["--nonsense"], "--nonsense")
    expect(2, ["/none.cfg"], "--config", "/none.cfg")
    bad = write_config(lab, "bad", [device("lo") + address], extra="surprise = 3;")
    for more in ([], ["--check"]):
        done = expect(2, ["bad.cfg:11:", "surprise"], "--config", bad, *more)
        assert done.stderr.count("\n") == 1, done.stderr
    absent = write_config(lab, "absent", [device("absent0") + address])
    expect(1, ["net_af_packet0", "absent0"], "--config", absent)
    with open(absent) as config:
        text = config.read()
    with open(absent, "w") as config:
        config.write(text.replace("absent0", "lo").replace("packet_buffers = 4096",
                                                           "packet_buffers = 20000"))
    expect(1, ["packet_memory"], "--config", absent)


for story in (answers_for_its_addresses, flows_reach_both_workers, vlan_port_answers_in_its_vlan,
              jumbo_frames_pass, idle_gives_the_core_back, several_share_a_machine,
              refusals_say_what_to_do):
    with netlab.Lab() as the_lab:
        started = time.monotonic()
        story(the_lab)
        print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)
