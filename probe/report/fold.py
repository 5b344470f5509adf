"""Folds the stream of events into the run record, so that whatever was measured is there at any moment.

A run that is cut short, or whose orchestrator fails, still has a record: what ended is in it, what did not is
marked as not completed, and its exit code is never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from probe import __version__
from probe.model.cell import Cell, Expectation, Verdict
from probe.model.events import (
    BaselineDone,
    Event,
    FleetReady,
    KnownFailuresSeen,
    Noticed,
    PodReady,
    ProblemSeen,
    RoundDone,
    RunDone,
    RunStarted,
    ScenarioDone,
    ScenarioStarted,
    Selected,
    StepDone,
    StepStarted,
    StoppedEarly,
    WatchDone,
)
from probe.model.exit_code import record_exit_code
from probe.model.packed import PackedCells
from probe.model.record import Attempt, CellRecord, ClusterRecord, RunRecord, ScenarioRecord, StepRecord
from probe.report.problems import troubles
from probe.report.run_notes import event_notes


class Recorder:
    """Sees every event of a run and gives the record of what has been measured so far.

    ``now`` is the clock that dates a record which is asked for before the run is over; ``tool`` is who measured.
    """

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), tool: str = f"cni-probe {__version__}"
    ) -> None:
        self._now = now
        self._tool = tool
        self._started: RunStarted | None = None
        self._done: RunDone | None = None
        self._scenarios: list[_ScenarioFold] = []
        self._problems: list[str] = []
        self._notes: list[str] = []
        self._selected: Selected | None = None
        self._known: KnownFailuresSeen = KnownFailuresSeen(())
        self._not_run: tuple[str, ...] = ()

    def see(self, event: Event) -> None:
        """Take one event in. Events that measure nothing (cleaning up) pass by."""
        match event:
            case RunStarted():
                self._started = event
            case RunDone():
                self._done = event
            case Noticed(message):
                self._notes.append(message)
            case Selected() | StoppedEarly() | KnownFailuresSeen():
                self._see_run(event)
            case ScenarioStarted():
                self._scenarios.append(_ScenarioFold(event))
            case ProblemSeen(message) if not self._scenarios or self._scenarios[-1].over:
                self._problems.append(message)
            case _ if self._scenarios:
                self._scenarios[-1].see(event)
            case _:
                pass

    def _see_run(self, event: Selected | StoppedEarly | KnownFailuresSeen) -> None:
        """How the run was chosen, cut short, and held against known failures."""
        self._notes += event_notes(event)
        match event:
            case Selected():
                self._selected = event
            case StoppedEarly(not_run):
                self._not_run = not_run
            case KnownFailuresSeen():
                self._known = event

    def record(self) -> RunRecord:
        """The record so far; before ``RunDone`` it says ``interrupted``. Steps that ended are shared, not copied."""
        scenarios = [fold.record() for fold in self._scenarios]
        finished, seconds = self._end()
        record = RunRecord(
            run=self._started.run if self._started else "",
            tool=self._tool,
            started=self._started.started if self._started else finished,
            finished=finished,
            seconds=seconds,
            cluster=self._started.cluster if self._started else ClusterRecord("", "", []),
            scenarios=scenarios,
            counts=count_verdicts(scenarios),
            exit_code=0,
            interrupted=self._done.interrupted if self._done else True,
            kept=self._started.kept if self._started else False,
            problems=self._problems + self._missing_scenarios(),
            notes=list(self._notes),
            selection=self._selected.selection if self._selected else None,
            known_failures=list(self._known.failures),
            not_run=list(self._not_run),
        )
        problems = any(True for _ in troubles(record))
        outdated = self._known.strict and any(each.is_outdated for each in self._known.failures)
        record.exit_code = int(record_exit_code(record, problems=problems, outdated=outdated))
        return record

    def _end(self) -> tuple[str, float]:
        if self._done:
            return self._done.finished, self._done.seconds
        now = self._now()
        started = datetime.fromisoformat(self._started.started) if self._started else now
        return now.isoformat(timespec="milliseconds"), (now - started).total_seconds()

    def _missing_scenarios(self) -> list[str]:
        announced = self._started.scenarios if self._started else 0
        if len(self._scenarios) + len(self._not_run) >= announced or (self._done and self._done.interrupted):
            return []
        started = len(self._scenarios)
        return [f"only {started} of {announced} scenarios were started" if started else "no scenario was started"]


class _ScenarioFold:
    """One scenario on its way."""

    def __init__(self, started: ScenarioStarted) -> None:
        self.over = False
        self._announced = started.steps
        self._open_step: StepStarted | None = None
        self._rounds: list[RoundDone] = []
        self._record = ScenarioRecord(
            name=started.name,
            file=started.file,
            description=started.description,
            labels=dict(started.labels),
            namespaces=dict(started.namespaces),
            pods=[],
            deploy_seconds=0.0,
            baseline=None,
            steps=[],
            completed=False,
            repeat=started.repeat,
            sources=dict(started.sources),
        )

    def see(self, event: Event) -> None:
        record = self._record
        match event:
            case PodReady(pod):
                record.pods.append(pod)
            case FleetReady(seconds, untested):
                record.deploy_seconds, record.untested = seconds, list(untested)
            case BaselineDone(baseline):
                record.baseline = baseline
            case StepStarted():
                self._open_step, self._rounds = event, []
            case RoundDone() if self._open_step:
                self._rounds.append(event)
            case StepDone(step):
                self._open_step, self._rounds = None, []
                self._add(step)
            case WatchDone(watch):
                record.watch = watch
            case ProblemSeen(message):
                record.problems.append(message)
            case ScenarioDone(_, completed):
                self.over, record.completed = True, completed

    def _add(self, step: StepRecord) -> None:
        """A step that is judged again (a control that came later) takes the place of what was there."""
        for index, known in enumerate(self._record.steps):
            if known.name == step.name:
                self._record.steps[index] = step
                return
        self._record.steps.append(step)

    def record(self) -> ScenarioRecord:
        """A record of its own lists, so that events seen later do not change one already handed out."""
        steps, problems = list(self._record.steps), list(self._record.problems)
        if self._open_step:
            steps.append(_cut_short(self._open_step, self._rounds))
        elif self._record.completed and len(steps) != self._announced:
            problems.append(f"only {len(steps)} of {self._announced} steps were run")
        completed = self._record.completed and len(steps) == self._announced and all(step.completed for step in steps)
        return replace(self._record, pods=list(self._record.pods), steps=steps, problems=problems, completed=completed)


def _cut_short(started: StepStarted, rounds: Sequence[RoundDone]) -> StepRecord:
    """The record of a step that began and was never judged: what was seen until then, and no verdict."""
    histories: dict[tuple[Cell, Expectation], list[Attempt]] = {}
    for each in rounds:
        for seen in each.seen:
            histories.setdefault((seen.cell, seen.expected), []).append(seen.attempt)
    return StepRecord(
        name=started.name,
        description="",
        changes=list(started.changes),
        acknowledged=None,
        change_seconds=0.0,
        converge_seconds=None,
        confirm_seconds=0.0,
        seconds=0.0,
        cells=[
            _unjudged(cell, expected, sorted(history, key=lambda each: each.at))  # they came home in another order
            for (cell, expected), history in histories.items()
        ],
        problems=[f"stopped before its {started.cells} cells were judged"],
        completed=False,
    )


def _unjudged(cell: Cell, expected: Expectation, history: list[Attempt]) -> CellRecord:
    last = history[-1].outcome
    reason = f"the run ended before it was judged; last seen: {last}"
    return CellRecord.of(cell, expected, last, Verdict.INCONCLUSIVE, reason, attempts=len(history), history=history)


def count_verdicts(scenarios: Iterable[ScenarioRecord]) -> dict[Verdict, int]:
    """Cells by verdict, in the order of ``Verdict``; verdicts that did not occur are left out."""
    seen: Counter[Verdict] = Counter()
    for scenario in scenarios:
        for step in scenario.steps:
            seen.update(count_cells(step.cells))
    return _in_order(seen)


def count_cells(cells: Iterable[CellRecord]) -> dict[Verdict, int]:
    """Like ``count_verdicts``, of some cells."""
    return _in_order(cells.counts if isinstance(cells, PackedCells) else Counter(cell.verdict for cell in cells))


def _in_order(seen: Mapping[Verdict, int]) -> dict[Verdict, int]:
    return {verdict: seen[verdict] for verdict in Verdict if seen.get(verdict)}
