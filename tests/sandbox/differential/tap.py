"""A host's ear: the requests that its kernel delivers to it, whatever becomes of them then.

Raw sockets see a SYN whose answer is lost on the way back, and a protocol that the kernel does not speak (SCTP), after
the host's own packet filter, if it has one. Of TCP they are shown what opens a connection, by a filter in the kernel.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from probe.model.cell import Family, Protocol

FAMILIES = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
NUMBERS = {Protocol.TCP: socket.IPPROTO_TCP, Protocol.SCTP: 132}
SO_ATTACH_FILTER, SO_MEMINFO = 26, 55
MEMINFO_DROPS = 8
"""Which number of SO_MEMINFO's counts packets that found the buffer full."""
BUFFER = 4 << 20
"""Bytes that wait to be read."""
FLAGS, SYN, ACK = 13, 0x02, 0x10

# Classic BPF (linux/bpf_common.h): code, instructions to skip if true and if false, operand.
_TAIL = [
    (0x54, 0, 0, SYN | ACK),  # and
    (0x15, 0, 1, SYN),  # equal?
    (0x06, 0, 0, 0xFFFF),  # pass
    (0x06, 0, 0, 0),  # drop
]
OPENS_CONNECTION = {
    Family.IPV4: [(0xB1, 0, 0, 0), (0x50, 0, 0, FLAGS), *_TAIL],  # x = length of the IP header; load byte x + FLAGS
    Family.IPV6: [(0x30, 0, 0, FLAGS), *_TAIL],  # raw IPv6 sockets begin after it
}


class Arrival(NamedTuple):
    """A request that came in: its protocol and the port that it was sent from."""

    protocol: Protocol
    source_port: int


class Tap:
    """To be made by a thread in the host's network namespace."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._sockets = {(family, protocol): _open(family, protocol) for family in families for protocol in NUMBERS}
        self.widen()

    @property
    def sockets(self) -> Iterable[socket.socket]:
        """To be watched for something to read."""
        return self._sockets.values()

    def widen(self) -> None:
        """Give the sockets room for thousands of packets."""
        for made in self.sockets:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)

    def arrivals(self) -> Iterator[Arrival]:
        """What has come in since the last time."""
        for (family, protocol), made in self._sockets.items():
            while True:
                try:
                    packet = made.recv(128)
                except BlockingIOError:
                    break
                header = (packet[0] & 15) * 4 if family is Family.IPV4 else 0
                yield Arrival(protocol, packet[header] << 8 | packet[header + 1])

    @property
    def lost(self) -> int:
        """Packets that found a buffer full, ever."""
        return sum(_drops(made) for made in self._sockets.values())

    def close(self) -> None:
        """Stop listening."""
        for made in self._sockets.values():
            made.close()


def _open(family: Family, protocol: Protocol) -> socket.socket:
    made = socket.socket(FAMILIES[family], socket.SOCK_RAW, NUMBERS[protocol])
    made.setblocking(False)
    if protocol is Protocol.TCP:
        code = OPENS_CONNECTION[family]
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in code))
        filtered = struct.pack("HL", len(code), ctypes.addressof(program))
        made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filtered)
    return made


def _drops(made: socket.socket) -> int:
    values = made.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * 9)
    return int(struct.unpack("9I", values)[MEMINFO_DROPS])
