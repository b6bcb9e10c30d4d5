# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Listens to what clients send to the aggregators and holds them to the rule of nonces: under one key, a
nonce never stands before different bytes, and the SHAREs of a join all carry one nonce."""

import hashlib
import socket
import struct
import threading

ETH_P_ALL = 3
SHARE, PORT = 3, 9347
SO_RCVBUFFORCE = 33


class ShareCapture:
    """Captures in a thread, from the start on, what leaves the clients' namespace for each aggregator."""

    def __init__(self, star):
        self._seen, self._nonces, self.violations = {}, {}, []
        self.datagrams = self.repeated = 0
        self._sockets, self._stop = [], threading.Event()
        with star.clients.entered():
            for aggregator in star.aggregators:
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
                sock.bind((f"data-{aggregator.index}", ETH_P_ALL))
                sock.settimeout(0.2)
                self._sockets.append(sock)
        self._threads = [threading.Thread(target=self._run, args=(i, sock), daemon=True)
                         for i, sock in enumerate(self._sockets)]
        for thread in self._threads:
            thread.start()

    def _run(self, aggregator, sock):
        while not self._stop.is_set():
            try:
                frame = sock.recv(65536)
            except TimeoutError:
                continue
            except OSError:  # the namespace is going away
                return
            # IPv4 without options, UDP, to the dataplane's port.
            if frame[12:14] == b"\x08\0" and frame[14] == 0x45 and frame[23] == 17 and \
                    struct.unpack_from(">H", frame, 36)[0] == PORT:
                length = struct.unpack_from(">H", frame, 38)[0]
                self._look(aggregator, frame[42:34 + length])

    def _look(self, aggregator, datagram):
        self.datagrams += 1
        # One join (event, index) has one key to each aggregator; the nonce is header bytes 12 to 23.
        join = (aggregator, datagram[4:12])
        digest = hashlib.blake2b(datagram, digest_size=16).digest()
        known = self._seen.setdefault((join, datagram[12:24]), digest)
        self.repeated += known is not digest
        if known != digest:
            self.violations.append(f"other bytes under a nonce: {datagram[:24].hex()}")
        if datagram[1] == SHARE and \
                self._nonces.setdefault(join, datagram[16:24]) != datagram[16:24]:
            self.violations.append(f"a second share nonce in a join: {datagram[:24].hex()}")

    def joins(self):
        """How many joins sent shares, at the aggregator that saw most."""
        counts = [sum(1 for join in self._nonces if join[0] == i) for i in range(len(self._sockets))]
        return max(counts)

    def nonces(self):
        """How many nonces they chose. A join has one, for all aggregators."""
        return len(set(self._nonces.values()))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()
