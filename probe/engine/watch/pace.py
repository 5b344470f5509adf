"""How often each cell is tried: at the rate that is asked for, unless all together would be too much."""

from __future__ import annotations

from dataclasses import dataclass

from probe.model.errors import UsageError

SHORTEST_INTERVAL = 0.01
MOST_OF_AN_AGENT = 400.0
"""Attempts a second from one pod. Each has a source port of its own, of some 28,000; by the time that they come round,
a minute later, connection tracking must have forgotten the flow: else an old one would speak for a new one."""
_GOLDEN = 0.6180339887498949
"""Its multiples, modulo 1, fill the circle evenly, however many there are and wherever one begins to count."""


@dataclass(frozen=True, slots=True)
class WatchPace:
    """``interval``: seconds between two attempts of a cell. ``load``: attempts a second in all."""

    interval: float
    load: float

    @classmethod
    def of(cls, cells: int, most: int, rate: float, max_load: float) -> WatchPace:
        """The pace for so many cells, at most ``most`` of one pod. Raises UsageError for a rate that no agent keeps."""
        if rate > 1 / SHORTEST_INTERVAL:
            raise UsageError(f"--rate {rate:g} is too much for a cell: at most {1 / SHORTEST_INTERVAL:g} a second")
        rate = min(rate, max_load / max(1, cells), MOST_OF_AN_AGENT / max(1, most))
        return cls(1 / rate, rate * cells)

    def phase(self, index: int) -> float:
        """Where in the interval the ``index``th cell of all has its place. Those of one agent are spread as well."""
        return index * _GOLDEN % 1.0 * self.interval
