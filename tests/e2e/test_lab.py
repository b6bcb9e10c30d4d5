#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""The tests' own network: it is what tools/lab/topology.py says, two can be had at once, and nothing
of it is left, however the program that made it ends."""

import os
import signal
import socket
import subprocess
import sys
import time

import lab_path  # noqa: F401
import netlab
import topology

STUBBORN = ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "print('started', flush=True); time.sleep(600)")


def victim(how):
    """A program that builds a network with links and processes, and then ends as it is told."""
    with netlab.Lab() as lab:
        print(lab.directory, flush=True)
        star = topology.Star(lab, 2, link="--both loss=1%", control_link="--both delay=1ms")
        star.clients.start(["sleep", "601"], name="sleeper")
        if how == "raise":
            stubborn = star.clients.start([sys.executable, "-c", STUBBORN], name="stubborn")
            stubborn.wait_for_log("started")
        print("built", flush=True)
        if how == "raise":
            raise ValueError("in the middle")
        if how == "exit":
            sys.exit(5)
        star.clients.run(["sleep", "602"], timeout=60)


def start_victim(how="sleep"):
    environment = {key: value for key, value in os.environ.items() if key != "WEIR_LOG_DIR"}
    return subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), how], text=True,
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def namespaces_of(pid):
    directory = netlab.NETNS_DIRECTORY
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return [name for name in names if name.startswith(f"weir-{pid}-")]


def children_of(pid):
    """The processes whose parent it is."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(entry))
    return found


def assert_gone(victim_process, directory, children):
    pid = victim_process.pid
    assert not namespaces_of(pid), f"left namespaces {namespaces_of(pid)}"
    assert not directory or not os.path.exists(directory), f"left {directory}"
    for child in children:
        assert not os.path.exists(f"/proc/{child}"), f"left process {child}"


def expect_end(process, number=None, status=None):
    """Waits for the victim's end, and returns what it said. number: a signal to send first."""
    directory = process.stdout.readline().strip()
    assert process.stdout.readline() == "built\n", process.stderr.read()
    assert len(namespaces_of(process.pid)) == 7
    children = children_of(process.pid)
    assert len(children) >= 5, children
    if number:
        # In the middle of run() too, which has started its command by then.
        netlab.wait_until(lambda: len(children_of(process.pid)) == 6, 5, "the command in run()")
        children = children_of(process.pid)
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status, (process.returncode, errors)
    assert_gone(process, directory, children)
    return errors


def ends_leave_nothing():
    errors = expect_end(start_victim("raise"), status=1)
    assert "in the middle" in errors and "--- stubborn" in errors, errors
    expect_end(start_victim("exit"), status=5)
    for number in netlab.STOP_SIGNALS:
        expect_end(start_victim(), number, 128 + number)


def signals_while_building():
    """SIGTERM at moments spread over the time in which the network is made."""
    for step in range(16):
        process = start_victim()
        directory = process.stdout.readline().strip()
        time.sleep(step * 0.04)
        process.terminate()
        time.sleep(step % 3 * 0.01)
        process.send_signal(signal.SIGINT)  # a second one must not stop the cleaning
        _, errors = process.communicate(timeout=30)
        # The second may come when all is clean already, and end Python in its own ways.
        assert process.returncode in (143, 130, -2, 1), (process.returncode, errors)
        assert_gone(process, directory, [])


def sigkill_is_swept_up():
    process = start_victim()
    directory = process.stdout.readline().strip()
    assert process.stdout.readline() == "built\n"
    children = children_of(process.pid)
    process.kill()  # perhaps in the middle of starting one more
    process.communicate()
    netlab.wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), 5,
                      "the children's end")
    assert namespaces_of(process.pid)
    with netlab.Lab():
        assert not namespaces_of(process.pid), "the next lab did not sweep"
    assert not os.path.exists(directory), "the next lab left the directory"


def addresses_and_roads(lab):
    star = topology.Star(lab, 3)
    first, last = star.aggregators[0], star.aggregators[2]
    ping = ["ping", "-c", "1", "-W", "5"]
    first.namespace.run([*ping, last.control_address], timeout=10)
    star.clients.run([*ping, first.control_address], timeout=10)

    # IPv6 addresses are usable at once, and nobody but a dataplane answers on the data interface.
    with star.clients.entered():
        for family, own in ((socket.AF_INET, first.client_data_address),
                            (socket.AF_INET6, first.client_data_address6)):
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                udp.bind((own, 0))
    shown = first.namespace.run(["ip", "-brief", "address", "show", "dev", "data"], 5).stdout
    assert "10." not in shown and ":" not in shown.split("UP", 1)[1], shown
    for address in (first.data_address, first.data_address6):
        done = star.clients.run(["ping", "-c", "1", "-W", "1", address], 10, check=False)
        assert done.returncode != 0, f"the kernel answered for {address}"

    shown = star.clients.run(["ethtool", "-k", "data-0"], 5).stdout
    for feature in ("tx-checksumming", "generic-segmentation-offload", "tcp-segmentation-offload",
                    "tx-udp-segmentation"):
        assert f"{feature}: off" in shown, feature


def two_at_once():
    processes = [start_victim(), start_victim()]
    for process in processes:
        expect_end(process, signal.SIGTERM, 128 + signal.SIGTERM)


if len(sys.argv) > 1:
    victim(sys.argv[1])
else:
    with netlab.Lab() as the_lab:
        addresses_and_roads(the_lab)
    for story in (ends_leave_nothing, signals_while_building, sigkill_is_swept_up, two_at_once):
        started = time.monotonic()
        story()
        print(f"{story.__name__}: {time.monotonic() - started:.1f} s", flush=True)
