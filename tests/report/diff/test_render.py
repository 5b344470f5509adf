"""How a comparison looks: for people, for pull requests, for programs and for CI systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml

from probe.model.record import RunRecord
from probe.report.diff.compare import Comparison, compare
from probe.report.diff.render import FORMATS
from tests.report.junit_rules import broken_rules


@pytest.fixture
def regressed(build: Any) -> Comparison:
    old = build.run(build.scenario(build.step([build.cell(expected="deny"), build.cell(port="81/TCP")])))
    leak = build.cell(expected="deny", outcome="connected")
    new = build.run(build.scenario(build.step([leak, build.cell(port="81/TCP", outcome="agent-error")])))
    new.cluster.version = "v1.35.0"
    return compare(old, new)


def drawn(found: Comparison, format: str, width: int = 100) -> str:
    return "".join(FORMATS[format](found, width))


def test_the_table_says_what_regressed_and_why(regressed: Comparison) -> None:
    text = drawn(regressed, "table")
    assert text.startswith("before: run ab12cd of 2026-11-20 10:00:00 UTC on https://127.0.0.1:6443 (v1.34.0)\n")
    assert ["Kubernetes", "v1.34.0", "v1.35.0"] in [line.split() for line in text.splitlines()]
    assert "regressions in frontend-ingress: frontend-policy\n" in text
    assert (
        "  production/backend -> production/frontend 80/TCP: pass (timed-out), now leak (connected)\n"
        "    expected deny, but it connected\n"
    ) in text
    assert text.endswith("\n1 regression\n  1 regressed, 1 unproven\n")


def test_nothing_regressed_is_one_sentence(build: Any) -> None:
    run = build.run(build.scenario(build.step([build.cell()])))
    assert drawn(compare(run, run), "table").endswith("\nno regression in 1 cell\n  1 same\n")


def test_what_is_not_said_is_said(build: Any) -> None:
    run = build.run(build.scenario(build.step([build.cell()])))
    lost = build.run(build.scenario(build.step([build.cell(outcome="agent-error")])))
    text = " ".join(drawn(compare(run, lost), "table").split())
    assert "no regression was found, but not all is said: the run after" not in text
    assert "not all is said: 1 that could be judged before could not be judged now" in text


def test_markdown_means_nothing_by_names(build: Any) -> None:
    hostile = build.cell(source="a/<b>|`*", expected="deny", outcome="connected")
    step = build.step([hostile])
    text = drawn(compare(build.run(build.scenario(step)), build.run(build.scenario(step))), "markdown")
    assert "a/&lt;b&gt;\\|\\`\\*" in text
    assert text.startswith("### :white_check_mark: no regression in 1 cell\n")


def test_markdown_opens_what_regressed_and_folds_the_rest(regressed: Comparison) -> None:
    text = drawn(regressed, "markdown")
    assert text.startswith("### :x: 1 regression\n")
    assert "<details open><summary>1 regressed</summary>" in text
    assert "| Kubernetes | v1.34.0 | **v1.35.0** |" in text


def test_json_has_everything_by_name(regressed: Comparison) -> None:
    data = json.loads(drawn(regressed, "json"))
    assert (data["apiVersion"], data["kind"], data["exitCode"]) == ("cni-probe/v1", "RunDiff", 1)
    assert data["counts"]["regressed"] == 1
    (leak,) = (each for each in data["changes"] if each["change"] == "regressed")
    assert (leak["source"], leak["port"], leak["before"]["verdict"], leak["after"]["verdict"]) == (
        "production/backend", 80, "pass", "leak",
    )  # fmt: skip
    assert {"name": "Kubernetes", "before": "v1.34.0", "after": "v1.35.0"} in data["facts"]


def test_junit_fails_for_regressions_and_errs_where_nothing_is_said(regressed: Comparison, tmp_path: Path) -> None:
    (tmp_path / "diff.xml").write_text(drawn(regressed, "junit"))
    assert broken_rules(drawn(regressed, "junit")) == []
    cases = [case for suite in JUnitXml.fromfile(str(tmp_path / "diff.xml")) for case in suite]
    results = {case.name: [type(each) for each in case.result] for case in cases}
    assert results["frontend-ingress: frontend-policy: production/backend -> production/frontend 80/TCP"] == [Failure]
    assert results["frontend-ingress: frontend-policy: production/backend -> production/frontend 81/TCP"] == [Error]


def test_junit_is_red_whenever_the_exit_code_is_not_0(build: Any, tmp_path: Path) -> None:
    run: RunRecord = build.run(build.scenario(build.step([build.cell()])))
    cut = build.run(build.scenario(build.step([build.cell()])), interrupted=True)
    (tmp_path / "diff.xml").write_text(drawn(compare(run, cut), "junit"))
    assert JUnitXml.fromfile(str(tmp_path / "diff.xml")).errors == 1
