"""One scenario on a fleet that is deployed: baseline, steps, closing control.

Emits events as things happen. Errors of the cluster end the scenario with what was measured so far; whoever called it
decides what becomes of the fleet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain

from probe.cluster.clock import now
from probe.cluster.deployment import Deployment, RunningPod
from probe.cluster.placement import untested_topology
from probe.engine.agents import Agents
from probe.engine.changes import Changes
from probe.engine.closing import Closing, Denials, JudgedStep, run_closing_control
from probe.engine.computed import Consultant, StepOracle, Whereabouts, computed, disagreements
from probe.engine.controls import Controls, run_baseline
from probe.engine.established import Established
from probe.engine.evidence import Scribe
from probe.engine.fleet_copy import FleetCopy, first_pods
from probe.engine.options import RunOptions
from probe.engine.race.results import Raced, run_race
from probe.engine.routes import NOT_OURS
from probe.engine.step import StepMeasurement
from probe.engine.stopwatch import Stopwatch
from probe.engine.unserved import is_possible, untried_record, untried_steps
from probe.model.cell import Cell, Expectation, Family
from probe.model.enforcement import Tally
from probe.model.errors import ClusterError, ScenarioError
from probe.model.events import (
    BaselineDone,
    Event,
    FleetReady,
    Noticed,
    PodReady,
    StepDone,
    StepStarted,
)
from probe.model.packed import PackedCells
from probe.model.plan import Plan, PlannedStep, line_of
from probe.model.record import PodRecord, StepRecord
from probe.model.scenario import (
    Action,
    Apply,
    Complete,
    CreateNamespace,
    CreatePod,
    Delete,
    Label,
    Pod,
    Replace,
    Scenario,
    Terminate,
    Timeouts,
)
from probe.scenario.established import held_cells
from probe.scenario.plan import make_plan, ways_needed


class NotClean(ClusterError):
    """Pairs on pods that another scenario has used are silent though no policy is left: either one that was deleted is
    still in force, or the network is broken, which other pods will show. What is seen here would prove nothing."""

    def __init__(self, silent: Sequence[Cell]) -> None:
        self.silent = silent
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        super().__init__(f"no policy was in force any more, but {silent[0]}{more} stayed silent")


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """A scenario that is about to be measured on a copy. ``missing`` kinds are not served by the cluster."""

    scenario: Scenario
    copy: FleetCopy
    options: RunOptions
    emit: Callable[[Event], None]
    stopwatch: Stopwatch
    missing: frozenset[str] = frozenset()
    _untried: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_untried", untried_steps(self.scenario, self.missing))

    async def run(self, began: float) -> Closing:
        """Measure it. ``began``: when its fleet was first asked for, on the monotonic clock. Raises CniProbeError;
        NotClean before anything is judged."""
        copy, timeouts = self.copy, self.scenario.timeouts
        agents, services = copy.agents, copy.agents.routes.services
        await self._introduce(began)
        plan = make_plan(self.scenario, families=copy.families)
        consultant = Consultant(self.scenario)
        denied: set[Cell] = set()
        for planned, oracle in zip(plan.steps, consultant.all(_whereabouts(copy.deployment)), strict=True):
            if not self._has_later_pods(planned):
                self._cross_check(planned, oracle)
                planned = computed(planned, oracle)
            denied |= {each.cell for each in planned.cells if each.expectation is not Expectation.ALLOW}
        services.wanted = ways_needed(plan).services
        await services.make(self.scenario.fleet.pods)
        self.stopwatch.lap("overhead")
        cells = [*_cells_of(plan, {pod.id for pod in self.scenario.fleet.pods})]
        baseline = await run_baseline(cells, denied, agents, copy.controls, timeouts.attempt, timeouts.baseline)
        self.stopwatch.lap("baseline")
        if copy.last is not None and (silent := copy.controls.fell_silent(cells)):
            raise NotClean(silent)
        self.emit(BaselineDone(baseline))
        judged: list[JudgedStep] = []
        try:
            for index, planned in enumerate(plan.steps):
                await agents.refresh()
                previous = plan.steps[index - 1] if index else None
                judged.append(await self._step(index, planned, previous, consultant, copy.controls))
                for step in judged:
                    step.settle()
            if self.options.hold is not None and judged:
                await self.options.hold(judged[-1].record, agents, self.emit)
        except ClusterError:  # no further step, but what was measured may still get its control
            with suppress(ClusterError):
                await self._close(judged)
            raise
        return await self._close(judged)

    async def _introduce(self, began: float) -> None:
        """Tell what the fleet is like, its endpoints outside the cluster included."""
        copy, placement = self.copy, self.scenario.fleet.placement
        for pod in first_pods(self.scenario):
            self.emit(PodReady(_pod_record(copy.deployment.running[pod.id])))
        for record in await copy.start_externals(self.scenario):
            self.emit(PodReady(record))
        homes = [copy.deployment.running[pod.id].node for pod in self.scenario.fleet.pods]
        untested = untested_topology(homes, placement, len(copy.first.nodes))
        untested += _untested_families(self.scenario, copy.families)
        self.stopwatch.lap("deploy")
        seconds = round(time.monotonic() - began, 3)
        self.emit(FleetReady(seconds, tuple(untested), shared=copy.last is not None))

    async def _close(self, judged: Sequence[JudgedStep]) -> Closing:
        copy, controls = self.copy, self.copy.controls
        scribe, timeouts, keep = self._scribe(copy.agents), self.scenario.timeouts, self.options.keep
        self.stopwatch.lap("overhead")
        try:
            return await run_closing_control(
                judged, copy.deployment, copy.agents, controls, timeouts, scribe, self.emit, restore=keep
            )
        finally:
            self.stopwatch.lap("closing")

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
        controls: Controls,
    ) -> JudgedStep:
        step, copy = planned.step, self.copy
        changes = [str(action) for action in step.actions]
        self.emit(StepStarted(step.name, index, tuple(changes), len(planned.cells)))
        before, later_pods = consultant.before(index), self._has_later_pods(planned)
        if not later_pods:  # then all is known by now, and none of the time after the changes is lost to thinking
            oracle = consultant.at(index, _whereabouts(copy.deployment))
            planned = computed(planned, oracle)
            turned = Changes(planned, oracle, before, previous)
        timeouts = self.scenario.timeouts
        held = frozenset[Cell]() if later_pods or _is_limited(timeouts) else turned.left_open()
        externals, there = self.scenario.fleet.externals, frozenset(copy.agents.by_pod)
        established = Established(copy.agents, timeouts)
        reason = self._untried[index]
        await established.open(() if reason else held_cells(planned, there, externals))
        self.stopwatch.lap("overhead")
        started, begun = time.monotonic(), now()
        for action in step.actions:
            if is_possible(action, self.missing):
                await self._change(action, copy.deployment, copy.agents)
        acknowledged, change_seconds = now(), time.monotonic() - started
        self.stopwatch.lap("change")
        if later_pods:
            oracle = consultant.at(index, _whereabouts(copy.deployment))
            self._cross_check(planned, oracle)
            planned = computed(planned, oracle)
            turned = Changes(planned, oracle, before, previous)
        if reason:
            record = untried_record(planned, reason, changes)
            self.emit(StepDone(record))
            return JudgedStep(record, time.monotonic(), Denials(controls))
        measurement = StepMeasurement(planned, acknowledged, copy.agents, controls, timeouts, self.emit, turned, held)
        measurement.lap = self.stopwatch.lap
        denials, tally = Denials(controls), Tally()
        raced: Raced = ()
        try:
            await measurement.run()
            await established.follow(acknowledged, held_cells(planned, there, externals))
            raced = await run_race(step.start_race, copy.deployment, copy.agents, controls, timeouts, externals)
        finally:
            fates = established.records(begun, acknowledged)
            judged = tally.counted(denials.watched(measurement.records(self._scribe(copy.agents, oracle))))
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
                slowed=measurement.slowed,
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
                await self._create_pod(action.pod)
            case Label():
                await deployment.label(action)
            case Replace():
                await deployment.replace(action)
            case Apply():
                await deployment.apply(action)
            case Complete(ref):
                await agents.forget([f"{ref.namespace}/{ref.name}"])
                await deployment.complete_pod(ref)
            case Terminate(ref):
                await deployment.terminate(ref)
            case Delete():
                await agents.forget(_pods_of(action, agents))
                await deployment.delete(action)
                if action.ref.kind == "namespace":
                    agents.routes.services.forget(action.ref.name)

    async def _create_pod(self, pod: Pod) -> None:
        for running in await self.copy.start_pods((pod,), self.scenario.timeouts.ready):
            self.emit(PodReady(_pod_record(running)))
        await self.copy.agents.routes.services.make((pod,))


def _is_limited(timeouts: Timeouts) -> bool:
    """Whether a cell is a mismatch also for what was seen of it while it converged."""
    return timeouts.enforcement is not None or timeouts.grace is not None


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
