"""A bound on requests per second, kept on our side so that a run never crowds out an API server's other users."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

DEFAULT_RATE = 50.0
"""Requests per second over time, and twice as many at once: kubectl's own bounds (client-go ``QPS`` and ``Burst``)."""


class RequestPace:
    """A token bucket: ``rate`` requests a second over time, ``burst`` at once. First come, first served."""

    def __init__(self, rate: float, burst: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 < rate < math.inf:
            raise ValueError(f"a rate of {rate} requests a second")
        self._rate = rate
        self._burst = max(1.0, 2 * rate if burst is None else burst)
        self._tokens = self._burst
        self._clock = clock
        self._seen = clock()

    async def take(self) -> None:
        """Wait for one's turn."""
        # The token is taken at once, on credit: whoever comes next waits longer, so that turns keep their order.
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate) - 1.0
        self._seen = now
        if self._tokens < 0:
            try:
                await asyncio.sleep(-self._tokens / self._rate)
            except asyncio.CancelledError:
                self._tokens += 1.0  # not used: the turn of the next
                raise
