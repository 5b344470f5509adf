"""A watch in every format: the answer, the lanes, every leak and outage, and what happened meanwhile."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from probe.model.cell import ExitCode, Verdict
from probe.model.events import (
    CommandSaid,
    RunDone,
    ScenarioDone,
    ScenarioStarted,
    WatchDone,
    WatchNews,
    WatchStarted,
)
from probe.model.record import RunRecord
from probe.model.watch import ClusterEvent
from probe.report import junit, markdown, tap
from probe.report.fold import Recorder
from probe.report.progress import Progress
from probe.report.render import RenderOptions
from probe.report.run_record import record_from_json, record_to_json
from probe.report.summary import headline
from probe.report.table import render
from probe.report.text import Paint
from probe.report.watch.log import log
from probe.report.watch.summary import by_node, by_pair
from probe.report.watch.timeline import Axis, timeline
from probe.report.watch.words import affected, span_words
from tests.report.watch.records import LEAK, OUTAGE, cell, watch_record


@pytest.fixture
def record() -> RunRecord:
    """A run that passed, and then leaked while it was watched."""
    recorder = Recorder()
    recorder.see(ScenarioStarted("shop", "shop.yaml", "", {}, {}, 3, 0))
    recorder.see(WatchDone(watch_record()))
    recorder.see(ScenarioDone("shop", True))
    return recorder.record()


def with_verdict(record: RunRecord, verdict: Verdict, *reasons: str) -> RunRecord:
    watch = replace(watch_record(verdict), reasons=list(reasons))
    return replace(record, interrupted=False, scenarios=[replace(record.scenarios[0], watch=watch)])


def test_a_leak_while_watched_is_the_answer_of_the_run(record: RunRecord) -> None:
    found = replace(record, interrupted=False)
    assert headline(found) == (
        "FAIL while watched: 1 of 3 cells leaked: dev/job -> prod/web 80/TCP from +4.00 s for 2.0 s"
    )


def test_the_table_shows_lanes_spans_nodes_and_what_happened(record: RunRecord) -> None:
    text = render(record, RenderOptions(width=100))
    assert "LEAK: 1 of 3 cells leaked" in text
    assert "2 cells not watched: the API leaves open what should happen" in text
    assert "not followed: DaemonSets: forbidden" in text
    assert "the agent of prod/web did not run 1 time, for 500 ms at worst" in text
    assert "LEAK dev/job -> prod/web 80/TCP: expected deny, but 10 packets got through" in text
    assert "3 connections held: 1 kept, 1 stalled, 1 cut" in text
    assert "stalled prod/api -> prod/web 80/TCP: silent from +4.00 s for 2.5 s; 50 heartbeats, 38 answered" in text
    assert "cut prod/db -> prod/web 80/TCP: over at +4.20 s: requests arrived no more; 50 heartbeats" in text
    assert "seen prod/api -> prod/web 80/TCP, within the budget" in text
    assert "+4.50 s pod/kube-system/cni-x: ready True -> False" in text
    assert "| rolling out\\x1b[2J" in text
    assert max(map(len, text.splitlines())) <= 100


def test_lanes_are_drawn_to_scale() -> None:
    lines = timeline(watch_record(), 80, Paint(False))
    width = len(lines[1].split()[-1])
    lanes = {line[:-width].strip(): line[-width:] for line in (each.ljust(80) for each in lines[2:-1])}
    leak = lanes["dev/job -> prod/web 80/TCP"]
    assert leak.index("L") == pytest.approx(0.39 * width, abs=1)
    assert leak.count("L") == pytest.approx(0.2 * width, abs=2)
    assert set(leak) == {".", "L"}
    assert lanes["prod/api -> prod/web 80/TCP"].rstrip(".").endswith("x")
    assert lanes["agent prod/web"].strip() == "z" * round(0.05 * width + 1)
    assert lanes["command"].count("=") == pytest.approx(0.5 * width, abs=2)
    assert lanes["cluster"].strip() == "!"


def test_a_watch_in_which_nothing_went_wrong_draws_no_lanes() -> None:
    quiet = replace(watch_record(Verdict.PASS), cells=[cell("a/b", Verdict.PASS)], agents=[])
    assert timeline(quiet, 80, Paint(False)) == []


@pytest.mark.parametrize("seconds", [0.4, 5.0, 59.0, 600.0, 7200.0, 90_000.0])
def test_the_scale_has_ticks_that_leave_room_for_their_labels(seconds: float) -> None:
    labels, ticks = Axis(seconds, 60).lines()
    assert len(ticks) == 60
    assert ticks[0] == "|"
    assert 1 <= ticks.count("|") <= 8
    assert labels.startswith("0")


def test_the_first_to_go_wrong_comes_first() -> None:
    assert [each.source for each in affected(watch_record())] == ["dev/job", "prod/api"]


def test_spans_in_words() -> None:
    assert span_words(LEAK) == (
        "leak from +4.00 s to +5.80 s: 2.0 s (between 1.8 s and 2.2 s), 10 packets, "
        "2 of them seen by the responder alone"
    )
    assert span_words(OUTAGE) == (
        "outage from +8.00 s to +8.40 s: 600 ms (between 400 ms and 800 ms), 3 attempts failed (3 timed-out), "
        "and had not ended"
    )


def test_nodes_and_pairs_of_nodes() -> None:
    pairs = {row.name: row for row in by_pair(watch_record())}
    assert (pairs["n3 -> n2"].leaking, pairs["n3 -> n2"].leaked, pairs["n3 -> n2"].out) == (1, 10, 0)
    assert (pairs["n1 -> n2"].cells, pairs["n1 -> n2"].out, pairs["n1 -> n2"].longest_outage) == (2, 1, 0.6)
    nodes = {row.name: (row.cells, row.leaking, row.out) for row in by_node(watch_record())}
    assert nodes == {"n1": (2, 0, 1), "n2": (3, 1, 1), "n3": (1, 1, 0)}


def test_of_a_long_log_what_is_near_is_shown() -> None:
    events = [ClusterEvent(float(second), "Pod", "a/b", f"change {second}") for second in range(1000)]
    lines, left = log(replace(watch_record(), events=events), 20)
    assert len(lines) <= 20
    assert len(lines) + left == 1003
    assert "change 0" in lines[0]
    late = replace(LEAK, first=500.0, last=500.0)
    lines, _ = log(replace(watch_record(), events=events, cells=[cell("a/b", Verdict.LEAK, late)]), 20)
    assert "change 495" in lines[0]


def test_junit_has_a_case_for_each_cell_and_one_for_the_watch(record: RunRecord) -> None:
    suite = ElementTree.fromstring(junit.render(replace(record, interrupted=False), RenderOptions())).find("testsuite")
    assert suite is not None
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failure = cases["watch: dev/job -> prod/web 80/TCP"].find("failure")
    assert failure is not None
    assert "leak from +4.00 s" in (failure.text or "")
    assert cases["watch: prod/db -> prod/web 80/TCP"].find("failure") is None
    assert cases["watch"].find("failure") is not None
    assert (suite.get("tests"), suite.get("failures")) == (str(len(cases)), "2")


def test_tap_has_them_too(record: RunRecord) -> None:
    text = "".join(tap.pieces(record, RenderOptions()))
    assert "not ok 2 - shop: watch: dev/job -> prod/web 80/TCP" in text


def test_markdown_has_the_answer_a_table_and_the_lanes(record: RunRecord) -> None:
    text = "".join(markdown.pieces(record, RenderOptions()))
    assert "#### :x: watched: closed" in text
    assert "| dev/job -&gt; prod/web 80/TCP | leak | leak | +4.00 s | 2.0 s | 10 |" in text
    assert "LLLL" in text
    assert "3 connections held: 1 kept, 1 stalled, 1 cut" in text
    assert "what happened meanwhile" in text


def test_what_a_watch_could_not_see_is_a_problem_of_the_run(record: RunRecord) -> None:
    found = with_verdict(record, Verdict.INCONCLUSIVE, "the agent of prod/web was lost: the pod was deleted")
    assert "! shop: watched: the agent of prod/web was lost: the pod was deleted" in render(
        found, RenderOptions(width=120)
    )


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.PASS, ExitCode.HARNESS),  # nothing but the watch: no cell of a step passed
        (Verdict.LEAK, ExitCode.MISMATCH),
        (Verdict.BLOCKED, ExitCode.MISMATCH),
        (Verdict.INCONCLUSIVE, ExitCode.HARNESS),
    ],
)
def test_the_verdict_of_the_watch_is_in_the_exit_code(verdict: Verdict, code: ExitCode) -> None:
    recorder = Recorder()
    recorder.see(ScenarioStarted("shop", "shop.yaml", "", {}, {}, 3, 0))
    recorder.see(WatchDone(watch_record(verdict)))
    recorder.see(ScenarioDone("shop", True))
    recorder.see(RunDone("2026-01-01T00:00:00Z", 1.0, False))
    assert recorder.record().exit_code == code


def test_the_record_survives_json(record: RunRecord) -> None:
    data = json.loads(json.dumps(record_to_json(record)))
    assert data["scenarios"][0]["watch"]["cells"][1]["spans"][0]["kind"] == "leak"
    assert record_from_json(data).scenarios[0].watch == record.scenarios[0].watch


def test_progress_says_what_goes_on_and_what_the_command_says() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.see(ScenarioStarted("shop", "shop.yaml", "", {}, {}, 3, 1))
        progress.see(WatchStarted("closed", 15, 0.2, 75.0, "for 600 s"))
        progress.see(CommandSaid("rolling\x1b[2J out"))
        progress.see(WatchNews(5.0, 300, 0, 0, 0))
        progress.see(WatchNews(6.0, 375, 1, 0, 0))
        progress.see(WatchNews(7.0, 450, 1, 0, 0))
        progress.see(WatchDone(watch_record()))
    lines = stream.getvalue().splitlines()
    assert lines[1:] == [
        "[1/1] shop: watching 15 cells, every 200 ms, 75 probes a second in all, for 600 s",
        "| rolling\\x1b[2J out",
        "[1/1] shop: after 6.0 s: 1 cell leaked, 0 cells had an outage",
        "[1/1] shop: watched for 10.0 s: leak: 1 of 3 cells leaked",
    ]
