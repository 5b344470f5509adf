"""A watch on the page: lanes to scale, each mark with its words, nothing where nothing was watched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from probe.model.record import RunRecord
from probe.model.watch import WatchRecord
from probe.report.html import pieces
from probe.report.html.watch import WIDTH, watch_views
from probe.report.render import RenderOptions
from tests.report.watch.records import watch_record


@pytest.fixture
def watched(build: Any) -> RunRecord:
    return watched_as(build, watch_record())


def watched_as(build: Any, watch: WatchRecord) -> RunRecord:
    record: RunRecord = build.run(build.scenario(build.step([build.cell()]), watch=watch))
    return record


def test_lanes_are_to_scale_and_the_first_to_go_wrong_comes_first(watched: RunRecord) -> None:
    (view,) = watch_views(watched)
    assert (view.verdict, view.tone) == ("leak", "bad")
    lanes = {lane.name: lane.marks for lane in view.lanes}
    assert list(lanes) == [
        "dev/job -> prod/web 80/TCP", "prod/api -> prod/web 80/TCP", "agent prod/web", "command", "cluster",
    ]  # fmt: skip
    (leak,) = lanes["dev/job -> prod/web 80/TCP"]
    assert (leak.kind, leak.letter) == ("leak", "L")
    assert (leak.x, leak.width) == pytest.approx((0.39 * WIDTH, 0.2 * WIDTH), abs=0.1)
    (outage,) = lanes["prod/api -> prod/web 80/TCP"]
    assert (outage.kind, outage.letter) == ("outage", "x")
    (asleep,) = lanes["agent prod/web"]
    assert asleep.title == "did not run for 500 ms"
    (command,) = lanes["command"]
    assert (command.x, command.width) == pytest.approx((0.2 * WIDTH, 0.5 * WIDTH))
    (event,) = lanes["cluster"]
    assert event.title == "+4.50 s pod/kube-system/cni-x: ready True -> False"


def test_every_mark_is_told_in_words(watched: RunRecord) -> None:
    text = "".join(pieces(watched, RenderOptions()))
    assert 'aria-label="leak from +4.00 s to +5.80 s: 2.0 s' in text
    assert "<title>outage from +8.00 s to +8.40 s" in text
    assert "2 cells not watched: the API leaves open what should happen" in text
    assert "| rolling out\\x1b[2J" in text


def test_marks_stay_within_their_lane_and_can_be_seen(build: Any) -> None:
    watch = watch_record()
    short = replace(watch.cells[1].spans[0], first=watch.seconds, last=watch.seconds, seconds=0.0, least=0.0)
    watch.cells[1].spans = [short]
    (view,) = watch_views(watched_as(build, watch))
    (mark,) = next(lane.marks for lane in view.lanes if lane.name.startswith("dev/job"))
    assert mark.width >= 4
    assert mark.x + mark.width <= WIDTH


def test_a_run_without_a_watch_has_no_such_section(build: Any) -> None:
    record = build.run(build.scenario(build.step([build.cell()])))
    assert watch_views(record) == []
    assert "While it was watched" not in "".join(pieces(record, RenderOptions()))
