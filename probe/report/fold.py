"""Folds the stream of events into the run record, so that whatever was measured is there at any moment.

A run that is cut short, or whose orchestrator fails, still has a record: what ended is in it, what did not is
marked as not completed, and its exit code is never 0.

Scenarios that run side by side are told apart by their place in the plan, and stand in the record in its order,
whichever was over first.
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
    ScenarioEvent,
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
        self._scenarios: dict[int, _ScenarioFold] = {}
        self._latest: _ScenarioFold | None = None
        self._problems: list[str] = []
        self._notes: list[Noticed] = []
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
            case Noticed():
                self._notes.append(event)
            case Selected() | StoppedEarly() | KnownFailuresSeen():
                self._see_run(event)
            case ScenarioStarted(scenario=place):
                self._latest = _ScenarioFold(event)
                self._scenarios[len(self._scenarios) if place is None else place] = self._latest
            case _ if isinstance(event, ScenarioEvent):
                self._see_in_scenario(event)
            case _:
                pass

    def _see_run(self, event: Selected | StoppedEarly | KnownFailuresSeen) -> None:
        """How the run was chosen, cut short, and held against known failures."""
        self._notes += map(Noticed, event_notes(event))
        match event:
            case Selected():
                self._selected = event
            case StoppedEarly(not_run):
                self._not_run = not_run
            case KnownFailuresSeen():
                self._known = event

    def _see_in_scenario(self, event: ScenarioEvent) -> None:
        """Events without a place belong to the latest scenario, if that had none either, or to the run."""
        fold = self._latest if event.scenario is None else self._scenarios.get(event.scenario)
        stray = fold is None or (event.scenario is None and (fold.over or fold.placed))
        if fold is not None and not stray:
            fold.see(event)
        elif isinstance(event, ProblemSeen):
            self._problems.append(event.message)

    def record(self) -> RunRecord:
        """The record so far; before ``RunDone`` it says ``interrupted``. Steps that ended are shared, not copied."""
        scenarios = [self._scenarios[place].record() for place in sorted(self._scenarios)]
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
            notes=self._ordered_notes(),
            selection=self._selected.selection if self._selected else None,
            known_failures=list(self._known.failures),
            not_run=list(self._not_run),
            lanes=self._started.lanes if self._started else 1,
        )
        problems = any(True for _ in troubles(record))
        outdated = self._known.strict and any(each.is_outdated for each in self._known.failures)
        record.exit_code = int(record_exit_code(record, problems=problems, outdated=outdated))
        return record

    def _ordered_notes(self) -> list[str]:
        """What is about the run first, then what is about its scenarios, in their order; each once."""
        ordered = sorted(self._notes, key=lambda note: -1 if note.scenario is None else note.scenario)
        return list(dict.fromkeys(note.message for note in ordered))

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
        self.placed = started.scenario is not None
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
            case FleetReady(seconds, untested, shared=shared):
                record.deploy_seconds, record.untested, record.shared_fleet = seconds, list(untested), shared
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
            case ScenarioDone(_, completed, times=times):
                self.over, record.completed, record.times = True, completed, times

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
