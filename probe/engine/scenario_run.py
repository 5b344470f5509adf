"""One scenario on its stage: baseline, steps, closing control.

Emits events as things happen. Errors of the cluster end the scenario with what was measured so far; whoever called it
decides what becomes of the fleet.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from probe.cluster.placement import untested_topology
from probe.engine.actions import pod_record
from probe.engine.closing import Closing, JudgedStep, run_closing_control
from probe.engine.computed import computed
from probe.engine.controls import run_baseline
from probe.engine.fleet_copy import first_pods
from probe.engine.routes import NOT_OURS
from probe.engine.stage import Stage
from probe.engine.step_run import StepRun
from probe.engine.unserved import untried_steps
from probe.model.cell import Cell, Expectation, Family
from probe.model.errors import ClusterError
from probe.model.events import BaselineDone, FleetReady, PodReady
from probe.model.plan import Plan
from probe.model.scenario import Scenario
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
    """A scenario that is about to be measured on its stage."""

    stage: Stage

    async def run(self, began: float) -> Closing:
        """Measure it. ``began``: when its fleet was first asked for, on the monotonic clock. Raises CniProbeError;
        NotClean before anything is judged."""
        stage = self.stage
        await self._introduce(began)
        plan = make_plan(stage.scenario, families=stage.copy.families)
        await self._baseline(plan)
        judged: list[JudgedStep] = []
        try:
            await self._steps(plan, judged)
            if stage.options.hold is not None and judged:
                await stage.options.hold(judged[-1].record, stage.agents, stage.emit)
        except ClusterError:  # no further step, but what was measured may still get its control
            with suppress(ClusterError):
                await self._close(judged)
            raise
        return await self._close(judged)

    async def _introduce(self, began: float) -> None:
        """Tell what the fleet is like, its endpoints outside the cluster included."""
        stage, scenario, copy = self.stage, self.stage.scenario, self.stage.copy
        running = stage.deployment.running
        for pod in first_pods(scenario):
            stage.emit(PodReady(pod_record(running[pod.id])))
        for record in await copy.start_externals(scenario):
            stage.emit(PodReady(record))
        homes = [running[pod.id].node for pod in scenario.fleet.pods]
        untested = untested_topology(homes, scenario.fleet.placement, len(copy.first.nodes))
        untested += _untested_families(scenario, copy.families)
        stage.stopwatch.lap("deploy")
        seconds = round(time.monotonic() - began, 3)
        stage.emit(FleetReady(seconds, tuple(untested), shared=copy.last is not None))

    async def _baseline(self, plan: Plan) -> None:
        """Try everything that can be tried before the first step, as no policy is in force."""
        stage, copy, timeouts = self.stage, self.stage.copy, self.stage.scenario.timeouts
        services, pods = stage.agents.routes.services, stage.scenario.fleet.pods
        denied = self._denied(plan)
        services.wanted = ways_needed(plan).services
        await services.make(pods)
        stage.stopwatch.lap("overhead")
        cells = [*_cells_of(plan, {pod.id for pod in pods})]
        baseline = await run_baseline(cells, denied, stage.agents, copy.controls, timeouts.attempt, timeouts.baseline)
        stage.stopwatch.lap("baseline")
        if copy.last is not None and (silent := copy.controls.fell_silent(cells)):
            raise NotClean(silent)
        stage.emit(BaselineDone(baseline))

    def _denied(self, plan: Plan) -> set[Cell]:
        """The cells that any step may deny, as far as is known before the first. Raises ScenarioError: see
        ``Stage.cross_check``."""
        stage, denied = self.stage, set[Cell]()
        for planned, oracle in zip(plan.steps, stage.consultant.all(stage.whereabouts), strict=True):
            if not stage.has_later_pods(planned):
                stage.cross_check(planned, oracle)
                planned = computed(planned, oracle)
            denied |= {each.cell for each in planned.cells if each.expectation is not Expectation.ALLOW}
        return denied

    async def _steps(self, plan: Plan, judged: list[JudgedStep]) -> None:
        """Make and measure one after the other; ``judged`` has those that were, also when an error ends it."""
        untried = untried_steps(self.stage.scenario, self.stage.missing)
        for index, planned in enumerate(plan.steps):
            await self.stage.agents.refresh()
            previous = plan.steps[index - 1] if index else None
            judged.append(await StepRun(self.stage, index, planned, previous, untried[index]).run())
            for step in judged:
                step.settle()

    async def _close(self, judged: Sequence[JudgedStep]) -> Closing:
        stage, timeouts = self.stage, self.stage.scenario.timeouts
        stage.stopwatch.lap("overhead")
        try:
            return await run_closing_control(
                judged,
                stage.deployment,
                stage.agents,
                stage.copy.controls,
                timeouts,
                stage.scribe(),
                stage.emit,
                restore=stage.options.keep,
            )
        finally:
            stage.stopwatch.lap("closing")


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
