"""The recorder: at any moment of a run it has a record of what was measured, and never a greener one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from probe.model.cell import ExitCode, Family, Verdict
from probe.model.events import (
    BaselineDone,
    CleanedUp,
    Event,
    FleetReady,
    Noticed,
    PodReady,
    ProblemSeen,
    RoundDone,
    RunDone,
    RunStarted,
    ScenarioDone,
    ScenarioStarted,
    StepDone,
    StepStarted,
    of_scenario,
)
from probe.model.record import BaselineRecord, ClusterRecord, RunRecord
from probe.report.fold import Recorder

CLUSTER = ClusterRecord("https://127.0.0.1:6443", "v1.34.0", ["node-1"], [Family.IPV4])


def scenario_events(build: Any, name: str = "one", **step: Any) -> Iterator[Event]:
    yield ScenarioStarted(name, f"{name}.yaml", "", {}, {"production": "cp-ab12cd-production"}, pods=2, steps=1)
    yield PodReady(build.pod("production/frontend"))
    yield PodReady(build.pod("production/backend"))
    yield FleetReady(0.8)
    yield RoundDone("", "baseline", 1, 0)
    yield BaselineDone(BaselineRecord(1, 1, 0.1))
    yield StepStarted("policy", 0, ("apply networkpolicy/production/p",), cells=1)
    yield RoundDone("policy", "converge", 1, 0)
    yield StepDone(build.step([build.cell()], name="policy", **step))
    yield ScenarioDone(name, True)


def run_events(build: Any, *, scenarios: int = 1, interrupted: bool = False) -> Iterator[Event]:
    yield RunStarted("ab12cd", "2026-11-20T10:00:00Z", CLUSTER, scenarios)
    yield from scenario_events(build)
    yield CleanedUp(())
    yield RunDone("2026-11-20T10:00:09Z", 9.0, interrupted)


def fold(events: Any) -> RunRecord:
    recorder = Recorder(now=lambda: datetime(2026, 11, 20, 10, 0, 4, tzinfo=UTC))
    for event in events:
        recorder.see(event)
    return recorder.record()


def test_a_whole_run_folds_into_its_record(build: Any) -> None:
    record = fold(run_events(build))
    assert (record.run, record.seconds, record.finished) == ("ab12cd", 9.0, "2026-11-20T10:00:09Z")
    assert (record.exit_code, record.interrupted, record.problems) == (0, False, [])
    assert record.counts == {Verdict.PASS: 1}
    assert record.tool.startswith("cni-probe ")
    (scenario,) = record.scenarios
    assert (scenario.name, scenario.completed, scenario.deploy_seconds) == ("one", True, 0.8)
    assert [pod.id for pod in scenario.pods] == ["production/frontend", "production/backend"]
    assert scenario.baseline == BaselineRecord(1, 1, 0.1)
    assert [step.name for step in scenario.steps] == ["policy"]


def test_after_every_single_event_there_is_a_record_and_it_is_green_only_at_the_end(build: Any) -> None:
    recorder = Recorder()
    for event in run_events(build):
        record = recorder.record()
        assert (record.interrupted, record.exit_code) == (True, ExitCode.INTERRUPTED), event
        recorder.see(event)
    assert recorder.record().exit_code == ExitCode.PASSED


def test_a_step_that_was_never_judged_is_in_the_record_as_not_completed(build: Any) -> None:
    events = [event for event in run_events(build) if not isinstance(event, StepDone | ScenarioDone | RunDone)]
    record = fold(events)
    (step,) = record.scenarios[0].steps
    assert (step.name, step.completed, step.cells) == ("policy", False, [])
    assert step.changes == ["apply networkpolicy/production/p"]
    assert record.scenarios[0].completed is False
    assert (record.seconds, record.finished) == (4.0, "2026-11-20T10:00:04.000+00:00")


@pytest.mark.parametrize("left_out", [ScenarioDone, StepDone])
def test_a_run_that_ends_with_something_unfinished_is_not_green(build: Any, left_out: type) -> None:
    record = fold(event for event in run_events(build) if not isinstance(event, left_out))
    assert record.scenarios[0].completed is False
    assert record.exit_code == ExitCode.HARNESS


def test_a_step_that_silently_never_ran_is_a_problem(build: Any) -> None:
    record = fold(event for event in run_events(build) if not isinstance(event, StepStarted | StepDone))
    assert record.scenarios[0].problems == ["only 0 of 1 steps were run"]
    assert record.scenarios[0].completed is False
    assert record.exit_code == ExitCode.HARNESS


def test_a_scenario_that_silently_never_started_is_a_problem(build: Any) -> None:
    record = fold(run_events(build, scenarios=2))
    assert record.problems == ["only 1 of 2 scenarios were started"]
    assert record.exit_code == ExitCode.HARNESS


def test_an_interrupted_run_says_so(build: Any) -> None:
    record = fold(run_events(build, scenarios=2, interrupted=True))
    assert (record.interrupted, record.exit_code, record.problems) == (True, 130, [])


@pytest.mark.parametrize("step", [{"completed": False}, {"problems": ["the agent was slow"]}])
def test_problems_and_unfinished_steps_inside_a_step_keep_a_run_from_being_green(build: Any, step: Any) -> None:
    started, *_, done = run_events(build)
    assert fold([started, *scenario_events(build, **step), done]).exit_code == ExitCode.HARNESS


def test_a_problem_belongs_to_the_scenario_that_runs_and_else_to_the_run(build: Any) -> None:
    started, *middle, done = run_events(build)
    middle = [ProblemSeen("early"), *middle[:5], ProblemSeen("within"), *middle[5:], ProblemSeen("late")]
    record = fold([started, *middle, done])
    assert record.problems == ["early", "late"]
    assert record.scenarios[0].problems == ["within"]
    assert record.exit_code == ExitCode.HARNESS


def test_verdicts_are_counted_from_the_cells_over_all_scenarios(build: Any) -> None:
    leak = build.cell(expected="deny", outcome="connected")
    started, *_, done = run_events(build, scenarios=2)
    second = [
        StepDone(build.step([leak, leak], name="policy")) if isinstance(event, StepDone) else event
        for event in scenario_events(build, "two")
    ]
    record = fold([started, *scenario_events(build), *second, done])
    assert record.counts == {Verdict.PASS: 1, Verdict.LEAK: 2}
    assert record.exit_code == ExitCode.MISMATCH


def test_a_record_handed_out_does_not_change_with_later_events(build: Any) -> None:
    recorder = Recorder()
    events = list(run_events(build))
    for event in events[:3]:
        recorder.see(event)
    early = recorder.record()
    for event in events[3:]:
        recorder.see(event)
    assert len(early.scenarios[0].pods) == 1
    assert early.scenarios[0].steps == []


def test_scenarios_that_run_side_by_side_stand_in_the_order_of_the_plan(build: Any) -> None:
    started, *_, done = run_events(build, scenarios=2)
    one = [of_scenario(event, 0) for event in scenario_events(build, "one")]
    two = [of_scenario(event, 1) for event in scenario_events(build, "two")]
    mixed = [two[0], *(event for pair in zip(one, two[1:], strict=False) for event in pair), *one[len(two) - 1 :]]
    record = fold([started, *mixed, done])
    alone = fold([started, *one, *two, done])
    assert [scenario.name for scenario in record.scenarios] == ["one", "two"]
    assert record == alone
    assert record.exit_code == ExitCode.PASSED


def test_a_scenario_that_begins_anew_on_other_pods_has_nothing_of_the_ones_before(build: Any) -> None:
    started, *_, done = run_events(build)
    events = [of_scenario(event, 0) for event in scenario_events(build)]
    assert fold([started, *events[:3], *events, done]).scenarios == fold([started, *events, done]).scenarios


def test_a_problem_that_is_told_of_a_scenario_that_is_over_is_its_own(build: Any) -> None:
    started, *_, done = run_events(build)
    events = [of_scenario(event, 0) for event in scenario_events(build)]
    record = fold([started, *events, ProblemSeen("not clean", scenario=0), ProblemSeen("of the run"), done])
    assert record.scenarios[0].problems == ["not clean"]
    assert record.problems == ["of the run"]
    assert record.exit_code == ExitCode.HARNESS


def test_notes_of_scenarios_stand_in_the_order_of_the_plan_behind_those_of_the_run(build: Any) -> None:
    started, *events = run_events(build)
    notes = [Noticed("b", scenario=1), Noticed("a", scenario=0), Noticed("run"), Noticed("a", scenario=2)]
    assert fold([started, *notes, *events]).notes == ["run", "a", "b"]
