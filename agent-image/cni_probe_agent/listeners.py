"""Opens a listener per declared port and family, and knows how each of them fares.

IPv4 and IPv6 have sockets of their own (IPV6_V6ONLY), so that observed sources are plain. A port that cannot be bound
is said so, and the agent goes on: whoever reads the report decides whether it matters.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from . import datagrams, outcome, sockets, streams
from .dialer import Dialer, Target
from .reactor import Bell, Reactor
from .receipts import Receipts

_LOOPBACK: Final = {sockets.IPV4: "127.0.0.1", sockets.IPV6: "::1"}
_CHECK_SECONDS: Final = 2.0


class PortSpec(NamedTuple):
    """A declared port."""

    port: int
    protocol: str


class Listener(NamedTuple):
    """A port on a family; ``error`` is the errno's name where it could not be opened."""

    port: int
    protocol: str
    family: str
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """As the control protocol shows it."""
        return self._asdict()


def parse_port(text: str) -> PortSpec:
    """``80/TCP`` or ``80``. ValueError otherwise."""
    number, _, protocol = text.partition("/")
    protocol = protocol.upper() or sockets.TCP
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 65535:
        raise ValueError(f"{text!r}: the port must be a number from 1 to 65535")
    if protocol not in sockets.PROTOCOLS:
        raise ValueError(f"{text!r}: the protocol must be one of {', '.join(sockets.PROTOCOLS)}")
    return PortSpec(int(number), protocol)


class Listeners:
    """All listeners of the agent. Make it, then ``open``."""

    def __init__(self, reactor: Reactor, pod_uid: str, receipts: Receipts) -> None:
        self.states: list[Listener] = []
        self._reactor = reactor
        self._pod_uid = pod_uid
        self._receipts = receipts
        self._streams = streams.StreamServer(reactor, pod_uid, receipts)

    def open(self, ports: Sequence[PortSpec]) -> None:
        """Open every port on both families and start to serve."""
        for port, protocol in dict.fromkeys(ports):
            for family in sockets.FAMILIES:
                self.states.append(Listener(port, protocol, family, self._open(port, protocol, family)))

    def _open(self, port: int, protocol: str, family: str) -> str | None:
        try:
            if protocol == sockets.UDP:
                sock = datagrams.listen(sockets.FAMILIES[family], port)
                self._reactor.spawn(datagrams.serve(sock, self._pod_uid, self._receipts))
            else:
                sock = streams.listen(protocol, sockets.FAMILIES[family], port)
                self._reactor.spawn(self._streams.serve(sock, protocol))
        except OSError as error:
            return outcome.name(error.errno or 0)
        return None

    async def check(self, dialer: Dialer) -> list[Listener]:
        """Dial all open listeners over loopback at once; ``error`` says how one does not answer as this agent."""
        states = list(self.states)
        bell = Bell(self._reactor)

        async def check_one(index: int) -> None:
            states[index] = await self._check(states[index], dialer)
            pending.discard(index)
            bell.ring()

        pending = {index for index, state in enumerate(states) if not state.error}
        for index in sorted(pending):
            self._reactor.spawn(check_one(index))
        while pending:
            await bell.wait()
        return states

    async def _check(self, state: Listener, dialer: Dialer) -> Listener:
        target = Target(_LOOPBACK[state.family], state.port, state.protocol)
        result = await dialer.dial(target, f"check.{os.urandom(8).hex()}", _CHECK_SECONDS)
        if result.outcome != outcome.CONNECTED:
            return state._replace(error=result.error or result.outcome)
        if result.responder != self._pod_uid:
            return state._replace(error=f"{result.responder} answered")
        return state


def features() -> list[str]:
    """What can be probed from here: families that have an address, and SCTP where the kernel has such sockets."""
    found = [sockets.IPV4]
    if _has_ipv6():
        found.append(sockets.IPV6)
    try:
        sockets.make(sockets.SCTP, socket.AF_INET).close()
    except OSError:
        return found
    return [*found, sockets.SCTP]


def _has_ipv6() -> bool:
    """Whether this network namespace has an IPv6 address (IPv6 may be off though sockets can be made)."""
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            return bool(file.read(1))
    except OSError:
        return _can_bind_ipv6_loopback()


def _can_bind_ipv6_loopback() -> bool:
    """The same question where /proc is not to be had."""
    try:
        with sockets.make(sockets.UDP, socket.AF_INET6) as sock:
            sock.bind((_LOOPBACK[sockets.IPV6], 0))
    except OSError:
        return False
    return True
