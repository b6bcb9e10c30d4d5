# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""When the last share packet of an event left: the kernel's time stamps of the frames that carry the
last chunk of a vector, on the clients' side of every aggregator's data link."""

import ctypes
import socket
import struct

ETH_P_ALL = 3
SO_ATTACH_FILTER, SO_TIMESTAMPNS = 26, 35
SNAP = 96
IP, UDP_PAYLOAD = 14, 14 + 20 + 8  # IPv4 without options, as the clients send it
TYPE_SHARE = 3


def _filter(chunk):
    """Classic BPF: a SHARE over IPv4 whose chunk number ends in these 16 bits."""
    low = int.from_bytes(struct.pack("<H", chunk & 0xffff), "big")
    load_byte, load_half, jump_equal, give = 0x30, 0x28, 0x15, 0x06
    return [(load_half, 0, 0, 12), (jump_equal, 0, 5, 0x0800),
            (load_byte, 0, 0, UDP_PAYLOAD + 1), (jump_equal, 0, 3, TYPE_SHARE),
            (load_half, 0, 0, UDP_PAYLOAD + 12), (jump_equal, 0, 1, low),
            (give, 0, 0, SNAP), (give, 0, 0, 0)]


class LastShare:
    """Listens on the data links of a Deployment from now on, for vectors of so many chunks."""

    def __init__(self, weir, chunks):
        code = b"".join(struct.pack("HBBI", *row) for row in _filter(chunks - 1))
        program = ctypes.create_string_buffer(code)
        attach = struct.pack("HL", len(code) // 8, ctypes.addressof(program))
        self.sockets = []
        with weir.star.clients.entered():
            for aggregator in weir.star.aggregators:
                listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                self.sockets.append(listener)
                listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attach)
                listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
                listener.bind((f"data-{aggregator.index}", ETH_P_ALL))
                listener.setblocking(False)

    def time_us(self):
        """Microseconds since 1970, of the last so far; None if there was none."""
        last = None
        for listener in self.sockets:
            while True:
                try:
                    _, extra, _, _ = listener.recvmsg(SNAP, 64)
                except BlockingIOError:
                    break
                for _, kind, value in extra:
                    if kind == SO_TIMESTAMPNS:
                        seconds, nanoseconds = struct.unpack("qq", value[:16])
                        last = max(last or 0, seconds * 10**6 + nanoseconds // 1000)
        return last

    def close(self):
        for listener in self.sockets:
            listener.close()
