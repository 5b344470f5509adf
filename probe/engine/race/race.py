"""A race under way.

Each new pod's agent dials its peers from its first instant on, by itself (it finds what to do in its environment, long
before anybody can reach it), and peers dial the pod from the moment that its address is known. Whatever gets through is
counted, on both sides: what connects, and what arrives though its answer is lost.

A silence from the first instant proves a denial only if the same pods connect once the policies are lifted, which is
done at the end, and undone.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from probe.cluster.api import Json
from probe.cluster.channel import Target
from probe.cluster.clock import now
from probe.cluster.deployment import Deployment
from probe.cluster.running import RunningPod, addresses_of
from probe.engine.agent import Agent
from probe.engine.agents import Agents
from probe.engine.controls import Controls, connect_again
from probe.engine.race.ears import Ear, Series
from probe.engine.race.lines import Line, lines_of
from probe.model.actions import Label
from probe.model.cell import Cell, Outcome
from probe.model.errors import AgentLost
from probe.model.fleet import External, Pod
from probe.model.manifest import ObjectRef
from probe.model.scenario import StartRace, Timeouts

START = "start"
"""The name of the series that an agent finds in its environment."""

ENVIRONMENT = "CNI_PROBE_START"
PEERS = 20_000
"""Agents' numbers in series: those of new pods count from 0, those of peers from here, by the pod that they try."""

_LISTENER = 10_000
_SHARE = 0.5
_SHORTEST = 0.01


@dataclass(slots=True)
class Race:
    """One race. ``run`` it; what was read of it is for ``results``.

    ``lines``: what is tried; ``pods``: those that were made; ``reused``: those with an address that another pod has
    just given up; ``own``, ``inbound`` (by peer and pod) and ``listening``: the series of the pods, of those who try
    them, and of those whom they try. ``trouble``: by pod, why its agent was lost; ``control``: why the silence of a
    cell proves nothing (empty: it does). ``labelled``: when labels were changed, on our clock.
    """

    spec: StartRace
    deployment: Deployment
    agents: Agents
    controls: Controls
    timeouts: Timeouts
    lines: list[Line]
    series: Series
    pods: tuple[RunningPod, ...] = ()
    reused: frozenset[str] = frozenset()
    own: dict[str, Ear] = field(default_factory=dict)
    inbound: dict[tuple[str, str], Ear] = field(default_factory=dict)
    listening: dict[str, Ear] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)
    control: dict[Cell, str] = field(default_factory=dict)
    labelled: float | None = None
    _given_up: frozenset[str] = frozenset()
    _trying: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        spec: StartRace,
        deployment: Deployment,
        agents: Agents,
        controls: Controls,
        timeouts: Timeouts,
        externals: Sequence[External],
    ) -> Race:
        """A race whose attempts are as close to each other as the run's rate allows."""
        lines = lines_of(spec, agents, externals)
        interval = max(_SHORTEST, max(1, len(lines) * len(spec.racers)) / (agents.pace.rate * _SHARE))
        series = Series(f"r-{secrets.token_hex(5)}", interval, spec.expect.denies)
        return cls(spec, deployment, agents, controls, timeouts, lines, series)

    @property
    def outward(self) -> list[Line]:
        """What the new pods try, in the order of their series."""
        return [line for line in self.lines if line.outbound and not line.trouble]

    def inward(self, peer: str) -> list[Line]:
        """What a peer tries of each new pod, in the order of its series."""
        return [line for line in self.lines if not line.outbound and line.peer == peer]

    async def run(self) -> None:
        """Create the pods, let them and their peers try, and remove them. Raises ClusterError."""
        for peer in {line.peer for line in self.outward if not line.is_outside}:
            ear = self.listening[peer] = Ear(f"{self.series.nonce}-ear")
            await ear.begin(self.agents.by_pod[peer].channel, self.series.plan(ear.name, _LISTENER))
        wanted = await self._wanted()
        try:
            await self._create(wanted)
            await self.agents.open(self.pods)
            if self.spec.relabel:
                await asyncio.gather(*(self._relabel(pod) for pod in self.pods))
                self.labelled = now()
            await asyncio.sleep(self.spec.seconds)
            await self._collect()
            if self.spec.expect.denies:
                await self._prove()
        finally:
            for task in self._trying.values():
                task.cancel()
            await asyncio.gather(*self._trying.values(), return_exceptions=True)
            await self._remove(wanted)

    # --- new pods ---

    async def _wanted(self) -> list[Pod]:
        """The pods. Where addresses are to be used again, others come and go before, each of whom one is to follow."""
        racers = self.spec.racers
        if not self.spec.reuse:
            return [*racers]
        before = [replace(pod, name=f"{pod.name}-before", labels={}) for pod in racers[: self.spec.pods]]
        running = await self.deployment.create_pods(before, self.timeouts.ready)
        self._given_up = frozenset(address for pod in running for address in pod.addresses.values())
        await asyncio.gather(*map(self._delete, before))
        follow = [replace(pod, address_of=other.id) for pod, other in zip(racers, before, strict=False)]
        return [*follow, *racers[len(follow) :]]

    async def _create(self, wanted: Sequence[Pod]) -> None:
        """Create the pods, some at a time; more than were asked for only until one has an address of another's."""
        asked, more = wanted[: self.spec.pods], wanted[self.spec.pods :]
        number = 0
        for some in (*_some(asked, self.spec.at_once), *_some(more, self.spec.at_once)):
            if number >= len(asked) and self.reused:
                break
            await self._create_some(some, number)
            number += len(some)
        await asyncio.gather(*self._trying.values())

    async def _create_some(self, pods: Sequence[Pod], first: int) -> None:
        """Create pods, the first of which has this number."""
        environment = {}
        for number, pod in enumerate(pods, first):
            environment[pod.id] = {ENVIRONMENT: self._order(number)} if self.outward else {}
            self._trying[pod.id] = asyncio.create_task(self._try_from_outside(pod, number))
        made = await self.deployment.create_pods(pods, self.timeouts.ready, environment)
        # whoever did not get the address that it was to have is a pod like any other here
        self.pods += tuple(replace(pod, strayed="") for pod in made)
        self.reused |= {pod.pod.id for pod in made if self._given_up.intersection(pod.addresses.values())}

    def _order(self, number: int) -> str:
        """What an agent finds in its environment: a series that it begins at once."""
        targets = [line.target for line in self.outward if line.target is not None]
        plan = self.series.plan(START, number, targets, [line.responder for line in self.outward])
        return json.dumps(plan.frame, separators=(",", ":"))

    async def _try_from_outside(self, pod: Pod, number: int) -> None:
        """Have the peers begin as soon as the pod has an address."""
        if not self.spec.sources:
            return
        key = (self.deployment.namespaces[pod.namespace], pod.name)
        with suppress(TimeoutError):
            await self.deployment.watch.until([key], _has_address, self.timeouts.ready)
        seen = self.deployment.watch.pod(*key)
        if not _has_address(seen) or seen is None:
            return
        await asyncio.gather(*(self._try_from(peer, pod, number, seen) for peer in self.spec.sources))

    async def _try_from(self, peer: str, pod: Pod, number: int, seen: Json) -> None:
        addresses, uid = addresses_of(seen), str(seen["metadata"]["uid"])
        targets = [
            Target(addresses.get(line.family, ""), line.port.number, line.port.protocol) for line in self.inward(peer)
        ]
        ear = self.inbound[peer, pod.id] = Ear(f"{self.series.nonce}-{number}")
        plan = self.series.plan(ear.name, PEERS + number, targets, [uid] * len(targets))
        try:
            await ear.begin(self.agents.by_pod[peer].channel, plan)
        except AgentLost as error:
            self.trouble[peer] = f"the agent of {peer} was lost: {error}"

    async def _relabel(self, pod: RunningPod) -> None:
        await self.deployment.label(Label(ObjectRef("pod", pod.pod.namespace, pod.pod.name), self.spec.relabel))

    async def _remove(self, wanted: Sequence[Pod]) -> None:
        await self.agents.forget([pod.id for pod in wanted])
        await asyncio.gather(*(self._delete(pod) for pod in wanted if pod.id in self.deployment.running))

    async def _delete(self, pod: Pod) -> None:
        await self.deployment.delete_pod(ObjectRef("pod", pod.namespace, pod.name))

    # --- what they saw ---

    async def _collect(self) -> None:
        for pod in self.pods if self.outward else ():
            ear = self.own[pod.pod.id] = Ear(START)
            await self._hear(pod.pod.id, self.agents.by_pod[pod.pod.id], ear)
        for peer, ear in self.listening.items():
            await self._hear(peer, self.agents.by_pod[peer], ear)
        for (peer, _), ear in self.inbound.items():
            await self._hear(peer, self.agents.by_pod[peer], ear)

    async def _hear(self, id: str, agent: Agent, ear: Ear) -> None:
        try:
            await ear.collect(agent.channel)
        except AgentLost as error:
            self.trouble[id] = f"the agent of {id} was lost: {error}"

    async def _prove(self) -> None:
        """Lift the policies, and see which of the silent pairs connect: only their silence was a denial."""
        cells = [line.cell(pod.pod.id) for line in self.lines if not line.trouble for pod in self.pods]
        lifted = await self.deployment.lift_policies()
        try:
            samples = await connect_again(
                cells, self.agents, self.controls, self.timeouts.attempt, self.timeouts.baseline
            )
        finally:
            await self.deployment.restore_policies(lifted)
        self.control = {
            cell: ""
            if sample.outcome is Outcome.CONNECTED
            else f"with the policies lifted it was {sample.outcome}, too"
            for cell, sample in samples.items()
        }


def _some(pods: Sequence[Pod], most: int) -> list[Sequence[Pod]]:
    return [pods[start : start + most] for start in range(0, len(pods), most)]


def _has_address(seen: object) -> bool:
    return isinstance(seen, dict) and bool(seen.get("status", {}).get("podIP"))
