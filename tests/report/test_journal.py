"""The journal: what happened can be read back, event for event, also from a run that was killed."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import Cell, Expectation, Outcome, Protocol, Verdict
from probe.model.errors import CniProbeError, UsageError
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
    ScenarioStarted,
    SeenAttempt,
    Selected,
    StepDone,
    StepStarted,
    StoppedEarly,
    WatchDone,
    WatchNews,
    WatchStarted,
)
from probe.model.record import Attempt, KnownFailureRecord, RunRecord, SelectionRecord
from probe.report.fold import Recorder
from probe.report.journal import Journal, is_journal, read_journal
from tests.report.watch.records import watch_record

CELL = Cell("production/backend", "production/frontend", 80, Protocol.TCP)
ATTEMPT = Attempt("converge", 0.02, Outcome.CONNECTED, 0.001)


def events_of(record: RunRecord) -> list[Event]:
    """The events of a whole run that ends in the given record."""
    (scenario,) = record.scenarios
    assert scenario.baseline is not None
    events: list[Event] = [
        RunStarted(record.run, record.started, record.cluster, 1, 4000.0, 256),
        Noticed("one of the notes"),
        ScenarioStarted(
            scenario.name,
            scenario.file,
            scenario.description,
            scenario.labels,
            scenario.namespaces,
            len(scenario.pods),
            len(scenario.steps),
        ),
        *map(PodReady, scenario.pods),
        FleetReady(scenario.deploy_seconds, ("traffic between nodes",)),
        BaselineDone(scenario.baseline),
    ]
    for index, step in enumerate(scenario.steps):
        events.append(StepStarted(step.name, index, tuple(step.changes), len(step.cells)))
        events.append(RoundDone(step.name, "converge", 1, 0, (SeenAttempt(CELL, Expectation.DENY, ATTEMPT),)))
        events.append(StepDone(step))
    events += [ProblemSeen("something odd"), ScenarioDone(scenario.name, True), CleanedUp(())]
    return [*events, RunDone(record.finished, record.seconds, False)]


def write(path: Path, events: Sequence[Event]) -> None:
    with Journal(path) as journal:
        for event in events:
            journal.see(event)


def test_every_event_is_read_back_as_it_was(tmp_path: Path, green: RunRecord) -> None:
    selection = SelectionRecord(9, 1, ["--tag sctp"], "1/2", 7, {"tiers": "it is cluster-scoped"})
    failures = (KnownFailureRecord("port-range", "issue 12", "known.yaml:4:5", 1, 1, passed=1),)
    more: list[Event] = [Selected(selection), KnownFailuresSeen(failures, True), StoppedEarly(("port-range",))]
    more += [WatchStarted("closed", 3, 0.2, 15.0, "for 10 s"), CommandSaid("rolling out"), WatchNews(1.0, 15, 1, 0, 0)]
    more.append(WatchDone(watch_record()))
    events = [*more, *events_of(green)]
    write(tmp_path / "j", events)
    (run,) = read_journal(tmp_path / "j")
    assert list(run.events) == events
    assert {type(event) for event in run.events} == set(Event.__args__)
    assert run.ended
    assert is_journal(tmp_path / "j")


def test_a_journal_of_before_scenarios_ran_side_by_side_is_read_as_ever(tmp_path: Path, green: RunRecord) -> None:
    path = tmp_path / "j"
    write(path, events_of(green))
    head, *lines = path.read_text().splitlines()
    old = [json.dumps(json.loads(head) | {"apiVersion": "cni-probe/v1"})]
    old += [json.dumps({key: value for key, value in json.loads(line).items() if key != "scenario"}) for line in lines]
    path.write_text("\n".join(old) + "\n")
    (run,) = read_journal(path)
    assert list(run.events) == events_of(green)


def test_two_runs_at_once_cannot_write_to_one_file(tmp_path: Path) -> None:
    """Each would be folded with the other's steps, and one that was killed might look as if it had ended well."""
    with Journal(tmp_path / "j"):
        with pytest.raises(UsageError, match=r"another run writes to .*j; give each a file of its own"):
            Journal(tmp_path / "j").__enter__()
        with Journal(Path("/dev/null")), Journal(Path("/dev/null")):
            pass  # what is no file keeps nothing
    with Journal(tmp_path / "j"):
        pass
    assert len(read_journal(tmp_path / "j")) == 2


def test_an_event_is_in_the_file_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.see(ProblemSeen("first"))
        assert json.loads((tmp_path / "j").read_text().splitlines()[-1])["message"] == "first"


@pytest.mark.parametrize("torn", [True, False])
def test_a_run_that_was_killed_is_read_up_to_its_last_whole_line(tmp_path: Path, green: RunRecord, torn: bool) -> None:
    path = tmp_path / "j"
    events = events_of(green)
    write(path, events)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3]) + (lines[-3][:20] if torn else ""))
    (run,) = read_journal(path)
    assert list(run.events) == events[:-3]
    assert not run.ended


def test_runs_are_appended_one_after_the_other_also_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, [ProblemSeen("one")])
    with path.open("a") as stream:
        stream.write('{"at": "2026')
    write(path, [ProblemSeen("two")])
    assert [run.events for run in read_journal(path)] == [(ProblemSeen("one"),), (ProblemSeen("two"),)]


def test_what_was_seen_in_a_step_that_was_never_judged_is_kept_without_a_verdict(green: RunRecord) -> None:
    events = events_of(green)
    cut = next(index for index, event in enumerate(events) if isinstance(event, StepDone))
    recorder = Recorder()
    for event in events[:cut]:
        recorder.see(event)
    (step,) = recorder.record().scenarios[0].steps
    (cell,) = step.cells
    assert not step.completed
    assert (cell.verdict, cell.outcome, cell.history) == (Verdict.INCONCLUSIVE, Outcome.CONNECTED, [ATTEMPT])
    assert "ended before it was judged" in cell.reason


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, [ProblemSeen("one"), ProblemSeen("two")])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "rubbish", *lines[1:]]))
    with pytest.raises(UsageError, match=r"j:2: not a line of a journal: 'rubbish'"):
        read_journal(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event": "Unheard"}, r"j:2: unknown event 'Unheard'"),
        ({"message": 3}, r"j:2: not a valid ProblemSeen: Input should be a valid string"),
        ({"at": "noon"}, r"j:2: no time in `at`"),
    ],
)
def test_an_event_that_is_none_is_an_error_that_names_its_line(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "j"
    write(path, [ProblemSeen("one"), ProblemSeen("two")])
    lines = path.read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | change)
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError, match=message):
        read_journal(path)


def test_a_file_that_cannot_be_appended_to_is_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot append to .*: Is a directory"), Journal(tmp_path):
        pass
    with pytest.raises(UsageError, match=r"cannot append to /dev/full: No space left"), Journal(Path("/dev/full")):
        pass


@contextmanager
def room_for_1000_bytes() -> Iterator[None]:
    """No file of this process may get larger, the one that the tests' own output goes to included: not for long."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_where_no_more_can_be_written_the_journal_ends_once_and_not_the_run(tmp_path: Path) -> None:
    with room_for_1000_bytes(), Journal(tmp_path / "j") as journal:
        journal.see(ProblemSeen("one"))
        with pytest.raises(CniProbeError, match=r"the journal .* ends here: File too large"):
            journal.see(ProblemSeen("x" * 1000))
        journal.see(ProblemSeen("three"))
    assert read_journal(tmp_path / "j")[0].events == (ProblemSeen("one"),)


def test_a_record_says_which_version_measured(green: RunRecord) -> None:
    assert Recorder(tool="cni-probe 0.0.9").record().tool == "cni-probe 0.0.9"
    assert replace(green).tool.startswith("cni-probe ")
