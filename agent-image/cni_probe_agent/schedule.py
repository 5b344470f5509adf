"""When the attempts of a series are due: every cell once an interval, each at a phase of its own.

All cells have the same interval, so what is due next goes round in a circle: no heap, nothing to sort twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Due(NamedTuple):
    """The attempt of a cell that is due at ``at`` (monotonic seconds)."""

    at: float
    cell: int
    number: int


class Schedule:
    """Attempt ``n`` of cell ``c`` is due at ``base + phases[c] + n * interval``. There must be cells."""

    def __init__(self, base: float, interval: float, phases: Sequence[float]) -> None:
        self._base = base
        self._interval = interval
        self._phases = phases
        self._order = sorted(range(len(phases)), key=lambda cell: phases[cell])
        self._place = 0
        self._round = 0

    @property
    def next(self) -> Due:
        """The attempt that is due next."""
        cell = self._order[self._place]
        return Due(self._base + self._phases[cell] + self._round * self._interval, cell, self._round)

    def advance(self) -> None:
        """The next attempt is made, or was skipped."""
        self._place += 1
        if self._place == len(self._order):
            self._place = 0
            self._round += 1
