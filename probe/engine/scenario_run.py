"""One scenario on a cluster, from its first namespace to its last verdict.

Emits events as things happen. Errors of the cluster end the scenario with what was measured so far; the caller
removes the namespaces, whatever happened.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from probe.cluster.api import Api
from probe.cluster.clock import now
from probe.cluster.deployment import Deployment, RunningPod
from probe.cluster.nodes import Node
from probe.cluster.objects import Owner
from probe.cluster.outfit import Outfit
from probe.cluster.placement import Placer, untested_topology
from probe.cluster.pods import PodWatch
from probe.cluster.services import Services
from probe.engine.agents import Agents
from probe.engine.changes import Changes
from probe.engine.closing import Denials, JudgedStep, run_closing_control
from probe.engine.computed import Consultant, StepOracle, Whereabouts, computed, disagreements
from probe.engine.controls import Controls, run_baseline
from probe.engine.established import Established
from probe.engine.evidence import Scribe
from probe.engine.liveness import WITNESS, WITNESS_NAMESPACE, WITNESS_NAMESPACE_SPEC, needs_witness
from probe.engine.options import RunOptions
from probe.engine.outside import OutsideFleet
from probe.engine.reach import Reach
from probe.engine.routes import NOT_OURS, Routes
from probe.engine.start_race import Raced, run_race
from probe.engine.step import StepMeasurement
from probe.engine.unserved import is_possible, untried, untried_steps
from probe.model.cell import Cell, Family
from probe.model.enforcement import Tally
from probe.model.errors import ClusterError, CniProbeError, ScenarioError
from probe.model.events import (
    BaselineDone,
    Event,
    FleetReady,
    Noticed,
    PodReady,
    ProblemSeen,
    ScenarioDone,
    ScenarioStarted,
    StepDone,
    StepStarted,
)
from probe.model.packed import PackedCells
from probe.model.plan import Plan, PlannedStep, line_of
from probe.model.record import PodRecord, StepRecord
from probe.model.scenario import (
    Action,
    Apply,
    CreateNamespace,
    CreatePod,
    Delete,
    Label,
    Namespace,
    Pod,
    Scenario,
)
from probe.scenario.established import held_cells
from probe.scenario.names import map_manifest
from probe.scenario.plan import make_plan, ways_needed


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """A scenario that is about to run. ``namespaces``: logical to actual, those of later steps included.

    ``nodes`` are those that its pods may be placed on (at least one). ``prefix`` begins the actual names of
    cluster-scoped objects; ``missing`` kinds are not served by the cluster.
    """

    api: Api
    scenario: Scenario
    namespaces: Mapping[str, str]
    nodes: Sequence[Node]
    outfit: Outfit
    options: RunOptions
    emit: Callable[[Event], None]
    repeat: int = 1
    prefix: str = ""
    missing: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Run it. Errors of the cluster become ``ProblemSeen``; cancellation passes through after the record."""
        scenario = self.scenario
        self.emit(
            ScenarioStarted(
                scenario.name,
                scenario.file,
                scenario.description,
                dict(scenario.labels),
                dict(self.namespaces),
                len(self._first_pods()),
                len(scenario.steps),
                self.repeat,
                dict(scenario.sources),
            )
        )
        completed = False
        try:
            if all(self._untried):
                self._tell_untried()
            else:
                await self._measure()
            completed = True
        except CniProbeError as error:
            self.emit(ProblemSeen(str(error)))
        finally:
            self.emit(ScenarioDone(scenario.name, completed))

    @property
    def _untried(self) -> tuple[str, ...]:
        """For each step why it cannot be tried here; empty where it can."""
        return untried_steps(self.scenario, self.missing)

    def _tell_untried(self) -> None:
        """Nothing is deployed for a scenario of which no step can be tried. Pods would have their nodes' families."""
        families = {family for node in self.nodes for family in node.addresses} or {Family.IPV4}
        plan = make_plan(self.scenario, families=[family for family in Family if family in families])
        consultant = Consultant(self.scenario)
        for index, (planned, reason) in enumerate(zip(plan.steps, self._untried, strict=True)):
            changes = list(map(str, planned.step.actions))
            self.emit(StepStarted(planned.step.name, index, tuple(changes), len(planned.cells)))
            self.emit(StepDone(self._untried_record(computed(planned, consultant.at(index, {})), reason, changes)))

    def _untried_record(self, planned: PlannedStep, reason: str, changes: list[str]) -> StepRecord:
        return StepRecord(
            name=planned.step.name,
            description=planned.step.description,
            changes=changes,
            acknowledged=datetime.fromtimestamp(now(), UTC).isoformat(),
            change_seconds=0.0,
            converge_seconds=None,
            confirm_seconds=0.0,
            seconds=0.0,
            cells=PackedCells(untried(planned, reason)),
            problems=[],
            completed=True,
            line=line_of(planned.step.location),
        )

    async def _measure(self) -> None:
        async with self._deployment() as deployment, self._agents(deployment) as agents:
            services = agents.routes.services
            await self._deploy(deployment, agents)
            plan = make_plan(self.scenario, families=_families(deployment.running.values()))
            consultant = Consultant(self.scenario)
            for planned, oracle in zip(plan.steps, consultant.all(_whereabouts(deployment)), strict=True):
                if not self._has_later_pods(planned):
                    self._cross_check(planned, oracle)
            services.wanted = ways_needed(plan).services
            await services.make(self.scenario.fleet.pods)
            controls = Controls(agents)
            timeouts = self.scenario.timeouts
            cells = _cells_of(plan, {pod.id for pod in self.scenario.fleet.pods})
            baseline = await run_baseline(cells, agents, controls, timeouts.attempt, timeouts.baseline)
            self.emit(BaselineDone(baseline))
            judged: list[JudgedStep] = []

            async def close() -> None:
                scribe, keep = self._scribe(agents), self.options.keep
                await run_closing_control(
                    judged, deployment, agents, controls, timeouts, scribe, self.emit, restore=keep
                )

            try:
                for index, planned in enumerate(plan.steps):
                    await agents.refresh()
                    previous = plan.steps[index - 1] if index else None
                    judged.append(await self._step(index, planned, previous, consultant, deployment, agents, controls))
                    for step in judged:
                        step.settle()
                if self.options.hold is not None and judged:
                    await self.options.hold(judged[-1].record, agents, self.emit)
            except ClusterError:  # no further step, but what was measured may still get its control
                with suppress(ClusterError):
                    await close()
                raise
            await close()

    @asynccontextmanager
    async def _deployment(self) -> AsyncIterator[Deployment]:
        owner = Owner(self.options.run, self.scenario.name)
        outfit = self.outfit.for_scenario(self.scenario)
        placer = Placer(self.nodes, self.scenario.fleet.placement.spread)
        async with PodWatch.follow(self.api, owner.selector) as watch:
            apart = (WITNESS_NAMESPACE,) if needs_witness(self.scenario) else ()
            yield Deployment(self.api, owner, self.namespaces, placer, outfit, watch, map_manifest, self.prefix, apart)

    @asynccontextmanager
    async def _agents(self, deployment: Deployment) -> AsyncIterator[Agents]:
        reach = Reach(deployment, self.options.agent.relay)
        services = Services(self.api, deployment.owner, self.namespaces)
        agents = Agents(reach, self.options.pace, Routes(self.nodes, services))
        try:
            yield agents
        finally:
            await agents.aclose()

    def _first_pods(self) -> tuple[Pod, ...]:
        fleet = self.scenario.fleet
        return (*fleet.pods, WITNESS) if needs_witness(self.scenario) else fleet.pods

    def _first_namespaces(self) -> tuple[Namespace, ...]:
        fleet = self.scenario.fleet
        return (*fleet.namespaces, WITNESS_NAMESPACE_SPEC) if needs_witness(self.scenario) else fleet.namespaces

    async def _deploy(self, deployment: Deployment, agents: Agents) -> None:
        started = time.monotonic()
        await deployment.create_namespaces(self._first_namespaces())
        await self._start(self._first_pods(), deployment, agents)
        await self._start_externals(deployment, agents)
        homes = [deployment.running[pod.id].node for pod in self.scenario.fleet.pods]
        untested = untested_topology(homes, self.scenario.fleet.placement, len(self.nodes))
        untested += _untested_families(self.scenario, _families(deployment.running.values()))
        self.emit(FleetReady(round(time.monotonic() - started, 3), tuple(untested)))

    async def _start(self, pods: tuple[Pod, ...], deployment: Deployment, agents: Agents) -> None:
        running = await deployment.create_pods(pods, self.scenario.timeouts.ready)
        await agents.open(running)
        for pod in running:
            self.emit(PodReady(_pod_record(pod)))

    async def _start_externals(self, deployment: Deployment, agents: Agents) -> None:
        if not self.scenario.fleet.externals:
            return
        given, namespace = self.options.externals, self.namespaces[WITNESS_NAMESPACE]
        fleet = OutsideFleet(self.scenario, deployment, agents, given, namespace)
        agents.outside, records = await fleet.start(_families(deployment.running.values()))
        for record in records:
            self.emit(PodReady(record))

    def _has_later_pods(self, planned: PlannedStep) -> bool:
        """Whether any pod of a step is created by a step, so that its address is not known before."""
        actions = (action for step in self.scenario.steps for action in step.actions)
        created = {action.pod.id for action in actions if isinstance(action, CreatePod)}
        return any(pod.id in created for pod in planned.pods)

    def _cross_check(self, planned: PlannedStep, oracle: StepOracle) -> None:
        """Raises ScenarioError where what a step states cannot be what its policies say, unless it is trusted."""
        trusted = self.options.trust_scenarios  # a cell that is not as stated says why by itself
        problems = [*disagreements(planned, oracle, why=not trusted)]
        if problems and not trusted:
            raise ScenarioError(problems)
        for problem in problems:
            self.emit(Noticed(f"{problem}; what is stated counts"))

    async def _step(
        self,
        index: int,
        planned: PlannedStep,
        previous: PlannedStep | None,
        consultant: Consultant,
        deployment: Deployment,
        agents: Agents,
        controls: Controls,
    ) -> JudgedStep:
        step = planned.step
        changes = [str(action) for action in step.actions]
        self.emit(StepStarted(step.name, index, tuple(changes), len(planned.cells)))
        before, later_pods = consultant.before(index), self._has_later_pods(planned)
        if not later_pods:  # then all is known by now, and none of the time after the changes is lost to thinking
            oracle = consultant.at(index, _whereabouts(deployment))
            planned = computed(planned, oracle)
        there, established = frozenset(agents.by_pod), Established(agents, self.scenario.timeouts)
        await established.open(held_cells(planned, there, self.scenario.fleet.externals))
        started, begun = time.monotonic(), now()
        for action in step.actions:
            if is_possible(action, self.missing):
                await self._change(action, deployment, agents)
        acknowledged, change_seconds = now(), time.monotonic() - started
        if later_pods:
            oracle = consultant.at(index, _whereabouts(deployment))
            self._cross_check(planned, oracle)
            planned = computed(planned, oracle)
        if reason := self._untried[index]:
            record = self._untried_record(planned, reason, changes)
            self.emit(StepDone(record))
            return JudgedStep(record, time.monotonic(), Denials(controls))
        timeouts, turned = self.scenario.timeouts, Changes(planned, oracle, before, previous)
        measurement = StepMeasurement(planned, acknowledged, agents, controls, timeouts, self.emit, turned)
        denials, tally = Denials(controls), Tally()
        raced: Raced = ()
        try:
            await measurement.run()
            await established.follow(acknowledged, held_cells(planned, there, self.scenario.fleet.externals))
            raced = await run_race(step.start_race, deployment, agents, controls, timeouts)
        finally:
            fates = established.records(begun, acknowledged)
            judged = tally.counted(denials.watched(measurement.records(self._scribe(agents, oracle))))
            record = StepRecord(
                name=step.name,
                description=step.description,
                changes=changes,
                acknowledged=datetime.fromtimestamp(acknowledged, UTC).isoformat(),
                change_seconds=round(change_seconds, 4),
                converge_seconds=measurement.converge_seconds,
                confirm_seconds=measurement.confirm_seconds,
                seconds=round(time.monotonic() - started, 4),
                cells=PackedCells(chain(judged, fates, (cell for cell, _ in raced))),
                start_race=[record for _, record in raced],
                enforcement=tally.records(),
                sampling=measurement.sampling,
                problems=[]
                if planned.cells
                else ["nothing was tried: no pods have an address of the families asked for"],
                completed=measurement.findings is not None,
                line=line_of(step.location),
                policies=consultant.policies(index),
            )
            self.emit(StepDone(record))
        return JudgedStep(record, measurement.confirmed_at, denials)

    def _scribe(self, agents: Agents, oracle: StepOracle | None = None) -> Scribe:
        program = " ".join(self.options.agent.command)
        return Scribe(agents, self.options.kubectl, program, self.scenario.timeouts.confirm, oracle)

    async def _change(self, action: Action, deployment: Deployment, agents: Agents) -> None:
        match action:
            case CreateNamespace():
                await deployment.create_namespaces([action.namespace])
            case CreatePod():
                await self._start((action.pod,), deployment, agents)
                await agents.routes.services.make((action.pod,))
            case Label():
                await deployment.label(action)
            case Apply():
                await deployment.apply(action)
            case Delete():
                await agents.forget(_pods_of(action, agents))
                await deployment.delete(action)
                if action.ref.kind == "namespace":
                    agents.routes.services.forget(action.ref.name)


def _whereabouts(deployment: Deployment) -> dict[str, Whereabouts]:
    """Where the pods are that run now, by id."""
    return {id: Whereabouts(pod.node, tuple(pod.addresses.values())) for id, pod in deployment.running.items()}


def _pods_of(action: Delete, agents: Agents) -> list[str]:
    """The pods that end with a deletion."""
    ref = action.ref
    if ref.kind == "pod":
        return [f"{ref.namespace}/{ref.name}"]
    if ref.kind == "namespace":
        return [pod_id for pod_id in agents.by_pod if pod_id.startswith(f"{ref.name}/")]
    return []


def _cells_of(plan: Plan, pods: set[str]) -> Iterable[Cell]:
    """Every distinct cell of the plan that can be tried before the first step."""
    for step in plan.steps:
        for planned in step.cells:
            cell = planned.cell
            if cell.source in pods and (cell.destination in pods or cell.path in NOT_OURS):
                yield cell


def _families(pods: Iterable[RunningPod]) -> tuple[Family, ...]:
    """The address families that any of the pods has: a cell of a pod that lacks one is unsupported, not left out."""
    found = {family for pod in pods for family in pod.addresses}
    return tuple(family for family in Family if family in found)


def _untested_families(scenario: Scenario, families: Collection[Family]) -> list[str]:
    """The families that steps ask for by name and that no pod has: such cells are not even planned, so it is said."""
    asked = {family for step in scenario.steps for family in step.selection.families}
    return [
        f"{family}, which the scenario asks for: no pod has such an address" for family in sorted(asked - {*families})
    ]


def _pod_record(pod: RunningPod) -> PodRecord:
    return PodRecord(
        id=pod.pod.id,
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        node=pod.node,
        addresses=[pod.addresses[family] for family in Family if family in pod.addresses],
        labels=dict(pod.pod.labels),
    )
