"""The Markdown report: the answer, what failed, the truth tables, and never more than 1 MiB."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from probe.model.record import RunRecord
from probe.report import markdown
from probe.report.markdown import LIMIT, pieces
from probe.report.render import RenderOptions

MARKDOWN = MarkdownIt("commonmark").enable("table")


def drawn(record: RunRecord) -> str:
    return "".join(pieces(record, RenderOptions()))


def test_the_answer_and_the_counts_come_first(red: RunRecord) -> None:
    lines = drawn(red).splitlines()
    assert lines[0].startswith(
        "### :x: FAIL 1 leak, 1 blocked cell, 1 misrouted cell, 1 wrong denial: development/backend"
    )
    assert lines[2] == ("| pass | leak | blocked | misrouted | wrong-denial | inconclusive | unsupported | undefined |")
    assert lines[4] == "| 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 |"
    assert "- exit code 1: the cluster did something else than expected" in lines


def test_what_failed_stands_before_every_truth_table(red: RunRecord) -> None:
    text = drawn(red)
    assert (
        "| **leak** | development/backend -&gt; production/frontend 443/TCP | expected deny, but it connected |\n"
        in text
    )
    assert text.index("#### frontend-ingress: frontend-policy: 1 leak, 1 blocked") < text.index("```text")
    assert "<details><summary>frontend-ingress: frontend-policy: 1 unsupported, 1 undefined</summary>" in text


def test_a_failing_step_is_named_with_its_place(build: Any) -> None:
    step = build.step([build.cell(expected="deny", outcome="connected")], line=42)
    assert "frontend-policy (scenarios/seeds/frontend-ingress.yaml:42): 1 leak" in drawn(
        build.run(build.scenario(step))
    )


def test_each_step_has_its_truth_table_folded(green: RunRecord) -> None:
    text = drawn(green)
    assert text.startswith("### :white_check_mark: PASS 54 cells in 2 steps\n")
    assert text.count("<details>") == text.count("</details>") == 3
    assert "| policy applied: new deny | 5 | 120 ms |" in text
    assert "| **" not in text
    assert "production/backend@1   .XX" in text or re.search(r"production/backend\S*  +\.XX", text)


def test_problems_are_said_and_no_run_with_one_looks_green(build: Any) -> None:
    record = build.run(build.scenario(build.step([build.cell()])), problems=["the API server\nwent away"])
    text = drawn(record)
    assert text.startswith("### :warning: INCONCLUSIVE")
    assert "- :warning: the API server went away\n" in text


def test_a_page_is_only_what_it_should_be_whatever_names_say(build: Any) -> None:
    evil = "x</summary><script>alert(1)</script> | `` ``` \n\n# heading [a](b)"
    cells = [build.cell(f"a/{evil.replace('/', '-')}", "b/c", expected="deny", outcome="connected", reason=evil)]
    step = build.step(cells, name=evil, changes=[evil], problems=[evil])
    record = build.run(build.scenario(step, name=evil, file=evil, pods=[]), notes=[evil])
    html = MARKDOWN.render(drawn(record))
    assert "<script" not in html
    tags = set(re.findall(r"<([a-z0-9]+)", html))
    assert tags <= {"h3", "h4", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "p", "strong", "pre", "code",
                    "details", "summary"}  # fmt: skip


def test_a_huge_run_is_cut_to_its_failures_and_says_what_is_missing(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 150_000  # a tenth of a huge run will do
    assert LIMIT == 1 << 20
    monkeypatch.setattr(markdown, "LIMIT", limit)
    pods = [f"{'n' * 60}/{'p' * 50}-{number}" for number in range(28)]
    leaks = build.mesh(pods, seen=lambda cell: {"expected": "deny", "outcome": "connected"})
    step = build.step(leaks)
    record = build.run(build.scenario(step, *(replace(step, name=f"more {number}") for number in range(2))))
    text = drawn(record)
    assert limit - 10_000 < len(text.encode()) <= limit
    shown = text.count("| **leak** |")
    assert f"Left out, because there is room for 1 MiB: {3 * len(leaks) - shown} cells that did not pass" in text
    assert text.endswith("and the truth tables of 3 steps. `-o json` has all.\n")
    assert text.count("<details>") == text.count("</details>")


def test_one_endless_error_does_not_push_out_the_rest(build: Any) -> None:
    cell = build.cell(expected="deny", outcome="connected", reason="no " * LIMIT)
    record = build.run(build.scenario(build.step([cell])), problems=["oh " * LIMIT])
    text = drawn(record)
    assert len(text) < 10_000
    assert "Left out" not in text
