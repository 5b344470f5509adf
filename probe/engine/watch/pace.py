"""How often each cell is tried: at the rate that is asked for, unless all together would be too much."""

from __future__ import annotations

from dataclasses import dataclass

from probe.model.errors import UsageError
from probe.scenario.watching import heartbeat_mistake

SHORTEST_INTERVAL = 0.01
MOST_OF_AN_AGENT = 400.0
"""Attempts a second from one pod. Each has a source port of its own, of some 28,000; by the time that they come round,
a minute later, connection tracking must have forgotten the flow: else an old one would speak for a new one."""
_GOLDEN = 0.6180339887498949
"""Its multiples, modulo 1, fill the circle evenly, however many there are and wherever one begins to count."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many ``ends`` (cells, or held connections), each ``rate`` times a second; ``most`` of them of one pod."""

    ends: int
    most: int
    rate: float


@dataclass(frozen=True, slots=True)
class WatchPace:
    """``interval``: seconds between two attempts of a cell. ``load``: attempts a second in all. ``heartbeat``: seconds
    between two of a held connection."""

    interval: float
    load: float
    heartbeat: float = 0.2

    @classmethod
    def of(cls, cells: Load, held: Load, max_load: float) -> WatchPace:
        """Within the bound, to which attempts and heartbeats both give way. Raises UsageError for too high a rate, and
        where heartbeats would be so far apart that a connection could be cut unseen."""
        if cells.rate > 1 / SHORTEST_INTERVAL:
            raise UsageError(
                f"--rate {cells.rate:g} is too much for a cell: at most {1 / SHORTEST_INTERVAL:g} a second"
            )
        share = min(1.0, max_load / max(1.0, cells.ends * cells.rate + held.ends * held.rate))
        rate = min(cells.rate * share, MOST_OF_AN_AGENT / max(1, cells.most))
        heartbeat = 1 / (held.rate * share)
        if held.ends and (mistake := heartbeat_mistake(heartbeat)) is not None:
            raise UsageError(
                f"{held.ends} held connections would have a heartbeat every {heartbeat:.3g} s (--max-load "
                f"{max_load:g}), which {mistake}: allow more load, or hold fewer connections"
            )
        return cls(1 / rate, rate * cells.ends, heartbeat)

    def phase(self, index: int) -> float:
        """Where in the interval the ``index``th cell of all has its place. Those of one agent are spread as well."""
        return index * _GOLDEN % 1.0 * self.interval
