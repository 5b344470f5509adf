"""Thousands of attempts at once, without waiting: who reached whom, by what arrived and what was answered.

A denied packet says nothing, so that usually a timeout must say it. Here a *fence* does. A veth pair hands a packet to
the backlog of the CPU that it was sent on, and so does the next one on the way: all hops of all packets that one CPU
sends go through one first-in-first-out queue. With the sender pinned to a CPU, a packet that was sent last, over a way
that nobody filters, and that has made n hops, has therefore let all earlier packets make n hops too, or end. ``fence``
sends such packets one after the other until no earlier packet can still be on its way.

The argument is watched, too: every attempt has a number of its own, so that what arrives after its round is seen in
the next one (``Mesh.late``), and packets that a full queue or a full buffer lost are an error rather than a denial.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from probe.model.cell import Family, Protocol
from probe.sandbox import linux
from tests.sandbox.differential.sctp import init_packet
from tests.sandbox.differential.tap import FAMILIES, NUMBERS, Tap
from tests.sandbox.enforce.world import Host

SOURCE_PORTS = {False: range(20_000, 50_000), True: range(50_000, 60_000)}
"""Source ports by whether the destination's address is translated. A translated connection that a node's connection
tracking could mistake for one that it remembers, to the same pod directly, would be given another source port."""
FENCE_PORT = 19_999
HOPS = 12
"""An attempt's longest way: pod, node, underlay, node, pod, once each for SYN, SYN+ACK and ACK."""
HOPS_OF_FENCE = 2
PATIENCE = 20.0
"""Seconds to wait for what must come, on a machine however busy."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_libc = ctypes.CDLL(None)


class Outcome(StrEnum):
    """What became of an attempt. SCTP, which this kernel need not speak, is not answered: there it is the arrival."""

    REACHED = "reached"  # it arrived, and the answer came back
    SILENT = "silent"  # nothing arrived
    ONE_WAY = "one-way"  # it arrived, and no answer came back


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection to be tried from a host to an address, behind which is the host ``target``: its own address or that
    of a service."""

    source: str
    target: str
    address: str
    port: int
    protocol: Protocol
    family: Family


class LostPacketsError(AssertionError):
    """A packet was lost for another reason than policy: silence proves nothing."""


@dataclass(slots=True)
class _Round:
    """What is under way. Attempts are numbered; ``ports`` finds them by what they were sent from."""

    serial: int
    attempts: Sequence[Attempt]
    ports: dict[tuple[Protocol, int], int] = field(default_factory=dict)
    arrived: dict[int, str] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    open: list[socket.socket] = field(default_factory=list)
    clients: list[socket.socket] = field(default_factory=list)


class Mesh:
    """Servers and taps of some hosts, and attempts between them. Everything happens in the calling thread."""

    def __init__(self, hosts: Mapping[str, Host], ports: Iterable[int], fence: tuple[str, str]) -> None:
        """``ports`` are served by every host over TCP and UDP; ``fence`` are two hosts between whom nobody filters,
        ``HOPS_OF_FENCE`` apart."""
        self.hosts = hosts
        self.late = 0
        self._ports = tuple(ports)
        self._serials = itertools.count(1)
        self._source_ports = {translated: itertools.cycle(ports) for translated, ports in SOURCE_PORTS.items()}
        self._round = _Round(0, ())
        self._poll = select.epoll()
        self._sockets: list[socket.socket] = []
        self._readers: dict[int, Callable[[], None]] = {}
        self.taps = {name: self._open(name, host) for name, host in hosts.items()}
        self._fence = self._open_fence(*fence)

    def close(self) -> None:
        """Close all sockets."""
        for tap in self.taps.values():
            tap.close()
        for made in self._sockets:
            made.close()
        self._poll.close()

    # --- servers ------------------------------------------------------------------------------------------------------

    def _open(self, name: str, host: Host) -> Tap:
        with linux.inside_netns(host.netns):
            for port in self._ports:
                self._serve(name, port, socket.SOCK_STREAM, self._accept)
                self._serve(name, port, socket.SOCK_DGRAM, self._receive)
            tap = Tap(host.addresses)
        for each in tap.sockets:
            self._read(each, lambda: self._listen(name, tap))
        return tap

    def _serve(self, name: str, port: int, kind: int, act: Callable[[str, socket.socket], None]) -> None:
        made = socket.socket(socket.AF_INET6, kind)
        self._sockets.append(made)
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)  # which connections inherit
            made.listen(4096)
        self._read(made, lambda: act(name, made))

    def _read(self, made: socket.socket, act: Callable[[], None]) -> None:
        self._readers[made.fileno()] = act
        self._poll.register(made, select.EPOLLIN)

    def _listen(self, name: str, tap: Tap) -> None:
        for arrival in tap.arrivals():
            self._arrived(self._round.ports.get(arrival), name)

    def _accept(self, name: str, listener: socket.socket) -> None:
        """A connection that the third packet of the handshake has opened: each end has heard the other."""
        for connection, peer in _until_empty(listener.accept):
            number = self._round.ports.get((Protocol.TCP, peer[1]))
            self._arrived(number, name)
            if number is not None:
                self._round.answered.add(number)
            connection.close()

    def _receive(self, name: str, server: socket.socket) -> None:
        for data, peer in _until_empty(lambda: server.recvfrom(64)):
            self._arrived(self._number(data), name)
            server.sendto(data, peer)

    def _number(self, data: bytes) -> int | None:
        serial, number = struct.unpack("!II", data)
        return int(number) if serial == self._round.serial else None

    def _arrived(self, number: int | None, name: str) -> None:
        if number is None:
            self.late += 1
            return
        attempt = self._round.attempts[number]
        assert attempt.target == name, f"{attempt} arrived at {name}"
        self._round.arrived[number] = name

    # --- rounds -------------------------------------------------------------------------------------------------------

    def try_all(self, attempts: Sequence[Attempt], patience: float = 0.0) -> list[Outcome]:
        """Make all attempts at once. ``patience``: seconds in which late packets, and TCP's own repetitions, still
        count. Raises LostPacketsError."""
        self._round = _Round(0, ())  # to which nothing belongs: what is still to be read is late
        self._read_all()
        lost = self._lost()
        self._round = _Round(next(self._serials), attempts)
        try:
            with _on_one_cpu():
                self._send()
                self._fence()
                self._read_all()
                self._fence()
                self._read_answers()
            if patience:
                self._wait(time.monotonic() + patience)
        finally:
            for each in (*self._round.open, *self._round.clients):
                each.close()
        if lost := self._lost() - lost:
            raise LostPacketsError(f"{lost} packets found a queue full")
        return [self._outcome(number) for number in range(len(attempts))]

    def _lost(self) -> int:
        return _dropped() + sum(tap.lost for tap in self.taps.values())

    def _outcome(self, number: int) -> Outcome:
        if number not in self._round.arrived:
            assert number not in self._round.answered, (
                f"an answer to what never arrived: {self._round.attempts[number]}"
            )
            return Outcome.SILENT
        is_sctp = self._round.attempts[number].protocol is Protocol.SCTP
        return Outcome.REACHED if is_sctp or number in self._round.answered else Outcome.ONE_WAY

    def _send(self) -> None:
        by_source: dict[str, list[int]] = {}
        for number, attempt in enumerate(self._round.attempts):
            by_source.setdefault(attempt.source, []).append(number)
        for source, numbers in by_source.items():
            with linux.inside_netns(self.hosts[source].netns):
                self._send_from(numbers)

    def _send_from(self, numbers: Iterable[int]) -> None:
        """Attempts of the host whose namespace this is."""
        shared: dict[tuple[Protocol, Family], socket.socket] = {}
        for number in numbers:
            attempt = self._round.attempts[number]
            if attempt.protocol is Protocol.TCP:
                self._connect(number, attempt)
                continue
            key = attempt.protocol, attempt.family
            if key not in shared:
                shared[key] = self._open_client(*key)
            if attempt.protocol is Protocol.UDP:
                packet, port = struct.pack("!II", self._round.serial, number), attempt.port
            else:
                packet, port = init_packet(self._from(number, Protocol.SCTP), attempt.port), 0
            with suppress(PermissionError):  # the source's own packet filter denies it
                shared[key].sendto(packet, (attempt.address, port))

    def _open_client(self, protocol: Protocol, family: Family) -> socket.socket:
        """A socket of this round: an old one's 5-tuples are known to the nodes' connection tracking."""
        if protocol is Protocol.SCTP:
            made = socket.socket(FAMILIES[family], socket.SOCK_RAW, NUMBERS[protocol])
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # it never reads
            self._round.open.append(made)
        else:
            made = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
            self._round.clients.append(made)
        made.setblocking(False)
        return made

    def _connect(self, number: int, attempt: Attempt) -> None:
        made = socket.socket(FAMILIES[attempt.family], socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._round.open.append(made)
        made.bind(("", self._from(number, Protocol.TCP)))
        made.connect_ex((attempt.address, attempt.port))

    def _from(self, number: int, protocol: Protocol) -> int:
        """A source port of the attempt's own."""
        attempt = self._round.attempts[number]
        translated = attempt.address not in self.hosts[attempt.target].addresses.values()
        port = next(self._source_ports[translated])
        self._round.ports[protocol, port] = number
        return port

    def _read_all(self) -> None:
        while ready := self._poll.poll(0, 1024):
            for descriptor, _ in ready:
                self._readers[descriptor]()

    def _read_answers(self) -> None:
        for client in self._round.clients:
            for data, _ in _until_empty(lambda client=client: client.recvfrom(64)):  # type: ignore[misc]
                number = self._number(data)
                assert number is not None
                self._round.answered.add(number)

    def _wait(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.02))
            self._read_all()
            self._read_answers()

    # --- the fence ----------------------------------------------------------------------------------------------------

    def _open_fence(self, source: str, target: str) -> Callable[[], None]:
        ends = []
        for name in (source, target):
            with linux.inside_netns(self.hosts[name].netns):
                made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets.append(made)
            made.bind(("", FENCE_PORT))
            made.settimeout(PATIENCE)
            ends.append(made)
        address = self.hosts[target].addresses[Family.IPV4], FENCE_PORT
        rounds = HOPS // HOPS_OF_FENCE

        def fence() -> None:
            for number in range(rounds):
                ends[0].sendto(bytes([number]), address)
                assert ends[1].recv(1)[0] == number

        return fence


def _until_empty(read: Callable[[], Any]) -> Iterator[Any]:
    while True:
        try:
            yield read()
        except BlockingIOError:
            return


@contextmanager
def _on_one_cpu() -> Iterator[None]:
    """The calling thread stays on the CPU where it is."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_libc.sched_getcpu()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _dropped() -> int:
    """Packets that found a CPU's backlog full (net.core.netdev_max_backlog), ever."""
    lines = Path("/proc/net/softnet_stat").read_text().splitlines()
    return sum(int(line.split()[1], 16) for line in lines)
