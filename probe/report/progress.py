"""Shows on stderr what a run is doing: a living block on a terminal, a few plain lines everywhere else.

Only what is lasting is printed as a line of its own on a terminal (problems, steps that failed): the report repeats
the rest. stdout is never touched, so that reports can be piped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TextIO

from probe.model.cell import Verdict
from probe.model.events import (
    BaselineDone,
    CleanedUp,
    CommandSaid,
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
    WatchNews,
    WatchStarted,
)
from probe.model.record import CellRecord, StepRecord
from probe.report.findings import count_words
from probe.report.fold import count_cells
from probe.report.run_notes import event_notes
from probe.report.screens import screen_for
from probe.report.text import duration, one_line, plural


class Progress:
    """Context manager; ``see`` takes every event of a run. ``live`` None means: when the stream is a terminal."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, live: bool | None = None) -> None:
        self._screen = screen_for(stream, quiet=quiet, live=live)
        self._state = _State()

    def __enter__(self) -> Self:
        self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.stop()

    def see(self, event: Event) -> None:
        """Take one event in."""
        line, lasting = self._state.see(event)
        if line:
            self._screen.line(one_line(line), lasting)
        self._screen.status(self._state.status())


@dataclass(slots=True)
class _Running:
    """A scenario that is under way: its number in the plan, and what it is doing."""

    number: int = 0
    name: str = ""
    pods: int = 0
    ready: int = 0
    steps: int = 0
    doing: str = ""


class _State:
    """What a run is doing, as words; knows nothing of screens."""

    def __init__(self) -> None:
        self._scenarios = self._started = self._done = 0
        self._running: dict[int | None, _Running] = {}
        self._known: dict[int | None, _Running] = {}  # a problem may be told of one that is over
        self._doing = "connecting"
        self._verdicts: dict[tuple[int, str], Mapping[Verdict, int]] = {}
        self._watched = (0, 0)

    def status(self) -> list[str]:
        """``[1/2] frontend-ingress  step 2/3 deny-all: converge, 12 of 324 cells pending``.

        Of several scenarios at once: ``17 of 79 scenarios done, 9144 cells judged  (2 leak so far)``, then what each of
        them is doing, the first one first.
        """
        if len(self._running) > 1:
            cells = sum(sum(counts.values()) for counts in self._verdicts.values())
            done = f"{self._done} of {plural(max(self._scenarios, self._started), 'scenario')} done"
            head = [f"{done}, {plural(cells, 'cell')} judged, {len(self._running)} at once"]
            lanes = sorted(self._running.values(), key=lambda each: each.number)
            return [_joined([*head, self._failures()]), *(_joined([self._place(each), each.doing]) for each in lanes)]
        only = next(iter(self._running.values()), None)
        doing = [self._place(only), only.doing] if only else [self._doing]
        return [_joined([*doing, self._failures()])]

    def see(self, event: Event) -> tuple[str, bool]:
        """The line that the event is worth (or none), and whether it is worth one even beside a living line."""
        match event:
            case RunStarted():
                self._scenarios = event.scenarios
                cluster = event.cluster
                where = f"{cluster.server} ({cluster.version}, {plural(len(cluster.nodes), 'node')})"
                bounds = f"; at most {event.rate:g} probes a second, {event.in_flight} in flight an agent"
                limits = bounds if event.rate else ""
                limits += f", {event.lanes} scenarios at once" if event.lanes > 1 else ""
                return f"run {event.run}: {plural(event.scenarios, 'scenario')} on {where}{limits}", False
            case Selected() | StoppedEarly() | KnownFailuresSeen():
                return "; ".join(f"note: {said}" for said in event_notes(event)), True
            case CommandSaid(text):
                return f"| {text}", True
            case CleanedUp(remaining):
                self._doing = ""
                return f"not removed yet: {', '.join(remaining)}" if remaining else "", True
            case RunDone(_, seconds, interrupted):
                self._doing = ""
                return f"{'interrupted' if interrupted else 'done'} after {duration(seconds)}", False
            case Noticed(message):
                return f"note: {message}", False
            case ScenarioStarted():
                return self._start(event), False
            case _:
                return self._in_scenario(event, self._known.get(event.scenario) or _Running())

    def _start(self, event: ScenarioStarted) -> str:
        if event.scenario not in self._running:
            self._started += 1
        number = self._started if event.scenario is None else event.scenario + 1
        begun = _Running(number, event.name, event.pods, 0, event.steps, f"pods 0/{event.pods} ready")
        self._running[event.scenario] = self._known[event.scenario] = begun
        return f"{self._prefix(begun)}a fleet of {plural(event.pods, 'pod')}"

    def _in_scenario(self, event: ScenarioEvent, at: _Running) -> tuple[str, bool]:
        match event:
            case RoundDone():
                self._round(event, at)
            case PodReady():
                at.ready += 1
                at.pods = max(at.pods, at.ready)
                if at.doing.startswith("pods"):
                    at.doing = f"pods {at.ready}/{at.pods} ready"
            case ProblemSeen(message):
                return f"{self._prefix(at)}problem: {message}", True
            case StepDone(record):
                return self._step_done(record, at)
            case WatchStarted() | WatchNews() | WatchDone():
                return self._watch(event, at)
            case _:
                return self._phase(event, at), False
        return "", False

    def _phase(self, event: ScenarioEvent, at: _Running) -> str:
        """Lines of the phases of a scenario."""
        match event:
            case FleetReady(seconds, shared=shared):
                at.doing = "baseline"
                how = "taken over" if shared else f"ready in {duration(seconds)}"
                return f"{self._prefix(at)}{plural(at.ready, 'pod')} {how}"
            case BaselineDone(baseline):
                connected = f"{baseline.connected} of {plural(baseline.cells, 'cell')} connected"
                return f"{self._prefix(at)}baseline: {connected} in {duration(baseline.seconds)}"
            case StepStarted():
                number = event.index + 1
                at.doing = f"step {number}/{max(at.steps, number)} {event.name}: changing"
            case ScenarioDone(_, completed):
                self._running.pop(event.scenario, None)
                self._known.pop(None, None)
                self._done += 1
                self._doing = "cleaning up"
                return "" if completed else f"{self._prefix(at)}stopped before its end"
        return ""

    def _watch(self, event: WatchStarted | WatchNews | WatchDone, at: _Running) -> tuple[str, bool]:
        match event:
            case WatchStarted():
                at.doing, self._watched = "watching", (0, 0)
                pace = f"every {duration(event.interval)}, {event.load:.0f} probes a second in all"
                return f"{self._prefix(at)}watching {plural(event.cells, 'cell')}, {pace}, {event.until}", True
            case WatchNews():
                found = f"{plural(event.leaks, 'cell')} leaked, {plural(event.outages, 'cell')} had an outage"
                away = f", {plural(event.away, 'agent')} away" if event.away else ""
                at.doing = f"watching for {duration(event.seconds)}, {event.attempts} probes: {found}{away}"
                if (event.leaks, event.outages) == self._watched:
                    return "", False
                self._watched = event.leaks, event.outages
                return f"{self._prefix(at)}after {duration(event.seconds)}: {found}", True
            case WatchDone(record):
                at.doing = "closing control"
                why = f": {'; '.join(record.reasons)}" if record.reasons else ""
                return f"{self._prefix(at)}watched for {duration(record.seconds)}: {record.verdict}{why}", True

    @staticmethod
    def _round(event: RoundDone, at: _Running) -> None:
        where = at.doing.rpartition(": ")[0] if event.step else ""
        pending = f"{event.phase}, {event.pending} of {plural(event.cells, 'cell')} pending"
        # A round is told when it is over, so once nothing is pending what goes on is the confirmation.
        now = pending if event.pending or event.phase != "converge" else f"confirming {plural(event.cells, 'cell')}"
        at.doing = ": ".join(part for part in (where, now) if part)

    def _step_done(self, record: StepRecord, at: _Running) -> tuple[str, bool]:
        key = at.number, record.name  # seen before: a later control has judged the step once more
        counts, waiting = count_cells(record.cells), 0
        if Verdict.INCONCLUSIVE in counts and key not in self._verdicts:
            waiting = sum(map(_waits_for_control, record.cells))
            counts = count_cells(cell for cell in record.cells if not _waits_for_control(cell))
        self._verdicts[key] = counts
        enforced = f" after {duration(record.converge_seconds)}" if record.converge_seconds is not None else ""
        cut = "" if record.completed else ", not completed"
        bad = not record.completed or any(_is_bad(verdict) for verdict in counts)
        said = [count_words(counts)] if counts else []
        said += [f"{waiting} to be proven at the end"] if waiting else []
        return f"{self._prefix(at)}{record.name}: {', '.join(said)}{enforced}{cut}", bad

    def _failures(self) -> str:
        bad: dict[Verdict, int] = {}
        for counts in self._verdicts.values():
            for verdict, number in counts.items():
                if _is_bad(verdict):
                    bad[verdict] = bad.get(verdict, 0) + number
        return f"({count_words(bad)} so far)" if bad else ""

    def _place(self, at: _Running) -> str:
        return f"[{at.number}/{max(self._scenarios, self._started, at.number)}] {at.name}" if at.number else ""

    def _prefix(self, at: _Running) -> str:
        place = self._place(at)
        return f"{place}: " if place else ""


def _joined(parts: Iterable[str]) -> str:
    return "  ".join(one_line(part) for part in parts if part)


def _waits_for_control(cell: CellRecord) -> bool:
    """Whether only the closing control can tell: denied as expected, by a pair that had no chance to connect before."""
    denied = cell.expected.denies and cell.outcome is not None and cell.outcome.is_denial
    return denied and cell.verdict is Verdict.INCONCLUSIVE and not cell.control


def _is_bad(verdict: Verdict) -> bool:
    return verdict.is_mismatch or verdict is Verdict.INCONCLUSIVE
