"""Lanes for tests, written as a word: one letter an attempt."""

from __future__ import annotations

from itertools import groupby

from probe.cluster.series import Run
from probe.engine.watch.lane import Lane, Watched
from probe.engine.watch.spans import Frame, Sleep
from probe.model.cell import Cell, Expectation, Protocol

INTERVAL = 0.2
_OUTCOMES = {
    "c": ("connected", True),
    "t": ("timed-out", False),
    "r": ("refused", False),
    "e": ("timed-out", True),  # the handshake was completed
    "w": ("wrong-responder", True),
    "a": ("agent-error", False),
    "-": ("skipped", False),
}


def lane(expected: Expectation, word: str, arrived: tuple[int, ...] = ()) -> Lane:
    """A lane whose attempts came to what the letters say; a blank is an attempt that was never told of."""
    cell = Cell("shop/web", "shop/db", 5432, Protocol.TCP)
    found = Lane(Watched(cell, expected, 0, 0.0))
    number = 0
    for letter, group in groupby(word):
        count = len(list(group))
        if letter != " ":
            outcome, established = _OUTCOMES[letter]
            found.take(Run(0, number, count, outcome, None, established, 0.0))
        number += count
    for each in arrived:
        found.arrive(each)
    return found


def frame(attempts: int, sleeps: tuple[Sleep, ...] = (), error: float = 0.001) -> Frame:
    """Times for a watch in which so many attempts were due; the clocks agree."""
    return Frame(INTERVAL, 0.9, (attempts - 1) * INTERVAL, lambda time: (time, error), sleeps)
