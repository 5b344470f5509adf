"""Series of an agent as the orchestrator sees them: what to probe, and what is new. See agent-image/README.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from probe.cluster.channel import AgentChannel, Target
from probe.cluster.clock import now
from probe.cluster.frames import Frame, malformed

MAX_CELLS = 4096
SKIPPED = "skipped"
"""In place of an outcome: the attempt was never made."""


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What an agent is to do. Cell ``c`` dials ``targets[c]`` every ``interval`` seconds at ``phases[c]`` of it.

    ``responders[c]`` must answer (None: whoever does). ``denied`` are the cells whose requests nobody should receive.
    ``nonce`` is common to all agents of a watch, of which this is number ``agent``. ``lease``: it ends when it was not
    read for so many seconds.
    """

    name: str
    nonce: str
    agent: int
    interval: float
    timeout: float
    lease: float
    targets: Sequence[Target]
    responders: Sequence[str | None]
    phases: Sequence[float]
    denied: Sequence[int]

    @property
    def frame(self) -> Frame:
        """The fields of the frame that starts it."""
        return {
            "series": self.name,
            "nonce": self.nonce,
            "agent": self.agent,
            "interval": self.interval,
            "timeout": self.timeout,
            "lease": self.lease,
            "targets": [target.row for target in self.targets],
            "responders": list(self.responders),
            "phases": list(self.phases),
            "denied": list(self.denied),
        }


@dataclass(frozen=True, slots=True)
class Run:
    """Attempts ``first``, ``first`` + 1... of a cell that came to the same.

    ``outcome`` is an ``Outcome``'s value or ``skipped``; ``established``: packets went both ways; ``late``: seconds by
    which the latest of them began after it was due.
    """

    cell: int
    first: int
    count: int
    outcome: str
    error: str | None
    established: bool
    late: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """Request ``number`` of cell ``cell`` of agent number ``agent`` arrived at the agent that tells it."""

    agent: int
    cell: int
    number: int


@dataclass(frozen=True, slots=True)
class Stall:
    """The agent did not run: from ``at``, in seconds since its series began, for so many ``seconds``."""

    at: float
    seconds: float


Entry: TypeAlias = Run | Arrival | Stall


@dataclass(frozen=True, slots=True)
class Reading:
    """A look at the agent's time: it was ``time`` on the series' clock between two instants of ours."""

    asked: float
    answered: float
    time: float


@dataclass(frozen=True, slots=True)
class News:
    """What is new: entries from number ``first`` on, of which the newest that there is has number ``last``."""

    first: int
    entries: tuple[Entry, ...]
    last: int
    ended: bool
    reading: Reading


async def start_series(channel: AgentChannel, plan: SeriesPlan) -> Reading:
    """Begin a series, unless it was begun already. Raises AgentLost."""
    asked = now()
    return _reading(asked, await channel.ask("series", **plan.frame))


async def read_series(channel: AgentChannel, name: str, since: int) -> News:
    """The entries after number ``since``, which the agent forgets with all before it. Raises AgentLost."""
    asked = now()
    frame = await channel.ask("read", series=name, since=since)
    try:
        entries = tuple(map(_entry, frame["entries"]))
        return News(int(frame["first"]), entries, int(frame["last"]), bool(frame["ended"]), _reading(asked, frame))
    except (KeyError, TypeError, ValueError) as error:
        raise malformed("read", error) from error


async def stop_series(channel: AgentChannel, name: str) -> None:
    """Have a series end. Raises AgentLost."""
    await channel.ask("stop", series=name)


def _reading(asked: float, frame: Frame) -> Reading:
    try:
        return Reading(asked, now(), float(frame["time"]))
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(str(frame.get("op")), error) from error


def _entry(row: Any) -> Entry:
    match row:
        case ["r", int(cell), int(first), int(count), str(outcome), str() | None as error, int(established), late, _]:
            return Run(cell, first, count, outcome, error, bool(established), float(late))
        case ["a", int(agent), int(cell), int(number), _, _]:
            return Arrival(agent, cell, number)
        case ["s", at, seconds]:
            return Stall(float(at), float(seconds))
        case _:
            raise ValueError(f"no entry of a series: {row!r}")
