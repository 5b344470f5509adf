"""A batch of dials: as many workers as sockets may be in flight, which share one queue of targets.

The batch lives in the agent, not in a stream: when the control stream breaks it goes on, and its results wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from .dialer import Dialer, Target
from .reactor import Reactor, now, sleep_until

MAX_IN_FLIGHT: Final = 1024
MAX_TARGETS: Final = 1_000_000
MAX_QUEUED: Final = 16_384
_RESULTS_PER_FRAME: Final = 200
_HEARTBEAT: Final = 0.02
_BEATS_PER_FRAME: Final = 5
_SLOT: Final = 0.02
"""Seconds whose starts a paced batch makes together: one turn of the loop serves them all, here and at responders."""

Emit = Callable[[dict[str, Any]], None]


class Batch:
    """Dials ``total`` targets, which arrive in one or more chunks, and emits ``results`` frames and one ``done``."""

    def __init__(
        self,
        reactor: Reactor,
        dialer: Dialer,
        emit: Emit,
        *,
        id: str,
        nonce: str,
        timeout: float,
        in_flight: int,
        rate: float,
        total: int,
    ) -> None:
        self.id = id
        self.finished = total == 0
        self._reactor = reactor
        self._dialer = dialer
        self._emit = emit
        self._nonce = nonce
        self._timeout = timeout
        self._rate = rate
        self._total = total
        self._in_flight = min(max(in_flight, 1), MAX_IN_FLIGHT)
        self._workers = 0
        self._queue: deque[tuple[int, Target]] = deque()
        self._known = 0  # targets received
        self._ended = 0  # targets with a result
        self._results: list[tuple[Any, ...]] = []
        self._base = self._next_start = now()
        self._lag = 0.0
        if self.finished:
            self._done()
        else:
            reactor.spawn(self._watch_lag())

    def add(self, first: int, targets: Sequence[Target]) -> None:
        """Queue targets ``first``, ``first + 1``...; those that are known already are skipped (a repeated frame).

        ValueError when there is a gap before them, or there are more than announced or than the queue may hold.
        """
        fresh = targets[max(self._known - first, 0) :]
        if first > self._known:
            raise ValueError(f"targets from {first}, but only {self._known} came before")
        if fresh and self._known + len(fresh) > self._total:
            raise ValueError(f"more targets than the {self._total} announced")
        if len(self._queue) + len(fresh) > MAX_QUEUED:
            raise ValueError(f"more than {MAX_QUEUED} targets are waiting: send them in smaller parts")
        for target in fresh:
            self._queue.append((self._known, target))
            self._known += 1
        while self._workers < min(self._in_flight, self._known - self._ended):
            self._workers += 1
            self._reactor.spawn(self._work())

    async def _work(self) -> None:
        """Dial one target after the other while there are any."""
        while self._queue:
            index, target = self._queue.popleft()
            if self._rate > 0:
                await self._turn()
            result = await self._dialer.dial(target, f"{self._nonce}.{index}", self._timeout)
            self._results.append((index, *result))
            self._ended += 1
            if len(self._results) >= _RESULTS_PER_FRAME or self._ended == self._known:
                self._flush()
        self._workers -= 1

    async def _turn(self) -> None:
        """Wait until the slot in which the next target is due by the batch's rate."""
        time_now = now()
        due = max(self._next_start, time_now)
        self._next_start = due + 1 / self._rate
        slot = due - (due - self._base) % _SLOT
        if slot > time_now:
            await sleep_until(slot)

    def _flush(self) -> None:
        """Emit the results so far, and the completion marker when they are all."""
        self._emit({"op": "results", "id": self.id, "results": self._results, "lag": round(self._lag, 6)})
        self._results = []
        if self._ended == self._total:
            self._done()

    def _done(self) -> None:
        self.finished = True
        self._emit({"op": "done", "id": self.id, "count": self._total, "lag": round(self._lag, 6)})

    async def _watch_lag(self) -> None:
        """Measure how late this loop wakes: evidence whether a time-out may be our own slowness.

        Results go out from here, too: once no more come for a beat, and at every fifth if they do. Who waits for an
        answer learns of it without waiting for others' silence, and not by a frame for each.
        """
        before = beat = 0
        while not self.finished:
            due = now() + _HEARTBEAT
            await sleep_until(due)
            self._lag = max(self._lag, now() - due)
            beat += 1
            if self._results and (len(self._results) == before or beat % _BEATS_PER_FRAME == 0):
                self._flush()
            before = len(self._results)
