"""The agents of a fleet: opening their control streams, dialling batches, asking them how they are.

A lost agent never raises through a round: its cells come back as ``agent-error``, so that the rest of the
round keeps its truth.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from probe.cluster.channel import AgentChannel, DialResult, Target
from probe.cluster.failures import raise_failures
from probe.cluster.running import RunningPod
from probe.engine.agent import Agent, Health, Sample
from probe.engine.externals import Outside
from probe.engine.load import Load
from probe.engine.reach import Reach
from probe.engine.routes import Route, Routes
from probe.model.cell import Cell, Outcome, Protocol
from probe.model.errors import AgentLost, ClusterError
from probe.model.fleet import Port

_OPEN_SECONDS = 20.0
_PARALLEL_OPENINGS = 64
_REOPEN_SECONDS = 5.0
_NOTICEABLE_LAG = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """Bounds on the load: probes started per second over all agents of a run, and sockets in flight per agent."""

    rate: float = 4000.0
    in_flight: int = 256

    def seconds(self, cells: Iterable[Cell], held: float = 0.0) -> float:
        """How long it takes at least to try the cells once. ``held``: seconds for which an attempt holds its socket."""
        sources = Counter(cell.source for cell in cells)
        most = max(sources.values(), default=0)
        return max(most * len(sources) / self.rate, most * held / self.in_flight)


def _resent(result: DialResult, timeout: float) -> float:
    """When a request was repeated last, in seconds after its start: agents send over UDP every third of the timeout."""
    return (result.sends - 1) * timeout / 3


def _rotated(cells: list[Cell], start: int) -> list[Cell]:
    """The cells from ``start`` on, and then the others: were all sources to begin with the same responder, they would
    all be at each one at the same time."""
    return cells[start:] + cells[:start]


@dataclass(slots=True)
class _Round:
    """What comes of a round's cells. Sources have routes and targets in common, which are kept once."""

    timeout: float
    rate: float
    take: Callable[[Cell, Sample], None] | None = None
    samples: dict[Cell, Sample] = field(default_factory=dict)
    lags: dict[str, float] = field(default_factory=dict)
    routes: dict[Route, Route] = field(default_factory=dict)
    targets: dict[Target, Target] = field(default_factory=dict)

    def tell_responders_lags(self) -> None:
        """Once all have come back: responders are probers, too, and may have been too busy to answer."""
        for cell, sample in self.samples.items():
            if sample.outcome is Outcome.TIMED_OUT and self.lags.get(cell.destination, 0.0) > _NOTICEABLE_LAG:
                self.samples[cell] = replace(sample, responder_lag=self.lags[cell.destination])

    def add(self, cell: Cell, sample: Sample) -> None:
        """What came of a cell; of one that has been told already this is what its agent's loss makes of it."""
        if self.take is not None and cell not in self.samples:
            self.take(cell, sample)
        self.samples[cell] = sample

    def lag(self, source: str, cells: Iterable[Cell], lag: float) -> None:
        """Once a source has tried all its cells: how late it was at worst."""
        self.lags[source] = lag
        if lag > _NOTICEABLE_LAG:
            self.samples.update((cell, replace(self.samples[cell], lag=lag)) for cell in cells)

    def fail(self, cells: Iterable[Cell], error: str) -> None:
        """These cells could not be tried by their agent."""
        for cell in cells:
            self.add(cell, Sample(Outcome.AGENT_ERROR, error))


@dataclass(slots=True)
class Agents:
    """All agents of a fleet, by logical pod id, the identities of its external endpoints, and the ways to each.

    ``load``: what they share with the agents of other fleets of the run.
    """

    reach: Reach
    pace: Pace
    routes: Routes
    by_pod: dict[str, Agent] = field(default_factory=dict)
    outside: Outside = field(default_factory=Outside)
    load: Load = field(default_factory=Load)

    async def open(self, pods: Iterable[RunningPod]) -> None:
        """Open a control stream to each pod. Raises ClusterError naming every pod that did not answer."""
        pods = tuple(pods)
        openings = asyncio.Semaphore(_PARALLEL_OPENINGS)

        async def open_one(running: RunningPod) -> None:
            async with openings:
                await self._open(running)

        results = await asyncio.gather(*map(open_one, pods), return_exceptions=True)
        raise_failures([pod.pod.id for pod in pods], results, "agents do not answer", ClusterError)

    async def _open(self, running: RunningPod, timeout: float = _OPEN_SECONDS) -> None:
        channel = await AgentChannel.open(lambda: self.reach.connect(running), timeout=timeout)
        try:
            if channel.hello.pod_uid != running.uid:
                raise AgentLost(f"the agent says it is pod {channel.hello.pod_uid}, expected {running.uid}")
            clock = await channel.clock()
        except BaseException:
            await channel.aclose()
            raise
        self.by_pod[running.pod.id] = Agent.of(running, channel, clock)

    async def refresh(self) -> None:
        """Find out who was lost unnoticed, and try once to get the lost back (a container that was restarted).

        The pods are the same, so what connected before is still their control. One that stays away stays lost. The
        others tell their time again: a node's clock may have been set.
        """

        async def ping(agent: Agent) -> None:
            try:
                agent.clock = await agent.channel.clock()
            except AgentLost as error:
                await self._lose(agent, error)

        async def reopen(agent: Agent) -> None:
            await agent.channel.aclose()
            try:
                await self._open(await self.reach.renewed(agent.running), _REOPEN_SECONDS)
            except ClusterError as error:
                agent.lost = str(error)

        await asyncio.gather(*(ping(agent) for agent in self.by_pod.values() if not agent.lost))
        await asyncio.gather(*(reopen(agent) for agent in list(self.by_pod.values()) if agent.lost))

    async def _lose(self, agent: Agent, error: AgentLost) -> str:
        """Note that an agent is lost, and why; returns that."""
        if not agent.lost:
            agent.lost = str(error)
            cause = await self.reach.explain(agent.running)
            if cause and cause not in agent.lost:
                agent.lost = f"{cause}; {agent.lost}"
        return agent.lost

    async def forget(self, pod_ids: Iterable[str]) -> None:
        """Close the streams of pods that are about to be deleted."""
        for pod_id in list(pod_ids):
            agent = self.by_pod.pop(pod_id, None)
            if agent is not None:
                await agent.channel.aclose()

    async def aclose(self) -> None:
        """Close all streams."""
        await asyncio.gather(*(agent.channel.aclose() for agent in self.by_pod.values()), return_exceptions=True)

    async def probe(
        self, cells: Sequence[Cell], timeout: float, take: Callable[[Cell, Sample], None] | None = None
    ) -> dict[Cell, Sample]:
        """Try every cell once, all sources in parallel. ``timeout``: seconds for each attempt.

        The result has exactly the given cells; what could not be tried says so as its outcome. ``take`` gets each cell
        as soon as its attempt is over, when it is not known yet how late the ends were at worst.
        """
        by_source: dict[str, list[Cell]] = {}
        for cell in cells:
            by_source.setdefault(cell.source, []).append(cell)
        round = _Round(timeout, self.pace.rate / max(1, len(by_source)), take)
        await self.load.turn(self.pace.seconds(cells))
        starts = (len(batch) * place // len(by_source) for place, batch in enumerate(by_source.values()))
        await asyncio.gather(
            *(
                self._probe_from(source, _rotated(by_source[source], start), round)
                for source, start in zip(by_source, starts, strict=True)
            )
        )
        round.tell_responders_lags()
        self.load.note(max(round.lags.values(), default=0.0), timeout)
        return round.samples

    async def _probe_from(self, source: str, cells: list[Cell], round: _Round) -> None:
        agent = self.by_pod.get(source)
        if agent is None or agent.lost:
            why = agent.lost if agent else "the pod has no agent"
            return round.fail(cells, f"agent of {source} is lost: {why}")
        tried: list[Cell] = []
        routes: list[Route] = []
        targets: list[Target] = []
        for cell in cells:
            route = self.route(cell)
            if isinstance(route, Sample):
                round.add(cell, route)
                continue
            target = Target(route.address, route.port, cell.protocol, route.query)
            tried.append(cell)
            routes.append(round.routes.setdefault(route, route))
            targets.append(round.targets.setdefault(target, target))
        if not targets:
            return None
        nonce = secrets.token_hex(8)

        def take(index: int, result: DialResult, lag: float) -> None:
            cell = tried[index]
            sample = self._sample(agent, cell, routes[index], result, f"{nonce}.{index}", lag)
            round.add(cell, replace(sample, resent=_resent(result, round.timeout)) if result.sends > 1 else sample)

        try:
            report = await agent.channel.dial(
                targets, nonce=nonce, timeout=round.timeout, in_flight=self.pace.in_flight, rate=round.rate, take=take
            )
        except AgentLost as error:
            return round.fail(tried, f"agent of {source} was lost: {await self._lose(agent, error)}")
        return round.lag(source, tried, report.lag)

    def route(self, cell: Cell) -> Route | Sample:
        """Where a cell of a source that has an agent is dialled now, or why it cannot be."""
        return self.routes.resolve(cell, self.by_pod, self.outside)

    def _sample(self, agent: Agent, cell: Cell, route: Route, result: DialResult, nonce: str, lag: float) -> Sample:
        outcome, error = result.outcome, result.error
        expected = route.responder
        if outcome is Outcome.UNSUPPORTED and cell.protocol is Protocol.SCTP:
            error = f"no SCTP sockets in the kernel of {agent.running.node} ({error})"
        if outcome is Outcome.CONNECTED and expected is not None and result.responder != expected:
            outcome, error = Outcome.WRONG_RESPONDER, f"{self._who(result.responder)} answered instead of {expected}"
        return Sample(
            outcome=outcome,
            error=error,
            at=result.started + agent.clock.offset,
            seconds=result.seconds,
            local=sys.intern(result.local.rpartition(":")[0]) if result.local else None,
            observed=result.observed,
            responder=result.responder,
            nonce="" if outcome is Outcome.CONNECTED else nonce,
            lag=lag,
            established=result.established,
            dialled=sys.intern(route.endpoint),
        )

    def _who(self, responder: str | None) -> str:
        """An identity, with the pod's name if it is one of the fleet's."""
        known = (pod_id for pod_id, agent in self.by_pod.items() if agent.running.uid == responder)
        return next((f"{pod_id} ({responder})" for pod_id in known), str(responder))

    def clock_error(self, pod_ids: Iterable[str]) -> float:
        """The bound on the error of times that these agents tell, in seconds, as of their last ``refresh``."""
        agents = (self.by_pod.get(pod_id) for pod_id in set(pod_ids))
        return max((agent.clock.error for agent in agents if agent is not None), default=0.0)

    def identities(self, cell: Cell) -> tuple[str | None, str | None]:
        """What the two ends of a cell call themselves: a pod by its UID, an endpoint outside by its agent's name."""
        source, destination = self.by_pod.get(cell.source), self.by_pod.get(cell.destination)
        endpoint = self.outside.endpoint(cell)
        there = destination.running.uid if destination else endpoint.responder if endpoint else None
        return source.running.uid if source else None, there

    async def who_answers(self, pod_id: str, address: str, ports: Iterable[Port], timeout: float) -> str | None:
        """What calls itself an agent at an address, asked from a pod on each of the ports; None when nobody does.

        ``timeout``: seconds. Raises AgentLost when the pod's own agent is gone.
        """
        targets = [Target(address, port.number, port.protocol) for port in ports]
        report = await self.by_pod[pod_id].channel.dial(targets, nonce=secrets.token_hex(8), timeout=timeout)
        found = (result.responder for result in report.results if result.outcome is Outcome.CONNECTED)
        return next(found, None)

    async def mark(self, pod_ids: Iterable[str]) -> None:
        """Note how many receipts responders have had, so that ``receipts`` can tell if later ones were forgotten."""

        async def ask(agent: Agent) -> None:
            try:
                agent.mark = (await agent.channel.receipts(())).total
            except AgentLost as error:
                await self._lose(agent, error)

        agents = (self.by_pod.get(pod_id) for pod_id in set(pod_ids))
        await asyncio.gather(*(ask(agent) for agent in agents if agent is not None and not agent.lost))

    async def receipts(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Ask responders (pod ids) for receipts of nonces. Returns nonce -> source address for those that arrived.

        A responder that does not answer is marked lost, and one whose ring has come round since the last ``mark`` as
        forgetful; their nonces may be missing like those that never arrived, so the caller must look at both before it
        takes a missing receipt for proof.
        """
        found: dict[str, str] = {}

        async def ask(pod_id: str, nonces: Sequence[str]) -> None:
            agent = self.by_pod.get(pod_id)
            if agent is None or agent.lost:
                return
            try:
                seen = await agent.channel.receipts(nonces)
            except AgentLost as error:
                await self._lose(agent, error)
                return
            agent.forgot = seen.overwritten > agent.mark
            found.update({nonce: receipt.source for nonce, receipt in seen.found.items()})

        await asyncio.gather(*(ask(pod_id, nonces) for pod_id, nonces in wanted.items()))
        return found

    async def check(self, pod_ids: Iterable[str]) -> dict[str, Health]:
        """Have each agent dial its own listeners over loopback: proof that it was alive at this time."""

        async def ask(pod_id: str) -> tuple[str, Health]:
            agent = self.by_pod.get(pod_id)
            if agent is None:
                return pod_id, Health("it is not running")
            if agent.lost:
                return pod_id, Health(f"its agent is lost: {agent.lost}")
            try:
                return pod_id, Health("", await agent.channel.check())
            except AgentLost as error:
                return pod_id, Health(f"its agent is lost: {await self._lose(agent, error)}")

        return dict(await asyncio.gather(*(ask(pod_id) for pod_id in pod_ids)))
