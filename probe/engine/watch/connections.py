"""Connections that are held through a watch: one to each allowed cell, opened before the command, followed to the end.

What a cluster does to packets of new connections says nothing of those that are open, and the other way round. Each
carries a heartbeat both ways. One that is answered to the end was kept; one that fell silent and came back has stalled;
one that stayed silent was cut, and one that was told so (RST, ICMP, an end of the stream) has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from probe.cluster.channel import Target
from probe.cluster.clock import now
from probe.cluster.holding import MAX_HELD, Connection, HeldEvent, HeldNews, HoldPlan, hold, news_of, release
from probe.cluster.series import Reading
from probe.engine.routes import Route
from probe.engine.watch.clock import SeriesClock
from probe.engine.watch.collector import Collector
from probe.engine.watch.options import Wanted
from probe.engine.watch.spans import Sleep
from probe.model.cell import Cell, Expectation, Path
from probe.model.errors import ClusterError, UsageError
from probe.model.watch import Fate, Stall, WatchedConnection

_PATIENCE_SECONDS = 0.9
_PATIENCE_INTERVALS = 1.5
"""Of heartbeats, at least: between one and two, so that a datagram that is lost alone is no stall."""
_LEASE_SECONDS = 6 * 3600.0
_POLL_SECONDS = 1.0
_PAUSE = 0.2


@dataclass(slots=True)
class _Agent:
    """The connections of one pod, and what is known of them. Times of ``news`` and ``events`` are its own."""

    pod: str
    plan: HoldPlan
    cells: Sequence[Cell]
    collector: Collector
    clock: SeriesClock = field(default_factory=SeriesClock)
    news: HeldNews | None = None
    events: list[HeldEvent] = field(default_factory=list)
    trouble: str = ""
    is_read: bool = False

    async def begin(self) -> None:
        """Have them opened. What goes wrong is kept."""
        channel = self.collector.channel
        try:
            if channel is None:
                self.trouble = "the agent was away when connections were to be opened"
            else:
                await hold(channel, self.plan)
        except ClusterError as error:
            self.trouble = f"they could not be opened: {error}"

    async def read(self) -> bool:
        """Take in what is new, if the agent can be asked; whether it could."""
        channel = self.collector.channel
        if channel is None or self.trouble:
            return False
        asked = now()
        since = self.news.last if self.news else 0
        try:
            frame = await channel.ask("read", series=self.plan.name, since=since)
        except ClusterError:
            return False  # its collector finds out why
        news = news_of(frame, float(frame["time"]), since)
        self.clock.see(Reading(asked, now(), news.at))
        self.events += news.events
        self.news = news
        if news.lost:
            self.trouble = f"{news.lost} entries about them were lost: nobody collected them in time"
        return True

    async def settle(self) -> None:
        """Read, as soon as the agent can be asked, until it is known of each whether it is still answered."""
        while not self.trouble:
            if await self.read() and not (self.trouble or self._is_open_question):
                self.is_read = True
                return
            self.trouble = self.trouble or self.collector.lost
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Have them closed, if the agent can be asked."""
        if self.collector.channel is not None:
            with suppress(ClusterError):
                await release(self.collector.channel, self.plan.name)

    @property
    def _is_open_question(self) -> bool:
        """Whether a heartbeat of any is unanswered that may still be: a cut at the very end looks the same."""
        return self.news is not None and any(
            it.opened is not None and not it.ended and it.unanswered_since is not None and not self.is_quiet(it)
            for it in self.news.connections
        )

    def is_quiet(self, connection: Connection) -> bool:
        """Whether it has been unanswered for so long that it is called cut."""
        since = connection.unanswered_since
        return since is not None and self.news is not None and self.news.at - since > self.plan.patience


@dataclass(frozen=True, slots=True)
class Held:
    """The cells to which connections are held; ``missing`` are sentences about what has none."""

    cells: tuple[tuple[Cell, Expectation, Route], ...]
    missing: tuple[str, ...] = ()


def choose_held(cells: Sequence[tuple[Cell, Expectation, Route]], wanted: Sequence[Wanted]) -> Held:
    """Of cells that are watched the allowed ones that are wanted, and at whose other end an agent answers."""
    chosen = tuple(
        each
        for each in cells
        if each[1] is Expectation.ALLOW and _is_ours(each) and any(each[0] in it.cells for it in wanted)
    )
    found = {cell for cell, _, _ in chosen}
    without = (it.place for it in wanted if not found & it.cells)
    return Held(
        chosen, tuple(f"no connection could be held for {it}: no such cell is watched, and allowed" for it in without)
    )


def _is_ours(each: tuple[Cell, Expectation, Route]) -> bool:
    cell, _, route = each
    return cell.path is not Path.DNS and (cell.path is not Path.EXTERNAL or route.responder is not None)


@dataclass(slots=True)
class Connections:
    """All of them. ``hold``; ``follow`` until cancelled; ``finish``; ``records``."""

    agents: dict[str, _Agent] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _begun: bool = False

    @classmethod
    def of(
        cls, cells: Sequence[tuple[Cell, Expectation, Route]], collectors: dict[str, Collector], heartbeat: float
    ) -> Connections:
        """A connection to each cell. Raises UsageError when a pod would have too many."""
        found = cls()
        found._numbers = {pod: number for number, pod in enumerate(collectors)}
        for pod, collector in collectors.items() if cells else ():
            mine = [(cell, route) for cell, _, route in cells if cell.source == pod]
            if len(mine) > MAX_HELD:
                raise UsageError(
                    f"{pod} would hold {len(mine)} connections: at most {MAX_HELD} can be held by one pod; choose some "
                    "under spec.watch.connections of the scenario"
                )
            name = f"hold-{collector.plan.nonce}"
            plan = HoldPlan(
                name, name, found._numbers[pod], heartbeat, _patience(heartbeat), _LEASE_SECONDS,
                [Target(route.address, route.port, cell.protocol) for cell, route in mine],
                [route.responder for _, route in mine],
            )  # fmt: skip
            found.agents[pod] = _Agent(pod, plan, [cell for cell, _ in mine], collector)
        return found

    async def hold(self) -> None:
        """Have them opened."""
        self._begun = True
        await asyncio.gather(*(agent.begin() for agent in self.agents.values()))

    async def follow(self) -> None:
        """Read what becomes of them, until cancelled."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await asyncio.gather(*(agent.read() for agent in self.agents.values()))

    async def finish(self, seconds: float) -> None:
        """Read until all is known of them, for at most so long, and close them."""
        if not self._begun:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(agent.settle() for agent in self.agents.values()))
                await asyncio.gather(*(agent.read() for agent in self.agents.values()))  # what arrived until then
                await asyncio.gather(*(agent.close() for agent in self.agents.values()))

    def records(self, began: float, sleeps: Callable[[str], Sequence[Sleep]]) -> Iterator[WatchedConnection]:
        """What became of each. ``began``: of the watch, on our clock; ``sleeps``: when a pod's agent did not run."""
        for agent in self.agents.values():
            for number, cell in enumerate(agent.cells):
                slept = (*sleeps(cell.source), *sleeps(cell.destination))
                yield self._record(agent, number, cell, began, slept)

    def _record(
        self, agent: _Agent, number: int, cell: Cell, began: float, slept: Sequence[Sleep]
    ) -> WatchedConnection:
        record = WatchedConnection(
            cell.source, cell.destination, cell.port, cell.protocol, cell.family, cell.path, cell.via, Fate.UNKNOWN
        )
        there = self.agents.get(cell.destination)
        lost = agent.collector.lost or (there.collector.lost if there else "")
        if lost:  # whose end is gone is no matter of the network
            record.error = f"an end of it was lost: {lost}"
            return record
        if agent.news is None or not agent.is_read:
            unasked = "its agent could not be asked in the end" if self._begun else "it was never opened"
            record.error = agent.trouble or unasked
            return record

        def at(time: float) -> float:
            return round(agent.clock.instant(time)[0] - began, 3)

        held = agent.news.connections[number]
        record.sent, record.answered = held.sent, held.answered
        record.arrived = self._arrived(agent, number, cell)
        events = [event for event in agent.events if event.connection == number]
        stalls = [Stall(at(it.since), at(it.at)) for it in events if it.kind == "b" and it.since is not None]
        record.stalls = [stall for stall in _merged(stalls) if not _explained(stall, slept)]
        if held.opened is None:
            record.error = held.error or "it was never answered"
        elif held.ended is not None and held.ended_at is not None:
            record.fate, record.ended, record.error = Fate.ENDED, at(held.ended_at), f"{held.ended} ({held.error})"
        elif held.unanswered_since is not None and agent.is_quiet(held):
            record.fate, record.ended = Fate.CUT, at(held.unanswered_since)
            record.error = _where(record.arrived, held.latest)
        else:
            record.fate = Fate.STALLED if record.stalls else Fate.KEPT
        return record

    def _arrived(self, agent: _Agent, number: int, cell: Cell) -> int | None:
        """The highest heartbeat that the responder has had; None where it cannot be asked."""
        there = self.agents.get(cell.destination)
        if there is None or there.news is None:
            return None
        heard = there.news.heard.get((self._numbers[agent.pod], number))
        return heard.latest if heard else 0


def _patience(heartbeat: float) -> float:
    """Seconds without an answer after which a connection is quiet."""
    return max(_PATIENCE_SECONDS, _PATIENCE_INTERVALS * heartbeat)


def _merged(stalls: Sequence[Stall]) -> list[Stall]:
    """Stalls in order. What a retransmission brings late is answered late, and looks like another stall."""
    found: list[Stall] = []
    for stall in stalls:
        if found and stall.since <= found[-1].until:
            found[-1] = Stall(found[-1].since, max(stall.until, found[-1].until))
        else:
            found.append(stall)
    return found


def _explained(stall: Stall, sleeps: Sequence[Sleep]) -> bool:
    """Whether an end had no CPU for most of the time."""
    slept = sum(max(0.0, min(stall.until, it.end) - max(stall.since, it.begin)) for it in sleeps)
    return slept > (stall.until - stall.since) / 2


def _where(arrived: int | None, answered: int) -> str:
    """Which way was cut, as the two ends have it."""
    if arrived is None:
        return "no answer any more"
    if arrived > answered:
        return "requests still arrived, answers came back no more"
    return "requests arrived no more"
