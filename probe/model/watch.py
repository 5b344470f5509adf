"""What a watch measured: the traffic of every cell over time, next to what happened to the cluster meanwhile.

A part of the run record (``ScenarioRecord.watch``). Instants are seconds since the watch began, on the orchestrator's
clock, which all agents' clocks were brought to; ``error`` bounds by how much an instant may be off.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from probe.model.cell import Cell, Expectation, Family, Path, Protocol, Verdict, Via


class SpanKind(enum.StrEnum):
    """What went wrong for a while."""

    LEAK = "leak"  # a denial was expected, and traffic passed
    OUTAGE = "outage"  # traffic was expected, and did not pass


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A leak or an outage of one cell: attempts in a row that went wrong, from the ``first`` to the ``last`` instant.

    ``count`` attempts, each of one packet. ``least`` is from the first to the last of them, ``most`` from the last
    good attempt before to the first good one after, ``seconds`` halfway between: what really happened was no shorter
    than ``least`` and no longer than ``most``. ``outcomes``: what the prober saw, how often. ``arrived``: how many
    requests reached the responder although the prober saw no answer. ``ongoing``: it had not ended with the watch.
    """

    kind: SpanKind
    first: float
    last: float
    count: int
    seconds: float
    least: float
    most: float
    error: float
    outcomes: dict[str, int] = field(default_factory=dict)
    arrived: int = 0
    ongoing: bool = False


@dataclass(slots=True)
class WatchedCell:
    """A cell that was watched. ``attempts`` were due, ``unknown`` of them say nothing: they were never made, or were
    lost, or an end had no CPU. ``longest_gap``: the longest time, in seconds, without an attempt that says anything.
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    path: Path
    address: str | None
    via: Via
    expected: Expectation
    verdict: Verdict
    reason: str = ""
    attempts: int = 0
    unknown: int = 0
    longest_gap: float = 0.0
    spans: list[SpanRecord] = field(default_factory=list)
    source_node: str | None = None
    destination_node: str | None = None

    @classmethod
    def of(cls, cell: Cell, expected: Expectation, verdict: Verdict, **seen: Any) -> WatchedCell:
        """The record of a cell; ``seen`` are the other fields, as far as there is anything."""
        return cls(
            cell.source, cell.destination, cell.port, cell.protocol, cell.family, cell.path, cell.address, cell.via,
            expected, verdict, **seen,
        )  # fmt: skip


class Fate(enum.StrEnum):
    """What became of a connection that was held through a watch."""

    KEPT = "kept"
    STALLED = "stalled"  # silent for a while, and then not any more
    CUT = "cut"  # silent to the end
    ENDED = "ended"  # told so: RST, ICMP, an end of the stream
    UNKNOWN = ""  # it could not be opened, or nothing is known of it


@dataclass(frozen=True, slots=True)
class Stall:
    """A connection was silent between two instants."""

    since: float
    until: float


@dataclass(slots=True)
class WatchedConnection:
    """A connection that was held. ``ended``: when it was cut or ended; ``error`` says how, or why nothing is known.

    ``sent`` heartbeats, of which ``answered`` came back; ``arrived``: the number of the last that the responder has
    had (None: it cannot be asked).
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    path: Path
    via: Via
    fate: Fate
    ended: float | None = None
    error: str = ""
    sent: int = 0
    answered: int = 0
    arrived: int | None = None
    stalls: list[Stall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StallRecord:
    """An agent did not run from ``at`` on for so many ``seconds``."""

    at: float
    seconds: float


@dataclass(slots=True)
class WatchedAgent:
    """How the agent of a pod was while it was watched.

    ``error``: seconds by which its instants may be off. ``streams``: how often the control stream had to be made anew.
    ``lost_entries``: entries that its ring lost because nobody collected them. ``lost``: why it could not be read to
    the end (empty: it was).
    """

    pod: str
    node: str
    error: float
    streams: int = 0
    lost_entries: int = 0
    lost: str = ""
    stalls: list[StallRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """Something changed in the cluster. ``kind`` is a Kubernetes kind, ``name`` with its namespace."""

    at: float
    kind: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that the command wrote to ``stdout`` or ``stderr``."""

    at: float
    stream: str
    text: str


@dataclass(slots=True)
class CommandRecord:
    """The command that ran meanwhile. ``exit_code``: negative for a signal; None when it was stopped with the watch.

    ``left_out`` lines of its output are not kept, from the middle.
    """

    command: str
    started: float
    ended: float | None = None
    exit_code: int | None = None
    lines: list[OutputLine] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What is still good. Leaks in packets, outages in seconds; for each cell, and for all together (None: no bound).

    An outage of all together is the time during which any cell was out. ``gap``: seconds of which nothing is known of a
    cell. ``cut``: held connections that may be cut or end; one that stalls may do so for as long as an ``outage``.
    """

    leak: int = 0
    outage: float = 1.0
    leak_total: int | None = None
    outage_total: float | None = None
    gap: float = 2.0
    cut: int = 0


@dataclass(slots=True)
class WatchRecord:
    """A watch of an established ``step``. ``interval``: seconds between two attempts of a cell; ``timeout``: of one;
    ``heartbeat``: seconds between two of a held connection (None: none is held).

    ``load`` is attempts a second in all. ``unseen`` says what of the cluster could not be followed; ``left_out`` how
    many cells of the step were not watched, and why. ``verdict``: pass, leak, blocked (an outage beyond its
    budget) or inconclusive; ``reasons`` are sentences. ``interrupted``: it was ended early.
    """

    step: str
    started: str
    seconds: float
    interval: float
    timeout: float
    load: float
    budget: Budget
    verdict: Verdict
    reasons: list[str] = field(default_factory=list)
    cells: list[WatchedCell] = field(default_factory=list)
    connections: list[WatchedConnection] = field(default_factory=list)
    agents: list[WatchedAgent] = field(default_factory=list)
    events: list[ClusterEvent] = field(default_factory=list)
    events_left_out: int = 0
    command: CommandRecord | None = None
    unseen: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    error: float = 0.0
    interrupted: bool = False
    heartbeat: float | None = None
