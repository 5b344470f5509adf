"""The agent's control frames as bytes and as typed results. The protocol is described in agent-image/README.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probe.model.cell import Family, Outcome, Protocol
from probe.model.errors import AgentLost

VERSION = 1
MAX_LINE = 1 << 20

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What to dial. ``address`` is an IPv4 or IPv6 literal: agents resolve no names.

    With ``query`` it is a nameserver, and is asked for that name.
    """

    address: str
    port: int
    protocol: Protocol
    query: str = ""

    @property
    def row(self) -> list[Any]:
        """As a ``dial`` frame has it."""
        row: list[Any] = [self.address, self.port, self.protocol]
        return [*row, self.query] if self.query else row


@dataclass(frozen=True, slots=True)
class DialResult:
    """What came of one dial.

    ``error`` is an errno's name or a short text; one that ends in ``after connect`` says that the handshake had been
    completed, so that packets did pass. ``started`` is unix time on the agent's clock, ``seconds`` the time from there
    to the outcome, ``responder`` the pod UID in the reply (of a nameserver: its ``address:port``), ``observed`` the
    source that it saw, ``local`` the one used, ``sends`` how often the request left (UDP repeats it).
    """

    outcome: Outcome
    error: str | None
    started: float
    seconds: float
    responder: str | None
    observed: str | None
    local: str | None
    sends: int

    @property
    def established(self) -> bool:
        """Whether packets went both ways: an answer of any kind came, or at least the handshake was completed."""
        return (
            self.outcome is Outcome.CONNECTED
            or self.responder is not None
            or (self.error or "").endswith("after connect")
        )


@dataclass(frozen=True, slots=True)
class ListenerState:
    """A declared port on one family; ``error`` is None when it is served (after a check: when it answered)."""

    port: int
    protocol: Protocol
    family: Family
    error: str | None


@dataclass(frozen=True, slots=True)
class Resolver:
    """Where a pod looks up names: what its ``/etc/resolv.conf`` said when the agent was asked."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hello:
    """Who an agent is. ``instance`` is random per process; ``lost`` counts frames it had to drop for this session."""

    agent: str
    instance: str
    pod_uid: str
    listeners: tuple[ListenerState, ...]
    features: frozenset[str]
    resumed: bool
    lost: int
    resolver: Resolver = Resolver()


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """A request that arrived: its source ``ip:port``, and when, in unix time on the responder's clock."""

    source: str
    time: float


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts by nonce. The agent has had ``total`` since its start, of which it forgot the first ``overwritten``.

    So a missing nonce never arrived if ``overwritten`` is at most the ``total`` from before the request was sent.
    """

    found: Mapping[str, ReceiptSeen]
    overwritten: int
    total: int


def encode(frame: Mapping[str, Any]) -> bytes:
    """A frame as its line."""
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"


class FrameReader:
    """Cuts a stream of bytes into frames, wherever its pieces are split."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes. Raises AgentLost for anything that is no frame."""
        self._held += data
        if b"\n" not in data:
            lines: list[bytes] = []
        else:
            *lines, rest = bytes(self._held).split(b"\n")
            self._held = bytearray(rest)
        if len(self._held) > MAX_LINE:
            raise AgentLost(f"a frame of more than {MAX_LINE} bytes")
        return [_decode(line) for line in lines]


def _decode(line: bytes) -> Frame:
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict) or not isinstance(frame.get("seq"), int) or not isinstance(frame.get("op"), str):
        raise AgentLost(f"not a frame of an agent: {line[:200].decode(errors='replace')!r}")
    return frame


def parse_hello(frame: Frame) -> Hello:
    """The agent's introduction. Raises AgentLost when it is malformed or of another version."""
    if frame.get("v") != VERSION:
        raise AgentLost(f"the agent speaks control protocol {frame.get('v')!r}, not {VERSION}: its image does not fit")
    try:
        return Hello(
            agent=str(frame["agent"]),
            instance=str(frame["instance"]),
            pod_uid=str(frame["pod_uid"]),
            listeners=parse_listeners(frame),
            features=frozenset(map(str, frame["features"])),
            resumed=bool(frame["resumed"]),
            lost=int(frame["lost"]),
            resolver=_parse_resolver(frame.get("resolver") or {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise malformed("hello", error) from error


def _parse_resolver(entry: Mapping[str, Any]) -> Resolver:
    return Resolver(tuple(map(str, entry.get("nameservers", ()))), tuple(map(str, entry.get("search", ()))))


def parse_listeners(frame: Frame) -> tuple[ListenerState, ...]:
    """The listeners of a ``hello`` or ``check`` frame. Raises AgentLost."""
    try:
        return tuple(
            ListenerState(int(row["port"]), Protocol(row["protocol"]), Family(row["family"]), row["error"])
            for row in frame["listeners"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(frame["op"], error) from error


def parse_receipts(frame: Frame) -> Receipts:
    """The answer to a request for receipts. Raises AgentLost."""
    try:
        found = {str(nonce): ReceiptSeen(str(source), float(at)) for nonce, source, at, _, _ in frame["found"]}
        return Receipts(found, int(frame["overwritten"]), int(frame["total"]))
    except (KeyError, TypeError, ValueError) as error:
        raise malformed("receipts", error) from error


def parse_result(row: Any) -> tuple[int, DialResult]:
    """One row of a ``results`` frame: the target's index and what came of it. Raises AgentLost."""
    try:
        index, outcome, error, started, seconds, responder, observed, local, sends = row
        return int(index), DialResult(
            Outcome(outcome),
            _one_of_few(error),
            float(started),
            float(seconds),
            _one_of_few(responder),
            observed,
            local,
            sends,
        )
    except (TypeError, ValueError) as problem:
        raise malformed("results", problem) from problem


def _one_of_few(text: str | None) -> str | None:
    """A text that many results have in common, kept once. Raises TypeError for what is no text."""
    return None if text is None else sys.intern(text)


def malformed(op: str, error: Exception) -> AgentLost:
    """The error for a frame whose content is not what the protocol says."""
    return AgentLost(f"a malformed {op} frame: {error!r}")
