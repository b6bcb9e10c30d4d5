# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Makes a schedule's faults happen in a World, and undoes each when it is over. Faults may overlap: a
process runs again once every fault that keeps it away is over."""

import heapq
import itertools
import os

import private_mounts


class Injector:
    """What is still to be done, in order. A pair of functions for each kind: strike and undo."""

    def __init__(self, world, phase_of):
        self.world, self.phase_of = world, phase_of
        self.counts, self.phases = {}, {}
        self.bad_links, self.cut_links = {}, {}
        self._order, self._queue = itertools.count(), []

    def add(self, at, action, *arguments):
        heapq.heappush(self._queue, (at, next(self._order), action, arguments))

    def add_fault(self, at, fault):
        self.add(at, self._strike, at, fault)

    def run_due(self, now):
        while self._queue and self._queue[0][0] <= now:
            _, _, action, arguments = heapq.heappop(self._queue)
            action(*arguments)

    @property
    def pending(self):
        return len(self._queue)

    def _strike(self, at, fault):
        strike, undo = self.kinds()[fault.kind]
        self.world.say(f"{fault.kind} {fault.target} {fault.detail}")
        self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
        strike(fault)
        if undo:
            self.add(at + fault.length, self._undo, undo, fault)

    def _undo(self, undo, fault):
        self.world.say(f"{fault.kind} {fault.target} is over")
        undo(fault)

    def kinds(self):
        return {
            "kill-control": (self._kill, self._release), "kill-dataplane": (self._kill, self._release),
            "kill-appliance": (self._kill, self._release), "kill-client": (self._kill, self._release),
            "lose-memory": (self._lose_memory, self._release), "client-dies": (self._die, None),
            "stop-control": (self._stop, self._go_on), "stop-dataplane": (self._stop, self._go_on),
            "stop-client": (self._stop, self._go_on),
            "cut-data": (self._cut, self._heal), "cut-control": (self._cut, self._heal),
            "bad-data": (self._spoil, self._clear), "bad-control": (self._spoil, self._clear),
            "step-clock": (self._step, self._step_back), "step-client-clock": (self._step, self._step_back),
            "fill-disk": (self._fill, self._free), "fill-client-disk": (self._fill, self._free),
        }

    def _struck(self, fault):
        """The processes that the fault is about."""
        world = self.world
        if fault.target.startswith("c"):
            return [world.clients[fault.index]]
        control, dataplane = world.controls[fault.index], world.dataplanes[fault.index]
        return {"appliance": [control, dataplane], "memory": [dataplane], "dataplane": [dataplane]
                }.get(fault.kind.split("-")[-1], [control])

    def _kill(self, fault):
        for process in self._struck(fault):
            if process in self.world.clients and process.runs:
                phase = self.phase_of(process)
                self.phases[phase] = self.phases.get(phase, 0) + 1
            process.held += 1
            process.kill()

    def _release(self, fault):
        for process in self._struck(fault):
            process.held -= 1

    def _lose_memory(self, fault):
        """As if the machine had lost power."""
        self._kill(fault)
        folder = self.world.weir.appliances[fault.index].path("memory")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))

    def _die(self, fault):
        self._kill(fault)

    def _stop(self, fault):
        for process in self._struck(fault):
            process.freeze(1)

    def _go_on(self, fault):
        for process in self._struck(fault):
            process.freeze(-1)

    def _link(self, fault):
        network = self.world.weir.appliances[fault.index].network
        return network.data_link if fault.kind.endswith("data") else network.control_link

    def _cut(self, fault):
        link = self._link(fault)
        self.cut_links[link] = self.cut_links.get(link, 0) + 1
        link.command("both cut")

    def _heal(self, fault):
        link = self._link(fault)
        self.cut_links[link] -= 1
        if not self.cut_links[link]:
            link.command("both heal")

    def _spoil(self, fault):
        link = self._link(fault)
        self.bad_links[link] = self.bad_links.get(link, 0) + 1
        link.command(fault.detail)

    def _clear(self, fault):
        link = self._link(fault)
        self.bad_links[link] -= 1
        if self.bad_links[link]:
            return
        link.command("both clear")
        if fault.kind.endswith("data"):
            link.command(f"both {self.world.schedule.rate},queue=1mb")
        if self.cut_links.get(link):
            link.command("both cut")

    def _step(self, fault):
        self._struck(fault)[0].step_clock(int(fault.detail.split()[0]))

    def _step_back(self, fault):
        self._struck(fault)[0].step_clock(0)

    def _disk(self, fault):
        world = self.world
        owner = world.members if fault.target.startswith("c") else world.weir.appliances
        return owner[fault.index].path("state")

    def _fill(self, fault):
        private_mounts.fill(self._disk(fault))

    def _free(self, fault):
        private_mounts.free(self._disk(fault))
