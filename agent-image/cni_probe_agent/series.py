"""A series: cells that are probed at a steady pace for as long as it takes, whoever listens.

It belongs to the agent and to no stream or session: streams may break and orchestrators come back minutes later.
What it saw is in a ring, as runs of equal outcomes (``Runs``), and is read with the number of the last entry that the
reader has. A series that nobody reads for a whole ``lease`` ends by itself.

The agent watches its own wakefulness. Time for which it did not run (no CPU, a frozen container) is taken out of every
timeout, so that it never makes up a loss, and is told as a stall; so is an attempt that was never made.
"""

from __future__ import annotations

import contextlib
import select
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from . import outcome, wire
from .flight import Aim, Flight
from .reactor import Reactor, now, readable
from .receipts import Receipts
from .ring import Ring
from .runs import SKIPPED, Ended, Runs
from .schedule import Due, Schedule
from .sockets import SourcePorts

MAX_CELLS: Final = 4096
MAX_IN_FLIGHT: Final = 4096
MAX_NONCE: Final = 80  # of the 116 of a request: agent, cell and number take the rest
ENTRIES_PER_READ: Final = 4096
NOTICEABLE: Final = 0.05
"""Seconds: being late by less is the machine's ordinary breathing."""
_HEARTBEAT: Final = 0.05
_STARTS_PER_TURN: Final = 64
_ARRIVALS_KEPT: Final = 4096
_TOO_MANY: Final = f"more than {MAX_IN_FLIGHT} attempts under way"


@dataclass(frozen=True)
class Plan:
    """What a series does. ``agent`` is this agent's number among those of the watch; ``nonce`` is common to them all.

    Cell ``c`` dials ``aims[c]``, at phase ``phases[c]`` of the ``interval``; ``timeout`` is one attempt's. Requests of
    cells in ``denied`` are marked, so that whoever receives one tells of it. Times in seconds.
    """

    nonce: str
    agent: int
    interval: float
    timeout: float
    lease: float
    aims: Sequence[Aim]
    phases: Sequence[float]
    denied: Collection[int] = field(default_factory=frozenset)


class Series:
    """Runs one plan from now on. Entries of its ring, times in seconds since its start:

    ``["r", cell, first, count, outcome, error, established, late, seconds]``, see ``Runs``;
    ``["a", agent, cell, number, source, at]``: a request of a denied cell has arrived here;
    ``["s", at, seconds]``: the agent did not run.
    """

    def __init__(self, reactor: Reactor, ports: SourcePorts, receipts: Receipts, plan: Plan) -> None:
        self.ended = False
        self._plan = plan
        self._ports = ports
        self._receipts = receipts
        self._ring = Ring()
        self._base = self._read_at = now()
        self._epoll = select.epoll()
        self._stopping = False
        self._slept = 0.0
        self._flights: deque[Flight] = deque()  # in the order of their time-outs; those that have ended, too
        self._by_fd: dict[int, Flight] = {}
        self._runs = [Runs(self._emitter(cell)) for cell in range(len(plan.aims))]
        self._schedule = Schedule(self._base, plan.interval, plan.phases) if plan.aims else None
        self._mark = f"{plan.nonce}.d."
        receipts.tap(self._mark, self._arrived)
        reactor.spawn(self._run())

    @property
    def time(self) -> float:
        """Seconds since its start."""
        return round(now() - self._base, 6)

    def stop(self) -> None:
        """Begin no more attempts; it has ended when those under way have."""
        self._stopping = True

    def read(self, since: int) -> dict[str, Any]:
        """Everything after entry ``since``, which and those before it are let go; see the protocol for the fields."""
        self._read_at = now()
        self._ring.forget(since)
        for runs in self._runs:
            runs.flush()
        first, entries = self._ring.head(ENTRIES_PER_READ)
        return {"first": first, "entries": entries, "last": self._ring.last, "time": self.time, "ended": self.ended}

    def _emitter(self, cell: int) -> Callable[[list[Any]], None]:
        return lambda run: self._ring.add(["r", cell, *run])

    def _arrived(self, nonce: str, source: str) -> None:
        """A request of a denied cell, of whichever agent."""
        with contextlib.suppress(ValueError):  # a stranger can send anything
            agent, cell, number = map(int, nonce.removeprefix(self._mark).split("."))
            self._ring.add(["a", agent, cell, number, source, self.time])

    async def _run(self) -> None:
        try:
            while not (self._stopping and not self._by_fd):
                waiting_since = now()
                wake = max(waiting_since, min(self._next_time(), waiting_since + _HEARTBEAT))
                with contextlib.suppress(TimeoutError):
                    await readable(self._epoll, wake)
                self._notice_stall(wake)
                self._take_news()
                self._expire()
                self._start_due()
                if now() - self._read_at > self._plan.lease:
                    self._stopping = True
        finally:
            self._close()

    def _close(self) -> None:
        self._receipts.untap(self._mark)
        for flight in self._by_fd.values():
            flight.ended("")
        for runs in self._runs:
            runs.flush()
        self._epoll.close()
        self.ended = True

    def _next_time(self) -> float:
        """When there is something to do, if no socket has news."""
        while self._flights and self._flights[0].sock is None:
            self._flights.popleft()
        times = [self._flights[0].awake + self._plan.timeout + self._slept] if self._flights else []
        if self._schedule is not None and not self._stopping:
            times.append(self._schedule.next.at)
        return min(times, default=float("inf"))

    def _notice_stall(self, wake: float) -> None:
        late = now() - wake
        if late > NOTICEABLE:
            self._slept += late
            self._ring.add(["s", round(wake - self._base, 4), round(late, 4)])

    def _take_news(self) -> None:
        """What has come comes before time-outs: an answer that is here is never called late."""
        for fd, _ in self._epoll.poll(0, len(self._by_fd) + 1):
            flight = self._by_fd[fd]
            ended = flight.go_on(self._epoll)
            if ended is not None:
                del self._by_fd[fd]
                self._land(flight, ended)

    def _expire(self) -> None:
        overdue = now() - self._slept - self._plan.timeout
        while self._flights and (self._flights[0].sock is None or self._flights[0].awake <= overdue):
            flight = self._flights.popleft()
            if flight.sock is not None:
                del self._by_fd[flight.sock.fileno()]
                self._land(flight, flight.timed_out())

    def _start_due(self) -> None:
        if self._schedule is None or self._stopping:
            return
        for _ in range(_STARTS_PER_TURN):
            due = self._schedule.next
            late = now() - due.at
            if late < 0:
                return
            self._schedule.advance()
            if late > self._plan.interval:
                self._skip(due, late, None)
            elif len(self._by_fd) >= MAX_IN_FLIGHT:
                self._skip(due, late, _TOO_MANY)
            else:
                self._start(due)

    def _skip(self, due: Due, late: float, error: str | None) -> None:
        self._runs[due.cell].add(due.number, Ended(SKIPPED, error, False, late, 0.0))

    def _start(self, due: Due) -> None:
        kind = "d" if due.cell in self._plan.denied else "a"
        nonce = f"{self._plan.nonce}.{kind}.{self._plan.agent}.{due.cell}.{due.number}"
        flight = Flight(self._plan.aims[due.cell], due.cell, due.number, nonce)
        flight.began = now()
        flight.awake = flight.began - self._slept
        flight.late = flight.began - due.at
        try:
            ended = flight.start(self._ports, self._epoll)
        except Exception as error:  # noqa: BLE001 - a series must not lose an attempt to a bug: it is told as one
            ended = flight.ended(outcome.AGENT_ERROR, f"{type(error).__name__}: {error}")
        if ended is not None:
            self._land(flight, ended)
        elif flight.sock is not None:
            self._by_fd[flight.sock.fileno()] = flight
            self._flights.append(flight)

    def _land(self, flight: Flight, ended: Ended) -> None:
        self._runs[flight.cell].add(flight.number, ended._replace(seconds=now() - flight.began))


def valid_nonce(nonce: str) -> bool:
    """Whether a nonce leaves room for what a series puts behind it."""
    return len(nonce) <= MAX_NONCE and wire.valid_nonce(nonce)
