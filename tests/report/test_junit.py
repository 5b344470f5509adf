"""JUnit read back by somebody else's parser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from probe.model.cell import Family
from probe.model.record import RunRecord
from probe.report.junit import render
from probe.report.render import RenderOptions
from tests.report.junit_rules import broken_rules


def read(record: RunRecord) -> JUnitXml:
    return JUnitXml.fromstring(render(record, RenderOptions()).encode())


def cases(record: RunRecord) -> dict[str, Any]:
    return {case.name: case for suite in read(record) for case in suite}


def test_a_case_is_named_after_scenario_step_and_cell(green: RunRecord) -> None:
    case = cases(green)["frontend-policy: production/backend -> production/frontend 443/TCP"]
    assert case.classname == "frontend-ingress"
    assert case.result == []
    xml = read(green)
    assert (xml.tests, xml.failures, xml.errors) == (54, 0, 0)


def test_verdicts_become_failure_error_and_skipped(red: RunRecord) -> None:
    expected = {
        "development/backend -> production/frontend 443/TCP": (Failure, "leak"),
        "production/backend -> production/frontend 443/TCP": (Failure, "blocked"),
        "production/backend -> production/frontend 80/UDP": (Failure, "misrouted"),
        "production/worker -> production/frontend 80/TCP": (Failure, "wrong-denial"),
        "production/worker -> production/frontend 443/TCP": (Error, "inconclusive"),
        "production/worker -> production/frontend 80/SCTP": (Skipped, None),
        "production/worker -> external/vault (10.0.12.34) 443/TCP": (Skipped, None),
    }
    found = cases(red)
    for name, (kind, type_) in expected.items():
        (result,) = found[f"frontend-policy: {name}"].result
        assert (type(result), result.type) == (kind, type_), name
        assert result.message
    leak = found["frontend-policy: development/backend -> production/frontend 443/TCP"].result[0]
    assert leak.message == "expected deny, but it connected"
    assert "repeat: kubectl exec -n cp-ab12cd-development backend" in leak.text
    (suite,) = read(red)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (8, 4, 1, 2)


def test_suites_carry_the_runs_properties(green: RunRecord) -> None:
    (suite,) = read(green)
    properties = {item.name: item.value for item in suite.properties()}
    assert properties["run"] == "ab12cd"
    assert properties["cluster"] == "https://127.0.0.1:6443"
    assert properties["converge seconds: frontend-policy"] == "0.120"
    assert suite.timestamp == "2026-11-20T10:00:00"


def test_names_are_unique_across_families_paths_and_repetition(build: Any) -> None:
    cell = build.cell()
    cells = [cell, replace(cell, family=Family.IPV6), cell]
    record = build.run(*[build.scenario(build.step(cells), build.step(cells)) for _ in range(2)])
    keys = [(case.classname, case.name) for suite in read(record) for case in suite]
    assert len(set(keys)) == len(keys) == 12


@pytest.mark.parametrize(
    "broken",
    [
        lambda build: build.run(),
        lambda build: build.run(problems=["the API server went away"]),
        lambda build: build.run(build.scenario(completed=False)),
        lambda build: build.run(build.scenario(build.step([], completed=False))),
        lambda build: build.run(build.scenario(build.step([build.cell()], problems=["slow"]))),
        lambda build: build.run(build.scenario(build.step([build.cell(outcome="unsupported")]))),
        lambda build: build.run(build.scenario(build.step([build.cell()])), interrupted=True),
        lambda build: build.run(build.scenario(build.step([build.cell()])), exit_code=3),
    ],
)
def test_a_run_that_did_not_pass_is_never_green(build: Any, broken: Any) -> None:
    record = broken(build)
    assert record.exit_code != 0
    assert read(record).errors > 0


def test_what_jenkins_and_gitlab_ask_for_is_kept(green: RunRecord, red: RunRecord, build: Any) -> None:
    hostile = build.cell("a/<b>", "c/\x00]]>&", outcome="refused", reason="\ud800 \x1b[2J")
    twice = build.scenario(build.step([build.cell(), build.cell()], problems=["slow\n" * 3]), completed=False)
    named = build.run(build.scenario(build.step([hostile], name='"\n<x>')), twice, problems=["x"])
    for record in (green, red, replace(red, interrupted=True), build.run(), named, build.run(seconds=123456.7)):
        assert broken_rules(render(record, RenderOptions())) == []


@pytest.mark.parametrize(
    ("right", "wrong", "broken"),
    [
        ('<testcase classname="frontend-ingress"', '<testcase file="x" classname="frontend-ingress"', "has file"),
        ("<testsuites ", '<testsuites skipped="1" ', "<testsuites> has skipped"),
        ("<properties>", "<properties>x", "<properties> holds text"),
        ('time="', 'time="1s', "has time="),
        ('failures="4"', 'failures="3"', "has 4 failures, and says 3"),
        ('name="frontend-policy: production/worker -> production/frontend 80/SCTP"', 'name=""', "without a name"),
        ("</testsuite>", "<x /></testsuite>", "<testsuite> holds <x>"),
    ],
)
def test_the_rules_find_what_breaks_them(red: RunRecord, right: str, wrong: str, broken: str) -> None:
    document = render(red, RenderOptions()).replace("-&gt;", "->")
    assert right in document
    assert any(broken in each for each in broken_rules(document.replace(right, wrong)))
