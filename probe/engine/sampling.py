"""How often cells that do not match yet are tried again, and which these are.

The interval bounds the error of every time to enforce, so it is short at first and stays a small part of the time that
has passed. The run's pace bounds it from below: cells wait for each other in a large fleet, and half of the pace is all
that trying again may take, so that probing itself does not delay what it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

from probe.engine.agents import Pace
from probe.engine.track import Track
from probe.model.cell import Cell

FIRST_INTERVAL: Final = 0.05
"""Seconds."""
_GROWTH: Final = 0.02
"""Of the time that has passed."""
_SHARE: Final = 0.5
"""Of the run's pace."""
_LATE: Final = 0.25
"""Seconds after which a volley is taken to be late."""


@dataclass(slots=True)
class Sampling:
    """Chooses the pause after each volley of attempts. ``held``: for how many seconds a silent one holds its socket."""

    pace: Pace
    held: float
    _began: float = field(default_factory=time.monotonic)

    def pause(self, tracks: Sequence[Track]) -> float:
        """Seconds until the next attempts may begin, after those of ``tracks`` did."""
        wanted = max(FIRST_INTERVAL, _GROWTH * (time.monotonic() - self._began))
        if not tracks:
            return wanted
        first = all(track.last is None for track in tracks)  # everything has to be tried once, as quickly as may be
        cost = self.pace.seconds((track.planned.cell for track in tracks), self.held)
        return max(wanted, cost if first else cost / _SHARE)

    def home(self, tracks: Sequence[Track]) -> float:
        """Seconds until attempts of ``tracks`` that begin now should all have come home."""
        return self.pace.seconds((track.planned.cell for track in tracks), self.held) + self.held


class Waiting:
    """The tracks that are to match yet, by cell. ``untried``: how many of them have seen no outcome at all."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks: dict[Cell, Track] = {track.planned.cell: track for track in tracks if track.pending}
        self._untried = {cell for cell, track in self.tracks.items() if track.last is None}
        self._over = asyncio.Event()

    @property
    def untried(self) -> int:
        """How many have not been tried once."""
        return len(self._untried)

    def see(self, track: Track) -> None:
        """An attempt of a track came home."""
        cell = track.planned.cell
        self._untried.discard(cell)
        if track.pending:
            self.tracks[cell] = track
            self._over.clear()
            return
        self.tracks.pop(cell, None)

    def settle(self) -> None:
        """End the wait if nothing is left to wait for."""
        if not self.tracks:
            self._over.set()

    async def change(self, seconds: float) -> None:
        """Wait so long, or until nothing is left to wait for."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return


class Volleys:
    """Attempts that are under way. Leaving the block waits for those that are, or cancels them if an error ends it."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], float] = {}

    async def __aenter__(self) -> Volleys:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.home()
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def launch(self, work: Coroutine[None, None, None], seconds: float) -> None:
        """Begin. ``seconds``: when it should be home."""
        self._tasks[asyncio.create_task(work)] = time.monotonic() + seconds + _LATE

    def overdue(self) -> bool:
        """Whether one is not home yet though it should be: agents are slower than asked, and more would not help.

        Raises what a volley raised.
        """
        for task in [task for task in self._tasks if task.done()]:
            del self._tasks[task]
            task.result()
        return any(time.monotonic() > expected for expected in self._tasks.values())

    async def home(self) -> None:
        """Wait until all are home. Raises what a volley raised."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.overdue()
