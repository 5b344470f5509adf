"""How a run was chosen, cut short and held against known failures is in its record, and in its notes for people."""

from __future__ import annotations

from typing import Any

from junitparser import JUnitXml, Skipped

from probe.model.cell import ExitCode, Verdict
from probe.model.events import Event, KnownFailuresSeen, RunDone, RunStarted, Selected, StoppedEarly
from probe.model.record import ClusterRecord, KnownFailureRecord, RunRecord, SelectionRecord
from probe.report import junit, markdown, symbols, tap
from probe.report.fold import Recorder
from probe.report.render import RenderOptions

OUTDATED = KnownFailureRecord("port-one", "issue 13", "known.yaml:6:5", 1, 1, passed=1)
UNUSED = KnownFailureRecord("port-two", "issue 14", "known.yaml:9:5", steps=2)
FAILING = KnownFailureRecord("port-range", "issue 12", "known.yaml:4:5", 1, 1, failed=1)


def folded(*events: Event, scenarios: int = 0) -> RunRecord:
    recorder = Recorder()
    started = RunStarted("ab12cd", "2026-11-20T10:00:00+00:00", ClusterRecord("", "", []), scenarios)
    for event in (*events, started, RunDone("2026-11-20T10:00:12+00:00", 12.0, False)):
        recorder.see(event)
    return recorder.record()


def test_a_choice_is_in_the_record_and_told_in_a_sentence() -> None:
    left_out = {"tiers": "it is cluster-scoped", "older": "it is cluster-scoped"}
    selection = SelectionRecord(80, 3, ["--tag feature=sctp", "--exclude deny"], "1/2", 7, left_out)
    record = folded(Selected(selection))
    assert record.selection == selection
    assert record.notes == [
        "3 of 80 scenarios, by --tag feature=sctp --exclude deny, shard 1/2, shuffled with seed 7",
        "left out: it is cluster-scoped: tiers, older",
    ]


def test_a_run_of_all_there_is_has_nothing_to_tell() -> None:
    assert folded(Selected(SelectionRecord(80, 80))).notes == []


def test_what_was_not_run_is_no_problem_of_the_run() -> None:
    """The failures are its exit code; nothing is missing that was not left out on purpose."""
    record = folded(StoppedEarly(("a", "b")), scenarios=2)
    assert record.not_run == ["a", "b"]
    assert record.notes == ["stopped because of failures, with 2 scenarios not run: a and b"]
    assert record.problems == []
    assert folded(scenarios=2).problems == ["no scenario was started"]


def test_an_outdated_or_unused_known_failure_is_told_and_fails_the_run_only_if_asked_to() -> None:
    record = folded(KnownFailuresSeen((OUTDATED, UNUSED, FAILING)))
    assert record.known_failures == [OUTDATED, UNUSED, FAILING]
    assert record.notes == [
        "the known failure port-one PASSES now (1 cell): remove it (known.yaml:6:5)",
        "the known failure port-two has no cell in the steps that it is about (known.yaml:9:5)",
    ]
    assert record.exit_code == ExitCode.HARNESS, "not one cell passed here"
    assert folded(KnownFailuresSeen((OUTDATED,), strict=True)).exit_code == ExitCode.MISMATCH
    assert folded(KnownFailuresSeen((FAILING,), strict=True)).exit_code == ExitCode.HARNESS


def test_a_known_failure_is_skipped_for_junit_todo_for_tap_and_folded_in_markdown(build: Any) -> None:
    known = build.cell(
        "x/a", "x/b", "80/TCP", "deny", "connected", verdict=Verdict.KNOWN, reason="known failure: issue 12"
    )
    record = build.run(build.scenario(build.step([build.cell(), known])), known_failures=[FAILING])
    assert record.exit_code == ExitCode.PASSED

    (suite,) = JUnitXml.fromstring(junit.render(record, RenderOptions()).encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (2, 0, 0, 1)
    (case,) = (case for case in suite if case.result)
    assert isinstance(case.result[0], Skipped)
    assert "issue 12" in case.result[0].message
    assert {each.name: each.value for each in suite.properties()}["known failure: port-range"] == "1 fail (issue 12)"

    points = [
        line for line in "".join(tap.pieces(record, RenderOptions())).splitlines() if line.startswith(("ok", "not"))
    ]
    assert [line.partition(" ")[0] for line in points] == ["ok", "not"]
    assert points[1].endswith("# TODO known failure: issue 12")

    text = "".join(markdown.pieces(record, RenderOptions()))
    assert "- known failure port-range: 1 fail (issue 12)" in text
    assert "1 known-failure</summary>" in text
    assert symbols.observed_symbol(known) == "K"
