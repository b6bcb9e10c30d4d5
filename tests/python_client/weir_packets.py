# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""The share protocol of dataplane/README.md, a client's side: splitting a vector, the keys, the
packets, and the upload to one aggregator."""

import secrets
import socket
import struct
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

REQUEST, GRANT, SHARE, PARITY, QUERY, STATE = range(1, 7)
JOINED, REQUESTED, ADMITTED, COMPLETE, COMMITTED, SEALED, ABORTED = range(1, 8)
TO_AGGREGATOR, TO_CLIENT = 1, 2
HEADER = struct.Struct("<BBHIII8s")
CONTROL_BYTES = {REQUEST: 32, GRANT: 32, QUERY: 160, STATE: 160}
BITMAP_CHUNKS, BITMAP_STEP = 1024, 64
FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0


# --- shares

def uniform(modulus, count):
    """Exactly uniform elements: as many bits as the largest has, drawn again if out of range."""
    size, code = (4, "I") if modulus <= 2**32 else (8, "Q")
    mask = 2 ** (modulus - 1).bit_length() - 1
    found = []
    while len(found) < count:
        want = count - len(found)
        words = struct.unpack(f"<{want}{code}", secrets.token_bytes(want * size))
        found += [word & mask for word in words if word & mask < modulus]
    return found


def split(elements, modulus, shares):
    """shares vectors that add up to elements; any shares - 1 of them are uniform."""
    masks = [uniform(modulus, len(elements)) for _ in range(shares - 1)]
    rest = [(value - sum(column)) % modulus for value, *column in zip(elements, *masks)]
    return [*masks, rest]


def chunks_of(elements, chunk_elements, element_size):
    """The plaintexts of a share's SHARE packets."""
    code = "I" if element_size == 4 else "Q"
    return [struct.pack(f"<{len(part)}{code}", *part)
            for part in (elements[i:i + chunk_elements]
                         for i in range(0, len(elements), chunk_elements))]


# --- keys and packets

def derive_key(private, peer, event_digest, direction, client, aggregator):
    """peer: 32 bytes; client and aggregator: raw identities."""
    secret = private.exchange(X25519PublicKey.from_public_bytes(peer))  # refuses all-zero
    info = b"weir share v1" + bytes([direction]) + client + aggregator
    return HKDF(SHA256(), 32, event_digest, info).derive(secret)


def seal(key, packet_type, event, client, chunk, nonce, plaintext, version=1, flags=0, repeat=None):
    """One datagram. The last three are for packets that are wrong on purpose."""
    top = packet_type if repeat is None else repeat
    header = HEADER.pack(version, packet_type, flags, event, client, (top & 15) << 28 | chunk, nonce)
    return header + AESGCM(key).encrypt(header[12:24], plaintext, header)


class Session:
    """One join's packets to and from one aggregator."""

    def __init__(self, key_out, key_in, number, client, share_nonce):
        self.key_out, self.key_in, self.number, self.client = key_out, key_in, number, client
        self.share_nonce, self.nonce, self.counter = share_nonce, secrets.token_bytes(8), 0

    def share(self, chunk, plaintext):
        return seal(self.key_out, SHARE, self.number, self.client, chunk, self.share_nonce,
                    plaintext)

    def question(self, packet_type, plaintext):
        """A REQUEST or QUERY and its message counter."""
        counter, self.counter = self.counter, self.counter + 1
        if self.counter == 2**28:
            self.nonce, self.counter = secrets.token_bytes(8), 0
        return counter, seal(self.key_out, packet_type, self.number, self.client, counter,
                             self.nonce, plaintext)

    def request(self):
        return self.question(REQUEST, bytes(32))

    def query(self, first):
        return self.question(QUERY, struct.pack("<I", first) + bytes(156))

    def open_answer(self, datagram):
        """An Answer, or None for whatever is not one of this aggregator to this client."""
        if len(datagram) < HEADER.size:
            return None
        version, packet_type, flags, event, client, chunk, _ = HEADER.unpack_from(datagram)
        if (version, flags, event, client, chunk >> 28) != (1, 0, self.number, self.client,
                                                            packet_type):
            return None
        if packet_type not in (GRANT, STATE) or len(datagram) != 40 + CONTROL_BYTES[packet_type]:
            return None
        try:
            plaintext = AESGCM(self.key_in).decrypt(datagram[12:24], datagram[24:], datagram[:24])
        except InvalidTag:
            return None
        return Answer(packet_type, plaintext)


class Answer:
    """A GRANT or a STATE."""

    def __init__(self, packet_type, plaintext):
        self.type = packet_type
        if packet_type == GRANT:
            (self.state, self.echo, self.wait_ms, self.window, self.rate,
             self.received) = struct.unpack("<B3xIIIQI4x", plaintext)
        else:
            (self.state, self.echo, self.first, self.received, self.window, self.wait_ms,
             self.rate, self.bitmap) = struct.unpack("<B3xIIIIIQ128s", plaintext)

    def has(self, chunk):
        bit = chunk - self.first
        return self.bitmap[bit // 8] >> bit % 8 & 1


# --- the upload

class UploadError(Exception):
    """This aggregator cannot be given the share; the text says why."""


class Upload:
    """One share on its way to one aggregator."""

    def __init__(self, session, address, plaintexts, patience=60):
        self.session, self.plaintexts, self.patience = session, plaintexts, patience
        self.name = "%s port %d" % address
        family = socket.AF_INET6 if address[0].version == 6 else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.connect((str(address[0]), address[1]))
        self.missing = set(range(len(plaintexts)))
        self.next_send = 0.0

    def close(self):
        self.socket.close()

    def send(self, datagram):
        try:
            self.socket.send(datagram)
        except ConnectionRefusedError:
            pass  # an ICMP error about an earlier datagram; asking again is all there is to do

    def receive(self, timeout):
        self.socket.settimeout(max(timeout, 0.001))
        try:
            return self.session.open_answer(self.socket.recv(65536))
        except (TimeoutError, ConnectionRefusedError):
            return None

    def ask(self, make_question, answer_type):
        """Asks until an answer to this question comes."""
        asked, wait, give_up = set(), FIRST_WAIT, time.monotonic() + self.patience
        while time.monotonic() < give_up:
            counter, datagram = make_question()
            asked.add(counter)
            self.send(datagram)
            until = time.monotonic() + wait
            while (left := until - time.monotonic()) > 0:
                answer = self.receive(left)
                if answer and answer.type == answer_type and answer.echo in asked:
                    return answer
            wait = min(2 * wait, LONGEST_WAIT)
        raise UploadError(f"no answer for {self.patience} s")

    def run(self):
        """Until every chunk has been received; returns the state, COMPLETE or later."""
        while True:
            grant = self.ask(self.session.request, GRANT)
            if grant.state >= COMPLETE:
                break
            if grant.wait_ms:
                time.sleep(grant.wait_ms / 1000)
                continue
            if (state := self.fill(grant)) >= COMPLETE:
                return self._checked(state)
        return self._checked(grant.state)

    def _checked(self, state):
        if state == ABORTED:
            raise UploadError("the join was aborted")
        return state

    def fill(self, limits):
        """Sends what is missing, a window at a time, until the state is no longer ADMITTED."""
        self.missing = set(range(len(self.plaintexts)))
        for first in range(0, len(self.plaintexts) if limits.received else 0, BITMAP_CHUNKS):
            limits = self.look(first)
        while limits.state == ADMITTED:
            sent = sorted(self.missing)[:max(1, limits.window)]
            for chunk in sent:
                self.pace(self.session.share(chunk, self.plaintexts[chunk]), limits.rate)
            while sent and limits.state == ADMITTED:
                first = sent[0] // BITMAP_STEP * BITMAP_STEP
                limits = self.look(first)
                sent = [chunk for chunk in sent if chunk >= first + BITMAP_CHUNKS]
        return limits.state

    def look(self, first):
        state = self.ask(lambda: self.session.query(first), STATE)
        if state.state in (ADMITTED, COMPLETE):
            for chunk in range(first, min(first + BITMAP_CHUNKS, len(self.plaintexts))):
                (self.missing.discard if state.has(chunk) else self.missing.add)(chunk)
        return state

    def pace(self, datagram, rate):
        if rate:
            if (delay := self.next_send - time.monotonic()) > 0:
                time.sleep(delay)
            self.next_send = max(self.next_send, time.monotonic()) + len(datagram) / rate
        self.send(datagram)
