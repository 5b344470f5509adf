"""The page of a comparison: both runs side by side, what changed in sight, and nothing that may run."""

from __future__ import annotations

import re
from typing import Any

from probe.report.diff.compare import Comparison, compare
from probe.report.diff.page import MAX_ENDS, DiffView, view
from probe.report.diff.render import FORMATS

PODS = ("x/a", "x/b", "y/c")


def compared(build: Any, **changed: Any) -> Comparison:
    """A mesh before and after; ``changed``: what is another of x/a -> y/c after."""

    def seen(cell: Any) -> dict[str, Any] | None:
        return changed if (cell.source, cell.destination) == ("x/a", "y/c") and cell.port == 443 else None

    ports = ("80/TCP", "443/TCP")
    before, after = build.mesh(PODS, ports), build.mesh(PODS, ports, seen)
    return compare(build.run(build.scenario(build.step(before))), build.run(build.scenario(build.step(after))))


def symbols(found: DiffView, side: int) -> list[list[str]]:
    (step,) = found.steps
    (picture,) = step.pictures
    return [[place.symbols for place in row] for row in picture.sides[side][1]]


def test_a_step_that_changed_has_its_matrices_side_by_side(build: Any) -> None:
    found = view(compared(build, outcome="timed-out"))
    assert (found.word, found.tone) == ("WORSE", "bad")
    assert found.sentence == "1 regression: x/a -> y/c 443/TCP is blocked now"
    assert symbols(found, 0) == [["."] * 3] * 3
    assert symbols(found, 1) == [[".", ".", ".B"], ["."] * 3, ["."] * 3]
    (picture,) = found.steps[0].pictures
    moved = [(row, column) for row in range(3) for column in range(3) if picture.sides[1][1][row][column].is_changed]
    assert moved == [(0, 2)]
    assert (picture.rows, picture.ports) == (list(PODS), ["80/TCP", "443/TCP"])
    assert ("B", "B", "BLOCKED") in found.legend
    assert (".", "→", "connected") in found.legend


def test_what_only_one_run_has_is_drawn_as_not_tried(build: Any) -> None:
    before = build.run(build.scenario(build.step([build.cell("x/a", "x/b")])))
    after = build.run(build.scenario(build.step([build.cell("x/a", "x/b"), build.cell("x/a", "y/c")])))
    found = view(compare(before, after))
    assert symbols(found, 0) == [[".", "_"]]
    assert symbols(found, 1) == [[".", "."]]


def test_runs_that_are_alike_have_no_matrix(build: Any) -> None:
    found = view(compared(build))
    assert (found.word, found.steps, found.groups) == ("SAME", [], [])
    assert "Every cell is what it was." in "".join(FORMATS["html"](compared(build), 100))


def test_of_a_large_fleet_only_what_changed_is_drawn(build: Any) -> None:
    pods = [f"x/p{number:02}" for number in range(MAX_ENDS + 6)]
    worse = {("x/p03", "x/p28"): {"outcome": "refused"}}
    before, after = (
        build.run(build.scenario(build.step(build.mesh(pods, seen=lambda cell, some=some: some.get(
            (cell.source, cell.destination))))))
        for some in ({}, worse)
    )  # fmt: skip
    (picture,) = view(compare(before, after)).steps[0].pictures
    assert (picture.rows, picture.columns) == (["x/p03"], ["x/p28"])
    assert picture.left_out == "1 of 30 sources, 1 of 30 destinations: where something changed"


def test_what_is_not_said_and_what_is_another_belong_to_the_answer(build: Any) -> None:
    found = compared(build, outcome="agent-error")
    found.after.cluster.version = "v1.35.0"
    said = view(compare(found.before, found.after))
    assert (said.word, said.tone) == ("UNSURE", "doubt")
    assert said.doubts == ["1 that could be judged before could not be judged now"]
    assert ("Kubernetes", "v1.34.0", "v1.35.0", True) in said.told


def test_no_script_is_allowed_and_names_are_text(build: Any) -> None:
    evil = "<script>alert(1)<∕script>\u202e"
    before = build.run(build.scenario(build.step([build.cell(evil + "/a", "x/b")], name=evil)))
    after = build.run(build.scenario(build.step([build.cell(evil + "/a", "x/b", outcome="refused")], name=evil)))
    text = "".join(FORMATS["html"](compare(before, after), 100))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert "script-src" not in policy
    assert policy.startswith("default-src &#39;none&#39;")
