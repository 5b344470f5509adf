"""Sockets by protocol and family, and source ports that are not used twice too soon."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

from . import outcome

TCP: Final = "TCP"
UDP: Final = "UDP"
SCTP: Final = "SCTP"
PROTOCOLS: Final = (TCP, UDP, SCTP)

IPV4: Final = "IPv4"
IPV6: Final = "IPv6"
FAMILIES: Final = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}

LINGER_NONE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset, so that nothing stays in TIME_WAIT."""

_KINDS: Final = {
    TCP: (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    UDP: (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    SCTP: (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_IP_RECVERR: Final = 11  # <linux/in.h>, <linux/in6.h>: the socket module of Python 3.11 has neither
_IPV6_RECVERR: Final = 25
_DEFAULT_RANGE: Final = (32768, 60999)
_RANGE_FILE: Final = "/proc/sys/net/ipv4/ip_local_port_range"


def make(protocol: str, family: int) -> socket.socket:
    """A non-blocking socket. OSError (EPROTONOSUPPORT, EAFNOSUPPORT) where the kernel has none."""
    kind, number = _KINDS[protocol]
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, number)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


class NoSocket(Exception):
    """There is none to dial with; ``kind`` is an outcome, ``error`` says why."""

    def __init__(self, kind: str, error: str) -> None:
        super().__init__(error)
        self.kind = kind
        self.error = error


def to_dial(protocol: str, address: str, ports: SourcePorts) -> socket.socket:
    """A socket to dial an address literal with, bound to a fresh source port, that leaves nothing behind when it is
    closed. Raises NoSocket.
    """
    family = family_of(address)
    if family is None:
        raise NoSocket(outcome.UNRESOLVED, "not an address")
    sock: socket.socket | None = None
    try:
        sock = make(protocol, family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        ports.bind(sock, family)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise NoSocket(outcome.of_socket(error.errno or 0), outcome.name(error.errno or 0)) from None
    return sock


def tell_all_errors(sock: socket.socket, address: str) -> None:
    """Have a UDP socket told of ICMP host and net unreachable too: without this the kernel holds them for passing."""
    if ":" in address:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def family_of(address: str) -> int | None:
    """AF_INET or AF_INET6 for an address literal (IPv6 with an optional zone), None for anything else."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.inet_pton(family, address.partition("%")[0])
    except (OSError, ValueError):
        return None
    return family


class SourcePorts:
    """Hands out source ports in a circle over the ephemeral range, from a random start.

    Connection tracking remembers a UDP flow for up to two minutes, and a packet of a known flow passes a policy
    that would deny a new one. A kernel-chosen port may come back at once: a probe that reuses one would be let
    through for its predecessor's sake, a false result. TCP and SCTP probes take the same circle: their flows are
    forgotten with the reset that ends them, but only where the reset got through.
    """

    def __init__(self) -> None:
        self._first, last = _ephemeral_range()
        self._count = last - self._first + 1
        self._next = int.from_bytes(os.urandom(4), "little") % self._count

    def bind(self, sock: socket.socket, family: int) -> None:
        """Bind to the next free port. OSError EADDRINUSE when a whole circle has none."""
        host = "::" if family == socket.AF_INET6 else "0.0.0.0"
        for _ in range(self._count):
            port = self._first + self._next
            self._next = (self._next + 1) % self._count
            try:
                sock.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRINUSE, "every ephemeral port is in use")


def _ephemeral_range() -> tuple[int, int]:
    """The port range of this network namespace (first, last)."""
    try:
        with open(_RANGE_FILE, encoding="ascii") as file:
            first, last = map(int, file.read().split())
    except (OSError, ValueError):
        return _DEFAULT_RANGE
    return first, last
