"""``start-race``: the first moments of pods, under policies that are in force already.

Each new pod's agent dials its peers from its first instant on, by itself (it finds what to do in its environment, long
before anybody can reach it), and peers dial the pod from the moment that its address is known. Whatever gets through is
counted, on both sides: what connects, and what arrives though its answer is lost.

Kubernetes promises that a pod which a policy isolates is isolated before it starts (documentation, Network Policies,
"Pod lifecycle"), and nothing about when what is allowed may pass: the one has a window of 0 ms, the other is measured.

A silence from the first instant proves a denial only if the same pods connect once the policies are lifted, which is
done at the end, and undone.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from probe.cluster.channel import AgentChannel, Target
from probe.cluster.clock import now
from probe.cluster.deployment import Deployment, RunningPod
from probe.cluster.series import Entry, Reading, SeriesPlan, read_series, start_series, stop_series
from probe.engine.agent import Agent
from probe.engine.agents import Agents
from probe.engine.controls import Controls, connect_again
from probe.engine.races import Moments, arrivals, judge_race, moments, quantile
from probe.model.cell import Cell, Expectation, Family, Outcome, Protocol, Via
from probe.model.errors import AgentLost
from probe.model.record import CellRecord, StartedPodRecord, StartRaceRecord, Topology
from probe.model.scenario import Label, ObjectRef, Pod, Port, StartRace, Timeouts

START = "start"
"""The name of the series that an agent finds in its environment."""

ENVIRONMENT = "CNI_PROBE_START"
_SHARE = 0.5
_SHORTEST = 0.01
_LEASE = 600.0
_TIMEOUT = 0.5


@dataclass(slots=True)
class _Ear:
    """A series on an agent, and all that was read of it. ``base``: when it began, on our clock."""

    name: str
    base: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    last: int = 0

    async def read(self, channel: AgentChannel) -> None:
        while True:
            news = await read_series(channel, self.name, self.last)
            self.base = _base(news.reading)
            self.entries += news.entries
            if not news.entries:
                return
            self.last = news.first + len(news.entries) - 1


@dataclass(frozen=True, slots=True)
class _Line:
    """A peer's port (outbound), or a port of the new pods and the peer that tries it (inbound)."""

    peer: str
    port: Port
    outbound: bool


@dataclass(slots=True)
class Race:
    """One race. ``run`` it, then ``records``."""

    spec: StartRace
    deployment: Deployment
    agents: Agents
    controls: Controls
    timeouts: Timeouts
    pods: tuple[RunningPod, ...] = ()
    _nonce: str = field(default_factory=lambda: f"r-{secrets.token_hex(5)}")
    _own: dict[str, _Ear] = field(default_factory=dict)
    _inbound: dict[tuple[str, str], _Ear] = field(default_factory=dict)
    _listening: dict[str, _Ear] = field(default_factory=dict)
    _agents: dict[str, Agent] = field(default_factory=dict)
    _trouble: dict[str, str] = field(default_factory=dict)
    _control: dict[Cell, str] = field(default_factory=dict)
    _labelled: float | None = None

    # --- what is tried ---

    @property
    def family(self) -> Family:
        """The family that all pods have: the primary one of the first peer."""
        peer = next(iter((*self.spec.destinations, *self.spec.sources)))
        return next(iter(self.agents.by_pod[peer].running.addresses))

    def _lines(self) -> list[_Line]:
        out = [
            _Line(peer, port, True)
            for peer in self.spec.destinations
            for port in self.agents.by_pod[peer].running.pod.ports
            if port.protocol is not Protocol.SCTP
        ]
        into = [
            _Line(peer, port, False)
            for peer in self.spec.sources
            for port in self.spec.ports
            if port.protocol is not Protocol.SCTP
        ]
        return [*out, *into]

    @property
    def interval(self) -> float:
        """Seconds between two attempts of a cell: as short as the run's rate allows."""
        cells = max(1, len(self._lines()) * self.spec.pods)
        return max(_SHORTEST, cells / (self.agents.pace.rate * _SHARE))

    def _plan(self, name: str, agent: int, targets: Sequence[Target], responders: Sequence[str | None]) -> SeriesPlan:
        interval = self.interval
        return SeriesPlan(
            name=name,
            nonce=self._nonce,
            agent=agent,
            interval=interval,
            timeout=_TIMEOUT,
            lease=_LEASE,
            targets=targets,
            responders=responders,
            phases=[interval * place / len(targets) for place in range(len(targets))],
            denied=list(range(len(targets))) if self.spec.expect.denies else [],
        )

    # --- the race ---

    async def run(self) -> None:
        """Create the pods, let them and their peers try, and remove them. Raises ClusterError."""
        lines = self._lines()
        for peer in {line.peer for line in lines if line.outbound}:
            await self._listen(peer, self._listening.setdefault(peer, _Ear(f"{self._nonce}-ear")), 10_000)
        if self.spec.reuse:
            await self._give_up_addresses()
        wanted = self.spec.racers
        outward = [line for line in lines if line.outbound]
        environment = {pod.id: {ENVIRONMENT: self._order(number, outward)} for number, pod in enumerate(wanted)}
        try:
            async with asyncio.TaskGroup() as group:
                creation = group.create_task(self._create(wanted, environment if outward else {}))
                for number, pod in enumerate(wanted):
                    group.create_task(self._try_from_outside(pod, number, lines))
            self.pods = creation.result()
            await self.agents.open(self.pods)
            self._agents = {pod.pod.id: self.agents.by_pod[pod.pod.id] for pod in self.pods}
            if self.spec.relabel:
                await asyncio.gather(*(self._relabel(pod) for pod in self.pods))
                self._labelled = now()
            await asyncio.sleep(self.spec.seconds)
            await self._collect(outward)
            if self.spec.expect.denies:
                await self._prove(lines)
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        finally:
            await self._remove(wanted)

    async def _create(
        self, pods: Sequence[Pod], environment: Mapping[str, Mapping[str, str]]
    ) -> tuple[RunningPod, ...]:
        made: list[RunningPod] = []
        for start in range(0, len(pods), self.spec.at_once):
            some = pods[start : start + self.spec.at_once]
            made += await self.deployment.create_pods(some, self.timeouts.ready, environment)
        return tuple(made)

    def _order(self, number: int, outward: Sequence[_Line]) -> str:
        """What an agent finds in its environment: a series that it begins at once."""
        targets, responders = [], []
        for line in outward:
            running = self.agents.by_pod[line.peer].running
            targets.append(Target(running.addresses[self.family], line.port.number, line.port.protocol))
            responders.append(running.uid)
        return json.dumps(self._plan(START, number, targets, responders).frame, separators=(",", ":"))

    async def _listen(self, pod: str, ear: _Ear, number: int) -> None:
        plan = self._plan(ear.name, number, (), ())
        ear.base = _base(await start_series(self.agents.by_pod[pod].channel, plan))

    async def _try_from_outside(self, pod: Pod, number: int, lines: Sequence[_Line]) -> None:
        """Have the peers begin as soon as the pod has an address."""
        inward = [line for line in lines if not line.outbound]
        if not inward:
            return
        key = (self.deployment.namespaces[pod.namespace], pod.name)
        with suppress(TimeoutError):
            await self.deployment.watch.until([key], _has_address, self.timeouts.ready)
        seen = self.deployment.watch.pod(*key)
        if not _has_address(seen) or seen is None:
            return
        address = _address(seen, self.family)
        peers = dict.fromkeys(line.peer for line in inward)
        await asyncio.gather(
            *(self._try_from(peer, pod, number, address, str(seen["metadata"]["uid"])) for peer in peers)
        )

    async def _try_from(self, peer: str, pod: Pod, number: int, address: str, uid: str) -> None:
        ports = [port for port in self.spec.ports if port.protocol is not Protocol.SCTP]
        targets = [Target(address, port.number, port.protocol) for port in ports]
        ear = self._inbound[peer, pod.id] = _Ear(f"{self._nonce}-{number}")
        plan = self._plan(ear.name, 20_000 + number, targets, [uid] * len(targets))
        try:
            ear.base = _base(await start_series(self.agents.by_pod[peer].channel, plan))
        except AgentLost as error:
            self._trouble[peer] = f"the agent of {peer} was lost: {error}"

    async def _give_up_addresses(self) -> None:
        """Pods that come and go before the race, and whose addresses the racers are then likely to get."""
        before = tuple(replace(pod, name=f"{pod.name}-before", labels={}) for pod in self.spec.racers)
        await self.deployment.create_pods(before, self.timeouts.ready)
        await asyncio.gather(*map(self._delete, before))

    async def _relabel(self, pod: RunningPod) -> None:
        await self.deployment.label(Label(ObjectRef("pod", pod.pod.namespace, pod.pod.name), self.spec.relabel))

    async def _collect(self, outward: Sequence[_Line]) -> None:
        for id, agent in self._agents.items():
            if outward:
                await self._hear(id, agent, self._own.setdefault(id, _Ear(START)))
        for peer, ear in self._listening.items():
            await self._hear(peer, self.agents.by_pod[peer], ear)
        for (peer, _), ear in self._inbound.items():
            await self._hear(peer, self.agents.by_pod[peer], ear)

    async def _hear(self, id: str, agent: Agent, ear: _Ear) -> None:
        try:
            await stop_series(agent.channel, ear.name)
            await ear.read(agent.channel)
        except AgentLost as error:
            self._trouble[id] = f"the agent of {id} was lost: {error}"

    async def _prove(self, lines: Sequence[_Line]) -> None:
        """Lift the policies, and see which of the silent pairs connect: only their silence was a denial."""
        cells = [self._cell(line, pod) for line in lines for pod in self.pods]
        lifted = await self.deployment.lift_policies()
        try:
            samples = await connect_again(
                cells, self.agents, self.controls, self.timeouts.attempt, self.timeouts.baseline
            )
        finally:
            await self.deployment.restore_policies(lifted)
        self._control = {
            cell: ""
            if sample.outcome is Outcome.CONNECTED
            else f"with the policies lifted it was {sample.outcome}, too"
            for cell, sample in samples.items()
        }

    async def _remove(self, wanted: Sequence[Pod]) -> None:
        ids = [pod.id for pod in wanted]
        await self.agents.forget(ids)
        await asyncio.gather(*(self._delete(pod) for pod in wanted if pod.id in self.deployment.running))

    async def _delete(self, pod: Pod) -> None:
        await self.deployment.delete_pod(ObjectRef("pod", pod.namespace, pod.name))

    def _cell(self, line: _Line, pod: RunningPod) -> Cell:
        ends = (pod.pod.id, line.peer) if line.outbound else (line.peer, pod.pod.id)
        return Cell(*ends, line.port.number, line.port.protocol, self.family)

    # --- what came of it ---

    def results(self) -> Iterator[tuple[CellRecord, StartRaceRecord]]:
        """A cell for each peer's port, direction and topology, with its distribution."""
        for line in self._lines():
            home = self.agents.by_pod[line.peer].running.node
            for topology in (Topology.SAME_NODE, Topology.CROSS_NODE):
                pods = [pod for pod in self.pods if (pod.node == home) is (topology is Topology.SAME_NODE)]
                if pods:
                    yield self._result(line, topology, pods)

    def _result(
        self, line: _Line, topology: Topology, pods: Sequence[RunningPod]
    ) -> tuple[CellRecord, StartRaceRecord]:
        spec = self.spec
        started = [it for pod in pods if (it := self._started(line, pod)) is not None]
        who = f"{spec.namespace}/{spec.name}@{topology}"
        source, destination = (who, line.peer) if line.outbound else (line.peer, who)
        unproven = [why for pod in pods if (why := self._control.get(self._cell(line, pod), ""))]
        control = f"{len(unproven)} of {len(pods)} pods prove nothing: {unproven[0]}" if unproven else ""
        judgement = judge_race(spec.expect, spec.limit, started, self._trouble_of(line, pods, started), control)
        times = [it.seconds for it in started if it.seconds is not None]
        p50, p99, longest = (round(quantile(times, share), 4) if times else None for share in (0.5, 0.99, 1.0))
        record = StartRaceRecord(
            source=source,
            destination=destination,
            port=line.port.number,
            protocol=line.port.protocol,
            family=self.family,
            topology=topology,
            expected=spec.expect,
            limit=spec.limit,
            interval=round(self.interval, 4),
            p50=p50,
            p99=p99,
            longest=longest,
            pods=started,
        )
        passed = any(it.packets for it in started)
        cell = CellRecord(
            source=source,
            destination=destination,
            port=line.port.number,
            protocol=line.port.protocol,
            family=self.family,
            path=self._cell(line, pods[0]).path,
            address=None,
            expected=spec.expect if spec.expect in (Expectation.ALLOW, Expectation.EITHER) else Expectation.DENY,
            outcome=Outcome.CONNECTED if passed else Outcome.TIMED_OUT,
            verdict=judgement.verdict,
            reason=judgement.reason,
            attempts=sum(it.attempts for it in started),
            control=not control,
            via=Via.START,
            topology=topology,
            line=spec.location.line if spec.location else None,
        )
        return cell, record

    def _trouble_of(self, line: _Line, pods: Sequence[RunningPod], started: Sequence[StartedPodRecord]) -> str:
        found = [self._trouble[id] for id in (line.peer, *(pod.pod.id for pod in pods)) if id in self._trouble]
        if found:
            return found[0]
        if len(started) < len(pods):
            return f"{len(pods) - len(started)} of {len(pods)} pods were not measured"
        idle = [it for it in started if not it.attempts]
        return f"{len(idle)} of {len(pods)} pods made no attempt" if idle else ""

    def _started(self, line: _Line, pod: RunningPod) -> StartedPodRecord | None:
        """One pod, as measured; None if it was not."""
        id = pod.pod.id
        number = next(place for place, wanted in enumerate(self.spec.racers) if wanted.id == id)
        ear = self._own.get(id) if line.outbound else self._inbound.get((line.peer, id))
        if ear is None:
            return None
        together = [it for it in self._lines() if it.outbound == line.outbound]
        if not line.outbound:
            together = [it for it in together if it.peer == line.peer]
        cell = together.index(line)
        far = self._listening.get(line.peer) if line.outbound else self._own.get(id)
        agent = number if line.outbound else 20_000 + number
        arrived = arrivals(far.entries, agent).get(cell, []) if far is not None else []
        seen = moments(ear.entries, cell, self.interval, self.interval * cell / len(together), arrived)
        return StartedPodRecord(
            name=pod.name,
            node=pod.node,
            address=pod.addresses[self.family],
            seconds=self._seconds(line, seen, ear, self._own.get(id)),
            packets=len(seen.passed),
            attempts=seen.attempts,
        )

    def _seconds(self, line: _Line, seen: Moments, ear: _Ear, own: _Ear | None) -> float | None:
        if self.spec.expect is Expectation.ALLOW:
            wait = seen.wait
            if wait is None or line.outbound or own is None:
                return None if wait is None else round(wait, 4)
            return round(max(0.0, ear.base + wait - own.base), 4)  # an agent that is not there yet does not wait
        if self._labelled is not None:  # the pod was free to talk until then
            last = ear.base + seen.window
            return round(max(0.0, last - self._labelled), 4) if seen.passed else 0.0
        return round(seen.window, 4)


Raced: TypeAlias = Sequence[tuple[CellRecord, StartRaceRecord]]
"""What came of a race: cells with their verdicts, each with its distribution."""


async def run_race(
    spec: StartRace | None, deployment: Deployment, agents: Agents, controls: Controls, timeouts: Timeouts
) -> Raced:
    """Run the race of a step, if it has one. Raises ClusterError."""
    if spec is None:
        return ()
    race = Race(spec, deployment, agents, controls, timeouts)
    await race.run()
    return list(race.results())


def _base(reading: Reading) -> float:
    return (reading.asked + reading.answered) / 2 - reading.time


def _has_address(seen: object) -> bool:
    return isinstance(seen, dict) and bool(seen.get("status", {}).get("podIP"))


def _address(seen: Mapping[str, object], family: Family) -> str:
    status = seen["status"]
    assert isinstance(status, dict)
    ips = [entry["ip"] for entry in status.get("podIPs") or [{"ip": status["podIP"]}]]
    return next(str(ip) for ip in ips if (":" in ip) is (family is Family.IPV6))
