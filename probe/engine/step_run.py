"""One step of a scenario on its stage: the changes, the measurement, and the record of both."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain

from probe.cluster.clock import now
from probe.engine.actions import carry_out
from probe.engine.changes import Changes
from probe.engine.closing import Denials, JudgedStep
from probe.engine.computed import StepOracle, computed
from probe.engine.established import Established
from probe.engine.race.results import Raced, run_race
from probe.engine.stage import Stage
from probe.engine.step import StepMeasurement
from probe.engine.unserved import is_possible, untried_record
from probe.model.cell import Cell
from probe.model.enforcement import Tally
from probe.model.events import StepDone, StepStarted
from probe.model.packed import PackedCells
from probe.model.plan import PlannedStep, line_of
from probe.model.record import StepRecord
from probe.model.scenario import Timeouts
from probe.scenario.established import held_cells

_NOTHING_TRIED = "nothing was tried: no pods have an address of the families asked for"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the policies say of a step, and what it turns its cells into; ``planned`` has every expectation.

    ``held``: the cells that are tried when the others have settled.
    """

    planned: PlannedStep
    oracle: StepOracle
    changes: Changes
    held: frozenset[Cell]


@dataclass(frozen=True, slots=True)
class _Made:
    """The changes that were made. ``begun`` and ``acknowledged``: unix time, ``started``: on the monotonic clock."""

    begun: float
    acknowledged: float
    started: float
    seconds: float


@dataclass(slots=True)
class StepRun:
    """A step that is about to be made and measured. ``untried``: why its cells cannot be tried; empty: they can.

    ``previous`` is the step before it (None: it is the first).
    """

    stage: Stage
    index: int
    planned: PlannedStep
    previous: PlannedStep | None
    untried: str
    _before: StepOracle | None = field(init=False)
    _told: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.stage.consultant.before(self.index)
        self._told = [str(action) for action in self.planned.step.actions]

    async def run(self) -> JudgedStep:
        """Make the changes, measure, and tell what was found, also when an error of the cluster ends it."""
        stage, planned = self.stage, self.planned
        stage.emit(StepStarted(planned.step.name, self.index, tuple(self._told), len(planned.cells)))
        # Without pods that are to come all is known by now, and none of the time after the changes is lost to thinking.
        known = None if stage.has_later_pods(planned) else self._consult()
        externals, there = stage.scenario.fleet.externals, frozenset(stage.agents.by_pod)
        held = [] if self.untried else [*held_cells(known.planned if known else planned, there, externals)]
        established = Established(stage.agents, stage.scenario.timeouts)
        await established.open(held)
        stage.stopwatch.lap("overhead")
        made = await self._make_changes()
        if known is None:
            known = self._consult_later()
        if self.untried:
            record = untried_record(known.planned, self.untried, self._told)
            stage.emit(StepDone(record))
            return JudgedStep(record, time.monotonic(), Denials(stage.copy.controls))
        return await self._measure(known, made, established, there)

    def _consult(self) -> _Known:
        stage = self.stage
        oracle = stage.consultant.at(self.index, stage.whereabouts)
        planned = computed(self.planned, oracle)
        changes = Changes(planned, oracle, self._before, self.previous)
        is_limited = _is_limited(stage.scenario.timeouts)
        return _Known(planned, oracle, changes, frozenset() if is_limited else changes.left_open())

    def _consult_later(self) -> _Known:
        """When the step's changes have created its pods: every cell is tried at once, and checked only now."""
        known = replace(self._consult(), held=frozenset())
        self.stage.cross_check(self.planned, known.oracle)
        return known

    async def _make_changes(self) -> _Made:
        stage = self.stage
        started, begun = time.monotonic(), now()
        for action in self.planned.step.actions:
            if is_possible(action, stage.missing):
                await carry_out(action, stage)
        made = _Made(begun, now(), started, time.monotonic() - started)
        stage.stopwatch.lap("change")
        return made

    async def _measure(self, known: _Known, made: _Made, established: Established, there: frozenset[str]) -> JudgedStep:
        """``there``: the pods that were there before the changes."""
        stage, step = self.stage, known.planned.step
        agents, controls, timeouts = stage.agents, stage.copy.controls, stage.scenario.timeouts
        externals = stage.scenario.fleet.externals
        measurement = StepMeasurement(
            known.planned, made.acknowledged, agents, controls, timeouts, stage.emit, known.changes, known.held
        )
        measurement.lap = stage.stopwatch.lap
        denials, tally = Denials(controls), Tally()
        raced: Raced = ()
        try:
            await measurement.run()
            await established.follow(made.acknowledged, held_cells(known.planned, there, externals))
            raced = await run_race(step.start_race, stage.deployment, agents, controls, timeouts, externals)
        finally:
            judged = tally.counted(denials.watched(measurement.records(stage.scribe(known.oracle))))
            fates = established.records(made.begun, made.acknowledged)
            cells = PackedCells(chain(judged, fates, (cell for cell, _ in raced)))
            record = self._record(known, made, measurement, cells)
            record = replace(record, start_race=[race for _, race in raced], enforcement=tally.records())
            stage.emit(StepDone(record))
        return JudgedStep(record, measurement.confirmed_at, denials)

    def _record(self, known: _Known, made: _Made, measurement: StepMeasurement, cells: PackedCells) -> StepRecord:
        step = known.planned.step
        return StepRecord(
            name=step.name,
            description=step.description,
            changes=self._told,
            acknowledged=datetime.fromtimestamp(made.acknowledged, UTC).isoformat(),
            change_seconds=round(made.seconds, 4),
            converge_seconds=measurement.converge_seconds,
            confirm_seconds=measurement.confirm_seconds,
            seconds=round(time.monotonic() - made.started, 4),
            cells=cells,
            sampling=measurement.sampling,
            problems=[] if known.planned.cells else [_NOTHING_TRIED],
            completed=measurement.findings is not None,
            line=line_of(step.location),
            policies=self.stage.consultant.policies(self.index),
            slowed=measurement.slowed,
        )


def _is_limited(timeouts: Timeouts) -> bool:
    """Whether a cell is a mismatch also for what was seen of it while it converged."""
    return timeouts.enforcement is not None or timeouts.grace is not None
