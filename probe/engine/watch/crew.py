"""The agents of a watch and the cells of each: who probes what when, and what has been seen of it so far."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from probe.cluster.channel import Target
from probe.cluster.duplex import Duplex
from probe.cluster.running import RunningPod
from probe.cluster.series import MAX_CELLS, Arrival, Entry, Run, SeriesPlan
from probe.engine.agent import Agent, Sample
from probe.engine.agents import Agents
from probe.engine.reach import Reach
from probe.engine.routes import Route
from probe.engine.watch.collector import Collector
from probe.engine.watch.lane import Lane, Watched
from probe.engine.watch.options import ATTEMPT_SECONDS
from probe.engine.watch.pace import WatchPace
from probe.model.cell import Cell, Expectation, Verdict
from probe.model.errors import ClusterError, UsageError
from probe.model.record import CellRecord, cell_of

_LEASE_SECONDS = 6 * 3600.0
_PARALLEL_STARTS = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """The cells that are watched, with where they are dialled; how many are not, by reason."""

    cells: tuple[tuple[Cell, Expectation, Route], ...]
    left_out: dict[str, int]


def choose(records: Iterable[CellRecord], agents: Agents) -> Choice:
    """The cells of a step of which its confirmation has shown that they are as expected."""
    chosen: list[tuple[Cell, Expectation, Route]] = []
    left_out: dict[str, int] = {}
    for record in records:
        cell = cell_of(record)
        route = agents.route(cell) if cell.source in agents.by_pod else None
        if reason := _reason(record, route):
            left_out[reason] = left_out.get(reason, 0) + 1
        elif isinstance(route, Route):
            chosen.append((cell, record.expected, route))
    return Choice(tuple(chosen), left_out)


def _reason(record: CellRecord, route: Route | Sample | None) -> str:
    """Why a cell is not watched; empty if it is."""
    if record.expected is Expectation.EITHER:
        return "the API leaves open what should happen"
    if record.verdict is not Verdict.PASS:
        return f"{record.verdict} before the watch began"
    return "" if isinstance(route, Route) else "cannot be tried"


@dataclass(frozen=True, slots=True)
class PodWay:
    """The way to the agent of a pod of the fleet."""

    reach: Reach
    running: RunningPod

    async def connect(self) -> Duplex:
        """See ``Way``."""
        return await self.reach.connect(self.running)

    def fate(self) -> str:
        """See ``Way``."""
        return self.reach.deployment.fate(self.running)


@dataclass(slots=True)
class Crew:
    """The collectors by pod, and the lanes of each pod's cells."""

    pace: WatchPace
    collectors: dict[str, Collector] = field(default_factory=dict)
    lanes: dict[str, list[Lane]] = field(default_factory=dict)
    _pods: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    def of(cls, choice: Choice, agents: Agents, pace: WatchPace) -> Crew:
        """The agents that probe or are probed. Raises UsageError when one would have too many cells."""
        crew, nonce = cls(pace), secrets.token_hex(8)
        own: dict[str, list[tuple[Watched, Route]]] = {}
        for number, (cell, expectation, route) in enumerate(choice.cells):
            cells = own.setdefault(cell.source, [])
            cells.append((Watched(cell, expectation, len(cells), pace.phase(number)), route))
        ends = dict.fromkeys(end for cell, _, _ in choice.cells for end in (cell.source, cell.destination))
        crew._pods = [pod for pod in ends if pod in agents.by_pod]
        for number, pod in enumerate(crew._pods):
            crew._add(number, pod, own.get(pod, []), agents, nonce)
        return crew

    def _add(self, number: int, pod: str, cells: Sequence[tuple[Watched, Route]], agents: Agents, nonce: str) -> None:
        if len(cells) > MAX_CELLS:
            raise UsageError(f"{pod} has {len(cells)} cells to watch: at most {MAX_CELLS} can be watched from one pod")
        plan = SeriesPlan(
            name=f"watch-{nonce}",
            nonce=nonce,
            agent=number,
            interval=self.pace.interval,
            timeout=ATTEMPT_SECONDS,
            lease=_LEASE_SECONDS,
            targets=[Target(route.address, route.port, each.cell.protocol, route.query) for each, route in cells],
            responders=[route.responder for _, route in cells],
            phases=[each.phase for each, _ in cells],
            denied=[each.index for each, _ in cells if each.expectation.denies],
        )
        lanes = self.lanes[pod] = [Lane(each) for each, _ in cells]

        def take(entry: Entry) -> None:
            if isinstance(entry, Run) and entry.cell < len(lanes):
                lanes[entry.cell].take(entry)
            elif isinstance(entry, Arrival):
                self._arrived(entry)

        agent: Agent = agents.by_pod[pod]
        self.collectors[pod] = Collector(plan, PodWay(agents.reach, agent.running), take)

    def _arrived(self, entry: Arrival) -> None:
        """A responder tells of a request; whatever it names comes from the network and is not trusted to exist."""
        if entry.agent < len(self._pods):
            lanes = self.lanes[self._pods[entry.agent]]
            if entry.cell < len(lanes) and lanes[entry.cell].watched.expectation.denies:
                lanes[entry.cell].arrive(entry.number)

    @property
    def all_lanes(self) -> list[Lane]:
        """Every cell."""
        return [lane for lanes in self.lanes.values() for lane in lanes]

    @property
    def is_complete(self) -> bool:
        """Whether there is something to watch, and every agent has begun."""
        return bool(self.lanes) and not any(collector.lost for collector in self.collectors.values())

    async def start(self) -> None:
        """Begin all series, and read them from now on. An agent that cannot be asked is lost.

        All streams are opened first: what is being probed already would only slow that down.
        """
        gate = asyncio.Semaphore(_PARALLEL_STARTS)

        async def attempt(collector: Collector, step: Callable[[Collector], Awaitable[None]]) -> None:
            async with gate:
                try:
                    await step(collector)
                except ClusterError as error:
                    collector.lost = f"its series could not be begun: {error}"

        collectors = [*self.collectors.values()]
        await asyncio.gather(*(attempt(each, Collector.open) for each in collectors))
        await asyncio.gather(*(attempt(each, Collector.begin) for each in collectors if not each.lost))
        self._tasks = [asyncio.create_task(each.run()) for each in self.collectors.values()]

    async def finish(self, seconds: float) -> None:
        """End all series and read what is left, for at most so long."""
        for collector in self.collectors.values():
            collector.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for collector, result in zip(self.collectors.values(), results, strict=bool(self._tasks)):
            if isinstance(result, Exception):
                collector.lost = collector.lost or f"it could not be read: {result!r}"
        for collector in self.collectors.values():
            if not collector.ended and not collector.lost:
                collector.lost = f"it did not answer in the {seconds:g} s after the end of the watch"
