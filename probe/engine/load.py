"""How much a run asks of the cluster, and of the machine that it runs on, at any moment: bounds over all its lanes.

Probes are started at no more than the run's rate: lanes take turns, each round at the whole rate. And where agents turn
out to be starved of CPU, fewer scenarios run side by side: a slower run is better than one that cannot tell
silence from its own slowness.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

STRAIN: Final = 0.25
"""Of an attempt's timeout: agents whose clocks lag by more have too much to do (`starvation` believes no more)."""
_PATIENCE: Final = 2.0
"""Seconds between two cuts, so that a cut can show its effect."""


@dataclass(slots=True)
class Load:
    """``lanes`` is the most that may measure at a time; how many do is between one and that."""

    lanes: int = 1
    limit: int = field(init=False)
    least: int = field(init=False)
    worst_lag: float = 0.0
    _measuring: int = 0
    _free_at: float = 0.0
    _cut_at: float = -_PATIENCE
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.limit = self.least = self.lanes

    async def turn(self, seconds: float) -> None:
        """Wait until the rate is ours for so long. Turns are in the order in which they were asked for."""
        loop = asyncio.get_running_loop()
        begin = max(loop.time(), self._free_at)
        self._free_at = begin + seconds
        if (wait := begin - loop.time()) > 0:
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[None]:
        """A scenario is measured in the block; waits while as many as may be are."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._measuring < self.limit)
            self._measuring += 1
        cut_before = self._cut_at
        try:
            yield
        finally:
            self._measuring -= 1
            if self._cut_at == cut_before and self.limit < self.lanes:
                self.limit += 1  # it went well: one more may try
            async with self._changed:
                self._changed.notify_all()

    def note(self, lag: float, timeout: float) -> None:
        """Agents' clocks lagged by at most ``lag`` seconds in a round whose attempts had ``timeout`` seconds."""
        if lag <= STRAIN * timeout:
            return
        self.worst_lag = max(self.worst_lag, lag)
        now = asyncio.get_running_loop().time()
        if self.lanes > 1 and now - self._cut_at > _PATIENCE:
            self._cut_at = now
            self.limit = max(1, min(self.limit, self._measuring) // 2)
            self.least = min(self.least, self.limit)
