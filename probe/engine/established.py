"""Connections that are open when a step's changes are made: held through them, and judged by what became of them.

The API says what policies do to connections that are to be opened, and leaves open what a change means for those that
are (cut, or kept for as long as they last). So the fate of those that may no longer be opened is recorded, and judged
only where the scenario demands one. Those that may be opened after the change as before are the control: nothing
entitles a network plugin to break them.

A connection is *cut* when it has ended, or when a heartbeat and all after it stay unanswered for as long as a
confirmation waits, though both ends are well. It is *kept* when a heartbeat is answered after all was measured.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from probe.cluster.channel import Target
from probe.cluster.clock import now
from probe.cluster.holding import MAX_HELD, Connection, HeldEvent, HeldNews, HoldPlan, hold, read_held, release
from probe.engine.agent import Agent, Sample
from probe.engine.agents import Agents
from probe.engine.evidence import topology_of
from probe.engine.fates import Ending, Witness, judge_fate
from probe.engine.liveness import check_responders
from probe.engine.routes import NOT_OURS, Route
from probe.model.cell import Cell, Outcome, Via
from probe.model.errors import AgentLost
from probe.model.record import Attempt, CellRecord, Receipt
from probe.model.scenario import Timeouts
from probe.scenario.established import HeldCell

PHASE = "established"
INTERVAL = 0.05
_LEASE = 600.0
_POLL = 0.05
_SHARE = 0.5
"""Of the run's rate of probes, at most: for heartbeats."""


@dataclass(slots=True)
class _Held:
    """A connection under way. ``number``: its place among those of its agent."""

    item: HeldCell
    route: Route | None
    number: int = 0
    connection: Connection | None = None
    events: list[HeldEvent] = field(default_factory=list)
    trouble: str = ""

    @property
    def cell(self) -> Cell:
        return self.item.planned.cell

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be learnt of it."""
        return bool(self.trouble) or (self.connection is not None and self.connection.ended is not None)


@dataclass(slots=True)
class Established:
    """The connections of one step. ``open``; make the changes; ``follow``; ``records``."""

    agents: Agents
    timeouts: Timeouts
    held: list[_Held] = field(default_factory=list)
    _name: str = field(default_factory=lambda: f"e-{secrets.token_hex(6)}")
    _numbers: dict[str, int] = field(default_factory=dict)
    _news: dict[str, HeldNews] = field(default_factory=dict)
    _slept: dict[str, float] = field(default_factory=dict)
    _ready: float = 0.0
    _followed: bool = False

    # --- before the changes ---

    async def open(self, items: Iterable[HeldCell]) -> None:
        """Open all, and wait for the first answer of each, as long as a confirmation waits."""
        self.held = [self._begin(item) for item in items]
        if not self.held:
            return
        ends = (end for it in self.held for end in (it.cell.source, it.cell.destination))
        known = (pod for pod in dict.fromkeys(ends) if pod in self.agents.by_pod)
        self._numbers = {pod: number for number, pod in enumerate(known)}
        await asyncio.gather(*map(self._hold, self._numbers))
        deadline = now() + self.timeouts.confirm
        while now() < deadline and not all(it.is_over or _is_open(it) for it in self.held):
            await asyncio.sleep(_POLL)
            await self._read()
        self._ready = now()

    def _begin(self, item: HeldCell) -> _Held:
        route = self.agents.route(item.planned.cell)
        if isinstance(route, Sample):
            return _Held(item, None, trouble=route.error or str(route.outcome))
        return _Held(item, route)

    async def _hold(self, pod: str) -> None:
        """Have an agent open its connections; one that has none of its own listens for the others' heartbeats."""
        mine = [it for it in self.held if it.cell.source == pod and it.route is not None]
        for it in mine[MAX_HELD:]:
            it.trouble = f"{pod} would have more than {MAX_HELD} connections"
        targets: list[Target] = []
        responders: list[str | None] = []
        for it in mine[:MAX_HELD]:
            assert it.route is not None
            it.number = len(targets)
            targets.append(Target(it.route.address, it.route.port, it.cell.protocol))
            responders.append(it.route.responder)
        interval = max(INTERVAL, len(self.held) / (self.agents.pace.rate * _SHARE))
        plan = HoldPlan(
            self._name, self._name, self._numbers[pod], interval, self.timeouts.attempt, _LEASE, targets, responders
        )
        try:
            await hold(self.agents.by_pod[pod].channel, plan)
        except AgentLost as error:
            self._lost(pod, error)

    def _lost(self, pod: str, error: AgentLost) -> None:
        for it in self.held:
            if pod == it.cell.source:
                it.trouble = it.trouble or f"the agent of {pod} was lost: {error}"

    # --- after the changes ---

    async def follow(self, acknowledged: float, items: Iterable[HeldCell]) -> None:
        """Watch until the fate of each is known, and for at least as long after the changes as the scenario asks.
        ``items``: the same as were opened, with what is expected now that the policies were asked."""
        if not self.held:
            return
        expected = {item.planned.cell: item for item in items}
        for it in self.held:
            it.item = expected.get(it.cell, it.item)
        seconds = max(self.timeouts.confirm, *(it.item.seconds for it in self.held))
        await asyncio.sleep(max(0.0, acknowledged + seconds - now()))
        await self._settle()
        silent = [it for it in self.held if not it.trouble and not self._is_kept(it)]
        liveness = await check_responders(self.agents, [it.cell for it in silent], self.timeouts.confirm)
        for it in silent:
            it.trouble = liveness.trouble(it.cell)
        await self._settle()  # a responder that did not run has answered by now
        await asyncio.gather(*map(self._release, self._numbers))
        self._followed = True

    async def _settle(self) -> None:
        """Read until each connection has answered something after now, has ended, or was silent for long enough."""
        self._ready = now()
        while True:
            await self._read()
            if all(it.is_over or self._is_kept(it) or self._is_silent(it) for it in self.held):
                return
            await asyncio.sleep(_POLL)

    def _is_kept(self, it: _Held) -> bool:
        """Whether it has been answered since we began to look."""
        connection = it.connection
        return (
            connection is not None
            and connection.ended is None
            and connection.latest_at is not None
            and connection.latest_at > self._ready
        )

    def _is_silent(self, it: _Held) -> bool:
        news, connection = self._news.get(it.cell.source), it.connection
        if news is None or connection is None:
            return False
        since = connection.unanswered_since
        return since is not None and news.at - since > self.timeouts.confirm

    async def _read(self) -> None:
        await asyncio.gather(*map(self._read_one, self._numbers))

    async def _read_one(self, pod: str) -> None:
        agent = self.agents.by_pod.get(pod)
        before = self._news.get(pod)
        if agent is None:
            return
        try:
            news = await read_held(agent.channel, self._name, before.last if before else 0)
        except AgentLost as error:
            self._lost(pod, error)
            return
        self._news[pod] = news
        self._slept[pod] = self._slept.get(pod, 0.0) + news.slept
        for it in self.held:
            if it.cell.source == pod and it.route is not None and it.number < len(news.connections):
                it.connection = news.connections[it.number]
                it.events += [event for event in news.events if event.connection == it.number]

    async def _release(self, pod: str) -> None:
        agent = self.agents.by_pod.get(pod)
        if agent is not None and pod in self._news:
            try:
                await release(agent.channel, self._name)
            except AgentLost as error:
                self._lost(pod, error)

    # --- what became of them ---

    def records(self, begun: float, acknowledged: float) -> Iterator[CellRecord]:
        """A record for each that was followed to the end, in plan order. ``begun``, ``acknowledged``: when the changes
        were made, on our clock."""
        for it in self.held if self._followed else ():
            yield self._record(it, begun, acknowledged)

    def _record(self, it: _Held, begun: float, acknowledged: float) -> CellRecord:
        cell, connection = it.cell, it.connection
        source, destination = self.agents.by_pod.get(cell.source), self.agents.by_pod.get(cell.destination)
        ending = None if connection is None or self._is_kept(it) else _ending(connection, it.events)
        witness = Witness(
            opened=connection is not None and connection.opened is not None,
            begun=begun,
            acknowledged=acknowledged,
            ending=ending,
            trouble=it.trouble or self._starved(it),
            arrived=self._arrived(it) if ending else None,
            quiet=sum(event.at - (event.since or event.at) for event in it.events if event.kind == "b"),
        )
        judgement = judge_fate(it.item.expectation, it.item.planned.expectation, witness)
        return CellRecord.of(
            replace(cell, via=Via.ESTABLISHED),
            it.item.expectation,
            _outcome(connection, ending),
            judgement.verdict,
            judgement.reason,
            attempts=connection.sent if connection else 0,
            control=witness.opened,
            source_node=source.running.node if source else None,
            destination_node=destination.running.node if destination else None,
            source_address=source.running.addresses.get(cell.family) if source else None,
            destination_address=_address(cell, destination),
            receipt=None if ending is None else Receipt(witness.arrived),
            history=list(_history(connection, ending, acknowledged)),
            topology=topology_of(cell, source, destination),
            dialled=it.route.endpoint if it.route else None,
            line=it.item.line,
        )

    def _starved(self, it: _Held) -> str:
        """Why its silence may be our own."""
        slept = max(self._slept.get(it.cell.source, 0.0), self._slept.get(it.cell.destination, 0.0))
        if it.connection is None:
            return "it was never looked at"
        silent = not self._is_kept(it) and it.connection.ended is None
        if silent and slept > self.timeouts.confirm / 2:
            return f"an agent at one of its ends did not run for {slept:.2f} s"
        return ""

    def _arrived(self, it: _Held) -> bool | None:
        """Whether heartbeats got to the responder that were not answered; None where nobody there can be asked."""
        news = self._news.get(it.cell.destination)
        if news is None or it.cell.path in NOT_OURS or it.connection is None:
            return None
        heard = news.heard.get((self._numbers[it.cell.source], it.number))
        return heard is not None and heard.latest > it.connection.latest


def _is_open(it: _Held) -> bool:
    return it.connection is not None and it.connection.opened is not None


def _address(cell: Cell, destination: Agent | None) -> str | None:
    return cell.address if destination is None else destination.running.addresses.get(cell.family)


def _ending(connection: Connection, events: Iterable[HeldEvent]) -> Ending | None:
    """How it ended, and when: as soon as a heartbeat had no answer any more."""
    since = connection.unanswered_since
    if connection.ended is not None and connection.ended_at is not None:
        at = connection.ended_at if since is None else min(since, connection.ended_at)
        return Ending(at, connection.ended, connection.error)
    if since is None:
        return None
    refusal = next((event for event in events if event.kind == "n" and event.at >= since), None)
    if refusal is not None and refusal.outcome is not None:
        return Ending(since, refusal.outcome, refusal.error)
    return Ending(since, Outcome.TIMED_OUT, None)


def _outcome(connection: Connection | None, ending: Ending | None) -> Outcome | None:
    if connection is None or (connection.opened is None and ending is None):
        return None
    return Outcome.CONNECTED if ending is None else ending.outcome


def _history(connection: Connection | None, ending: Ending | None, acknowledged: float) -> Iterator[Attempt]:
    """Its opening, and its end; an attempt's ``seconds`` are those for which it held."""
    if connection is None or connection.opened is None:
        return
    until = ending.at if ending else connection.latest_at or connection.opened
    lasted = round(until - connection.opened, 6)
    yield Attempt(PHASE, round(connection.opened - acknowledged, 4), Outcome.CONNECTED, lasted)
    if ending is not None:
        yield Attempt(PHASE, round(ending.at - acknowledged, 4), ending.outcome, 0.0, ending.error)
