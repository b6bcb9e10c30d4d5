#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 600 s
"""A dataplane is killed while clients send, in the middle of a commit, before and after SEAL; it starts again,
is told the same things once more, clients send what is missing, and the sum is the sum of the integers. With
another configuration, or beside a running one, it refuses. Without its memory the clients send again, and what
was sealed comes back from a file."""

import errno
import os
import random
import struct
import time

import lab_path  # noqa: F401
import netlab
import weir_packets
from dataplane_control import CLIENT_ABORT, CLIENT_ADMIT, EVENT_CLOSE, FREEZE, ROLLBACK, SEAL, Control, Refused
from restartable_dataplane import ARENA, CHUNK, M31, PATIENCE, Appliance, Sender, weighted_sum

EVENT, DIMENSION, SLOTS = 5, 1_000_003, 4


class Story:
    """The event of the first part: its clients, and the commands that bring a dataplane up to date."""

    def __init__(self, appliance):
        source = random.Random(4)
        self.appliance = appliance
        self.senders = [Sender(appliance, EVENT, i, DIMENSION, source) for i in range(6)]
        self.digests = [bytes([batch]) * 32 for batch in range(20)]
        self.control = appliance.start(EVENT, DIMENSION)
        self.open()
        self.add()

    def open(self):
        self.control.open(M31, CHUNK, len(self.senders), SLOTS, window=64)

    def add(self):
        self.control.add([sender.entry() for sender in self.senders])

    def admit(self, clients):
        self.control.list(CLIENT_ADMIT, clients)

    def restart(self):
        self.appliance.kill()
        self.control = self.appliance.start(EVENT, DIMENSION)
        self.open()

    def after(self, end):
        """What COMMIT says when clients 0 .. end - 1 are in the sum."""
        return end, sum(sender.weight for sender in self.senders[:end])

    def commit(self, batch, first, end):
        return self.control.commit(batch, range(first, end), *self.after(end), self.digests[batch])

    def start_commit(self, batch, first, end):
        self.control.start_commit(batch, range(first, end), *self.after(end), self.digests[batch])

    def check(self, batch, end):
        """The accumulator holds the batch, which is clients 0 .. end - 1."""
        expected = weighted_sum([(s.weight, s.vector) for s in self.senders[:end]])
        count, weight, held, digest, elements = self.control.accumulator()
        assert (count, weight, held, digest) == (*self.after(end), batch, self.digests[batch])
        assert elements == expected, f"batch {batch} is not the sum"

    def states(self):
        return [self.control.state(i) for i in range(len(self.senders))]

    def refused(self, kind, batch, status):
        try:
            self.control.batch(kind, batch)
        except Refused as error:
            assert error.status == -status, error
        else:
            raise AssertionError(f"command {kind} of batch {batch} was carried out")


def answers(sender, question):
    """Whether the dataplane answers one question within a second."""
    upload = sender.connect()
    try:
        upload.send(question)
        until = time.monotonic() + 1
        while (left := until - time.monotonic()) > 0:
            if upload.receive(left):
                return True
        return False
    finally:
        upload.close()


def killed_while_staging(story):
    sender, control = story.senders[0], story.control
    story.admit([0])
    upload = sender.connect()
    half = len(sender.chunks) // 2
    for chunk in range(half):  # in windows, as everything that arrives shall be there
        upload.send(sender.session.share(chunk, sender.chunks[chunk]))
        if chunk % 64 == 63 or chunk == half - 1:
            netlab.wait_until(lambda: control.received(0) == chunk + 1, PATIENCE, f"chunk {chunk}",
                              interval=0.001)
    upload.close()
    story.restart()
    control = story.control
    assert story.states() == [weir_packets.ADMITTED] + [weir_packets.JOINED] * 5
    assert control.received(0) == half, control.received(0)
    assert not answers(sender, sender.session.query(0)[1]), "answered without the client's keys"
    story.add()
    story.admit([0])
    assert control.received(0) == half
    sender.upload()
    assert sender.result == weir_packets.COMPLETE
    staged = story.appliance.counter("shares_staged")  # of this start; takes the link
    assert staged == len(sender.chunks) - half, f"{staged} chunks came again, {len(sender.chunks) - half} lacked"
    story.control = Control(story.appliance.socket, EVENT, DIMENSION)


def killed_while_committing(story):
    """Until one kill has come between the COMMIT and its end; those that came later are rolled back."""
    for client in (1, 2, 3):
        story.admit([client])
        story.senders[client].upload()
    assert story.states()[:4] == [weir_packets.COMPLETE] * 4
    for batch in range(1, 12):
        story.start_commit(batch, 0, 4)
        story.restart()
        held, opened, sealed = story.control.batches()
        assert sealed == 0 and opened == held, (held, opened, sealed)
        story.add()
        if held == 0:
            assert story.states()[:4] == [weir_packets.COMPLETE] * 4
            break
        assert held == batch and story.states()[:4] == [weir_packets.COMMITTED] * 4
        story.control.batch(ROLLBACK, batch)
    else:
        raise AssertionError("no kill came while a batch was computed")
    assert story.commit(batch, 0, 4) == 0
    story.check(batch, 4)
    return batch


def killed_between_committed_and_seal(story, batch):
    story.restart()
    assert story.control.batches() == (batch, batch, 0)
    story.add()
    assert story.commit(batch, 0, 4) == 0
    story.check(batch, 4)
    story.control.batch(ROLLBACK, batch)
    assert story.control.accumulator()[0] == 0 and not any(story.control.accumulator()[4])
    story.restart()
    story.add()
    try:
        story.commit(batch, 0, 4)
        raise AssertionError("a number that was rolled back was taken again")
    except Refused as error:
        assert error.status == -errno.ESTALE, error
    batch += 1
    assert story.commit(batch, 0, 4) == 0
    story.restart()
    story.control.batch(SEAL, batch)  # before any client has its keys back
    assert story.states()[:4] == [weir_packets.SEALED] * 4
    story.check(batch, 4)
    story.add()
    return batch


def killed_after_seal(story, batch):
    story.restart()
    story.add()
    assert story.control.batches() == (batch, 0, batch)
    story.admit(range(4))
    story.control.batch(SEAL, batch)
    story.refused(ROLLBACK, batch, errno.ESTALE)
    assert story.commit(batch, 0, 4) == 0
    story.check(batch, 4)
    story.admit([4, 5])  # the slots of the sealed are free


def stopped_with_the_event_open(story, batch):
    assert story.appliance.process.stop(PATIENCE) == 0, story.appliance.process.tail()
    path, = story.appliance.files()
    status = os.stat(path)
    assert status.st_mode & 0o7777 == 0o600 and status.st_blocks * 512 >= status.st_size
    story.control = story.appliance.start(EVENT, DIMENSION)
    story.open()
    story.add()
    story.check(batch, 4)


def refuses_what_is_not_its_own(story):
    appliance = story.appliance
    second = appliance.launch()
    assert second.wait(PATIENCE) == 1 and "in use by another weir-dataplane" in second.output(), second.tail()
    appliance.kill()
    appliance.write_config(arena=ARENA + 2)
    other = appliance.launch()
    assert other.wait(PATIENCE) == 1 and "holds events of other settings" in other.output(), other.tail()
    appliance.write_config()
    path, = appliance.files()
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(struct.pack("<I", 99))
        file.flush()
        stranger = appliance.launch()
        assert stranger.wait(PATIENCE) == 1 and "another version" in stranger.output(), stranger.tail()
        file.seek(8)
        file.write(struct.pack("<I", 1))
    story.control = appliance.start(EVENT, DIMENSION)
    story.open()
    story.add()


def without_its_memory(story, batch):
    """The file is gone: the sealed batch comes back from another, the last clients send everything again."""
    story.senders[4].upload()
    snapshot = os.path.join(story.appliance.lab.directory, "snapshot")
    count, weight, _, digest, elements = story.control.accumulator()
    with open(snapshot, "wb") as file:
        file.write(b"header" + struct.pack(f"<{DIMENSION}I", *elements))
    story.appliance.kill()
    path, = story.appliance.files()
    os.unlink(path)
    story.control = story.appliance.start(EVENT, DIMENSION)
    story.open()
    story.add()
    assert story.states() == [weir_packets.JOINED] * 6
    story.refused(SEAL, batch, errno.ESTALE)
    assert story.commit(batch + 1, 4, 6) == -errno.ENODATA
    with open(snapshot, "rb") as file:
        for _ in range(2):
            story.control.restore(batch, count, weight, digest, file.fileno(), 6)
    story.check(batch, 4)
    story.control.batch(SEAL, batch)
    story.admit([4, 5])
    for sender in story.senders[4:]:
        sender.upload()
    assert story.commit(batch + 1, 4, 6) == 0
    story.check(batch + 1, 6)
    story.control.batch(SEAL, batch + 1)
    story.control.list(CLIENT_ABORT, range(4))  # told of those that were sealed elsewhere, or not
    story.control.batch(FREEZE, 0)
    story.restart()
    story.add()
    story.control.batch(FREEZE, 0)
    story.check(batch + 1, 6)


def main(lab):
    appliance = Appliance(lab)
    story = Story(appliance)
    killed_while_staging(story)
    batch = killed_while_committing(story)
    batch = killed_between_committed_and_seal(story, batch)
    killed_after_seal(story, batch)
    stopped_with_the_event_open(story, batch)
    refuses_what_is_not_its_own(story)
    without_its_memory(story, batch)
    story.control.batch(EVENT_CLOSE, 0)
    assert appliance.process.stop(PATIENCE) == 0, appliance.process.tail()
    assert not appliance.files(), "the memory is left behind without an event in it"


with netlab.Lab() as the_lab:
    started = time.monotonic()
    main(the_lab)
    print(f"every moment: {time.monotonic() - started:.1f} s")
