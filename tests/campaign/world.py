# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The processes of one schedule: a Weir in namespaces and its clients, each started again when it was
killed or has ended, as systemd or an impatient user would."""

import contextlib
import os
import signal
import struct
import time

import netlab
from deployment import Deployment
from private_mounts import small_disk

RESTART_AFTER = 0.5  # seconds, of what ended by itself
STATE_SIZE, CLIENT_STATE_SIZE = 24, 8  # MiB of the file systems that faults fill


def clock_library():
    return os.path.join(os.path.dirname(netlab.program("weir-link")), "..", "campaign",
                        "libweir_clock_step.so")


class Supervised:
    """A program that should run. Its wall clock can be stepped. unexpected: how it ended although
    nobody had killed it."""

    def __init__(self, namespace, name, args, directory, say):
        self.say = say
        self.namespace, self.name, self.args = namespace, name, args
        self.wanted, self.held, self.stopped, self.frozen = False, 0, False, 0
        self.process, self.not_before, self.kill_sent = None, 0, 0
        self.unexpected, self.longest_death = [], 0
        self.clock_file = os.path.join(directory, f"clock-{name}")
        self.step_clock(0)
        self.environment = dict(os.environ, LD_PRELOAD=clock_library(), WEIR_CLOCK_FILE=self.clock_file)

    def step_clock(self, seconds):
        mode = "r+b" if os.path.exists(self.clock_file) else "wb"
        with open(self.clock_file, mode) as file:
            file.write(struct.pack("<q", round(seconds * 10**9)))

    @property
    def runs(self):
        return self.process is not None and self.process.returncode is None

    def start(self):
        self.process = self.namespace.start(self.args, self.name, env=self.environment)
        self.kill_sent = 0
        self.say(f"{self.name} starts")

    def kill(self):
        """Does not wait for its death: the kernel may need long for what it had open."""
        if self.runs and not self.kill_sent:
            self.kill_sent = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def freeze(self, more):
        """SIGSTOP while more than one fault, or one, asks for it; then SIGCONT."""
        self.frozen += more
        if self.runs:
            self.process.signal(signal.SIGSTOP if self.frozen else signal.SIGCONT)

    def watch(self, now):
        """Starts it if it should run and does not."""
        if self.process is not None and self.process.returncode is not None:
            self.ended(self.process.returncode, now)
            self.process = None
        if self.process is None and self.wanted and not self.held and now >= self.not_before:
            self.start()

    def ended(self, status, now):
        self.say(f"{self.name} has ended with status {status}")
        if self.kill_sent:
            self.longest_death = max(self.longest_death, now - self.kill_sent)
            return
        self.unexpected.append((round(now, 2), status, self.process.tail(3)))
        self.not_before = now + RESTART_AFTER

    def stop(self, grace):
        """SIGTERM; the exit status, minus a signal's number if it had to be killed."""
        self.wanted = False
        if not self.runs:
            return None
        self.process.signal(signal.SIGTERM)
        try:
            return self.process.wait(grace)
        except netlab.LabError:
            self.say(f"{self.name} does not stop: {_waits_for(self.process.pid)}")
            return self.process.kill()


class SupervisedClient(Supervised):
    """weir submit, again and again until it has its receipts or the event takes nobody any more."""

    def __init__(self, client, index, weight, directory, say):
        super().__init__(client.deployment.star.clients, f"c{index}", [], directory, say)
        self.client, self.index, self.weight, self.done = client, index, weight, False

    def submit_to(self, event):
        self.args = self.client.command("submit", "--event", event, "--input",
                                        self.client.path("vector.csv"), "--weight", self.weight,
                                        "--timeout", "20s")

    def ended(self, status, now):
        super().ended(status, now)
        if status == 0:
            self.done, self.wanted = True, False


class World:
    """All of it, for a Schedule, in a Lab. event is None until it is announced."""

    def __init__(self, lab, schedule, say):
        self.lab, self.schedule, self.event, self.say = lab, schedule, None, say
        settings = {"durability": schedule.durability}
        self.weir = Deployment(
            lab, schedule.aggregators, slots=schedule.slots, arena=16 << 20,
            link=lambda i: f"--both {schedule.rate},queue=1mb --seed {schedule.seed * 100 + i}",
            control_link=lambda i: f"--seed {schedule.seed * 100 + 50 + i}", control=settings)
        self.members = list(self.weir.add_clients(f"c{i}" for i in range(len(schedule.members))))
        self.clients = [SupervisedClient(client, i, member.weight, lab.directory, say)
                        for i, (client, member) in enumerate(zip(self.members, schedule.members))]
        for i, client in enumerate(self.members):
            small_disk(client.path("state"), CLIENT_STATE_SIZE)
            with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
                file.write(",".join(map(str, schedule.vector(i))) + "\n")
        self.controls, self.dataplanes = [], []
        for appliance in self.weir.appliances:
            small_disk(appliance.path("state"), STATE_SIZE)
            os.mkdir(appliance.path("memory"), 0o700)
            self.controls.append(self._supervised(appliance, "control"))
            self.dataplanes.append(self._supervised(appliance, "dataplane"))

    def _supervised(self, appliance, part):
        return Supervised(appliance.namespace, f"{appliance.name}-{part}",
                          [netlab.program(f"weir-{part}"), "--config", appliance.config],
                          self.lab.directory, self.say)

    @property
    def everything(self):
        return [*self.dataplanes, *self.controls, *self.clients]

    def start(self):
        for appliance, dataplane, control in zip(self.weir.appliances, self.dataplanes, self.controls):
            settings = appliance.settings()
            settings["dataplane"]["memory"] = "memory" if self.schedule.memory == "file" else "none"
            appliance.write_config(settings)
            dataplane.wanted = control.wanted = True
            dataplane.start()
            control.start()
            appliance.dataplane, appliance.control = dataplane.process, control.process
        for appliance in self.weir.appliances:
            netlab.wait_until(appliance.is_healthy, 120, f"{appliance.name} to be ready", 0.1)

    def announce(self):
        self.event = self.weir.announce(**self.schedule.terms())
        for client in self.clients:
            client.submit_to(self.event)

    def watch(self):
        now = time.monotonic()
        for supervised in self.everything:
            supervised.watch(now)

    def stop(self, grace=90):
        """Ends what still runs; {name: status} of those that ended otherwise than by 0."""
        statuses = {each.name: each.stop(grace) for each in [*self.clients, *self.controls,
                                                             *self.dataplanes]}
        return {name: status for name, status in statuses.items()
                if status not in (None, 0) and not name.startswith("c")}


def _waits_for(pid):
    """Each thread's place in the kernel."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stack", encoding="utf-8") as file:
            found.append(" < ".join(line.split()[1].split("+")[0] for line in file.read().splitlines()[:6]))
    return "; ".join(found)
