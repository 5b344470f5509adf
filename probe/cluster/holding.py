"""Connections that an agent holds, as the orchestrator sees them. See agent-image/README.md, "Held connections"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probe.cluster.channel import AgentChannel, Target
from probe.cluster.clock import now
from probe.cluster.frames import Frame, malformed
from probe.model.cell import Outcome

MAX_HELD = 1024


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """What an agent is to hold: a connection to each of ``targets``, whose ``responders`` must answer (None: whoever
    does), with a heartbeat each ``interval`` seconds; quiet after ``patience``.

    ``nonce`` is common to all agents that hold connections to each other, of which this is number ``agent``. ``lease``:
    it ends when it was not read for so many seconds.
    """

    name: str
    nonce: str
    agent: int
    interval: float
    patience: float
    lease: float
    targets: Sequence[Target] = ()
    responders: Sequence[str | None] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """A held connection as it is. Times are on our clock (``clock.now``), in seconds.

    ``opened``: when the first heartbeat was answered (None: not yet); ``sent`` and ``answered`` count heartbeats, whose
    numbers begin with 1; ``latest`` is the highest answered, at ``latest_at``; ``unanswered_since`` is when the first
    one after it was sent (None: none was). ``ended`` says how it ended, with ``error``, at ``ended_at``.
    """

    opened: float | None
    sent: int
    answered: int
    latest: int
    latest_at: float | None
    unanswered_since: float | None
    ended: Outcome | None = None
    ended_at: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """Something that happened to connection number ``connection``, at ``at`` on our clock.

    ``kind`` is ``o`` (open), ``q`` (quiet) or ``b`` (back), both with ``since``, ``n`` (an ICMP error) or ``e`` (over),
    both with ``outcome`` and ``error``.
    """

    kind: str
    connection: int
    at: float
    since: float | None = None
    outcome: Outcome | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What arrived at an agent of a connection of another: how many heartbeats, the highest number, when that was."""

    count: int
    latest: int
    at: float


@dataclass(frozen=True, slots=True)
class HeldNews:
    """An agent's answer. ``heard``: by agent number and connection number; ``slept``: seconds for which it did not run;
    ``lost``: entries that it had to let go unread."""

    at: float
    connections: tuple[Connection, ...]
    events: tuple[HeldEvent, ...]
    heard: Mapping[tuple[int, int], Heard]
    slept: float
    last: int
    lost: int


async def hold(channel: AgentChannel, plan: HoldPlan) -> None:
    """Have connections opened and held, unless they are already. Raises AgentLost."""
    await channel.ask(
        "hold",
        series=plan.name,
        nonce=plan.nonce,
        agent=plan.agent,
        interval=plan.interval,
        patience=plan.patience,
        lease=plan.lease,
        targets=[target.row for target in plan.targets],
        responders=list(plan.responders),
    )


async def read_held(channel: AgentChannel, name: str, since: int) -> HeldNews:
    """How the connections are, and what has happened to them after entry ``since``. Raises AgentLost."""
    asked = now()
    frame = await channel.ask("read", series=name, since=since)
    answered = now()
    try:
        return news_of(frame, (asked + answered) / 2, since)
    except (KeyError, TypeError, ValueError) as error:
        raise malformed("read", error) from error


async def release(channel: AgentChannel, name: str) -> None:
    """Have them closed. Raises AgentLost."""
    await channel.ask("stop", series=name)


def news_of(frame: Frame, at: float, since: int) -> HeldNews:
    """What a ``read`` frame says, on a clock on which it is ``at`` now."""
    base = at - float(frame["time"])
    events = tuple(_event(row, base) for row in frame["entries"] if row[0] != "s")
    heard = {(int(row[0]), int(row[1])): Heard(int(row[2]), int(row[3]), base + row[4]) for row in frame["heard"]}
    return HeldNews(
        at=at,
        connections=tuple(_connection(row, base) for row in frame["held"]),
        events=events,
        heard=heard,
        slept=sum(float(row[2]) for row in frame["entries"] if row[0] == "s"),
        last=int(frame["first"]) + len(frame["entries"]) - 1,
        lost=int(frame["first"]) - since - 1,
    )


def _connection(row: Any, base: float) -> Connection:
    opened, sent, answered, latest, latest_at, unanswered, ended = row[:7]
    return Connection(
        opened=_moment(opened, base),
        sent=int(sent),
        answered=int(answered),
        latest=int(latest),
        latest_at=_moment(latest_at, base),
        unanswered_since=_moment(unanswered, base),
        ended=Outcome(ended[0]) if ended else None,
        ended_at=_moment(ended[2], base) if ended else None,
        error=ended[1] if ended else None,
    )


def _moment(seconds: float | None, base: float) -> float | None:
    return None if seconds is None else base + float(seconds)


def _event(row: Any, base: float) -> HeldEvent:
    match row:
        case ["o", int(connection), at, _]:
            return HeldEvent("o", connection, base + at)
        case ["q" | "b" as kind, int(connection), at, since]:
            return HeldEvent(kind, connection, base + at, since=base + since)
        case ["n" | "e" as kind, int(connection), at, str(outcome), str() | None as error]:
            return HeldEvent(kind, connection, base + at, outcome=Outcome(outcome), error=error)
        case _:
            raise ValueError(f"no entry of held connections: {row!r}")
