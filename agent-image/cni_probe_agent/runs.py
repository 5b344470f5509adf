"""What came of the attempts of a series, as runs of equal outcomes: hours of success take one entry, a change one more.

Attempts of a cell are numbered, and end in any order (a time-out ends long after the success that followed it). They
are put in order here, so that a run is a stretch of numbers without a hole, and every number is told of once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

SKIPPED: Final = "skipped"
"""Instead of an outcome: the attempt was never made, because the agent was late by more than a whole interval."""


class Ended(NamedTuple):
    """What came of one attempt. ``established``: packets went both ways. ``late``: seconds from when it was due."""

    outcome: str
    error: str | None
    established: bool
    late: float
    seconds: float


class Runs:
    """The runs of one cell.

    ``emit`` takes each as ``[first number, count, outcome, error, established, late, seconds]``;
    ``late`` and ``seconds`` are the worst of the run, in seconds.
    """

    __slots__ = ("_count", "_early", "_emit", "_first", "_kind", "_late", "_next", "_seconds")

    def __init__(self, emit: Callable[[list[Any]], None]) -> None:
        self._emit = emit
        self._next = 0
        self._early: dict[int, Ended] = {}  # ended before one of the attempts before them
        self._kind: tuple[str, str | None, bool] | None = None
        self._first = self._count = 0
        self._late = self._seconds = 0.0

    def add(self, number: int, ended: Ended) -> None:
        """Attempt ``number`` has ended."""
        self._early[number] = ended
        while (known := self._early.pop(self._next, None)) is not None:
            self._next += 1
            self._append(known)

    def _append(self, ended: Ended) -> None:
        kind = ended[:3]
        if kind != self._kind:
            self.flush()
            self._kind, self._first = kind, self._next - 1
        self._count += 1
        self._late = max(self._late, ended.late)
        self._seconds = max(self._seconds, ended.seconds)

    def flush(self) -> None:
        """Emit the run so far; the next attempt begins another, even if it ends the same."""
        if self._kind is not None:
            outcome, error, established = self._kind
            numbers = [round(self._late, 4), round(self._seconds, 4)]
            self._emit([self._first, self._count, outcome, error, int(established), *numbers])
        self._kind = None
        self._count = 0
        self._late = self._seconds = 0.0
