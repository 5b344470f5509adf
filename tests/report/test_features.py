"""The summary: one sentence, a line for each feature, what fails by name, and what cannot be tried, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from probe.model.cell import ExitCode, Verdict
from probe.model.record import KnownFailureRecord, RunRecord, ScenarioRecord
from probe.report.features import pieces
from probe.report.render import RenderOptions


def shown(record: RunRecord, **options: Any) -> list[str]:
    return "".join(pieces(record, RenderOptions(width=100, **options))).splitlines()


def scenario(build: Any, name: str, feature: str, *cells: Any) -> ScenarioRecord:
    labels = {"feature": feature} if feature else {}
    made: ScenarioRecord = build.scenario(build.step(list(cells)), name=name, labels=labels)
    return made


def leak(build: Any, port: str) -> Any:
    return build.cell("x/a", "x/b", port, "deny", "connected")


def test_a_line_for_each_feature_and_what_fails_by_name(build: Any) -> None:
    no_sctp = [build.cell(f"x/{pod}", "x/b", "80/SCTP", outcome="unsupported") for pod in "ac"]
    no_sctp = [replace(cell, reason=f"{cell.source} has no SCTP") for cell in no_sctp]
    record = build.run(
        scenario(build, "port-one", "ports", build.cell()),
        scenario(build, "port-range", "ports", leak(build, "80/TCP"), leak(build, "81/TCP"), build.cell()),
        scenario(build, "sctp-rule", "sctp", *no_sctp),
        scenario(build, "my-own", "", build.cell()),
    )
    lines = shown(record)
    assert lines[:6] == [
        "feature      scenarios    steps    cells  result",
        "---------  -----------  -------  -------  -------------------------",
        "ports                2        2        4  FAIL 2 leak in 1 scenario",
        "sctp                 1        1        2  not tried",
        "my-own               1        1        1  pass",
        "",
    ]
    assert "  LEAK port-range / frontend-policy: x/a -> x/b 80/TCP 81/TCP" in lines
    assert "  2 cells of 1 scenario: the source has no SCTP" in lines
    assert "This cluster does not enforce all of it: 1 of 4 scenarios fails (ports)." in lines
    assert lines[-1].endswith("exit code 1: the cluster did something else than expected")


def test_a_cluster_that_passes_is_told_what_of_it_is_not_known(build: Any) -> None:
    untried = scenario(build, "sctp-rule", "sctp", build.cell(outcome="unsupported"))
    record = build.run(scenario(build, "port-one", "ports", build.cell()), untried)
    assert "This cluster enforces what 1 scenario ask for, and nothing is said of sctp." in shown(record)


def test_no_answer_where_something_could_not_be_judged(build: Any) -> None:
    record = build.run(
        scenario(build, "port-one", "ports", build.cell(), build.cell(port="81/TCP", outcome="agent-error"))
    )
    lines = shown(record)
    assert "There is no answer: not everything could be judged." in lines
    assert any(line.endswith("INCONCLUSIVE in 1 scenario") for line in lines)


def test_known_failures_are_named_with_what_became_of_them(build: Any) -> None:
    known = build.cell("x/a", "x/b", "80/TCP", "deny", "connected", verdict=Verdict.KNOWN)
    listed = [
        KnownFailureRecord("port-range", "issue 12", "known.yaml:4:5", 1, 1, failed=1),
        KnownFailureRecord("port-one", "issue 13", "known.yaml:6:5", 1, 1, passed=1),
    ]
    scenarios = [scenario(build, "port-one", "ports", build.cell()), scenario(build, "port-range", "ports", known)]
    record = build.run(*scenarios, known_failures=listed)
    lines = shown(record)
    assert record.exit_code == ExitCode.PASSED
    assert any(line.endswith("pass, 1 known failure") for line in lines)
    assert lines[lines.index("known failures:") + 1 :][:2] == [
        "  port-range: 1 fail (issue 12)",
        "  port-one: 1 pass (issue 13)",
    ]
    assert "This cluster enforces what 2 scenarios ask for, but for 1 known failure." in lines

    strict = shown(replace(record, exit_code=ExitCode.MISMATCH))
    assert "What was known to fail does not any more: the list of known failures is outdated." in strict
    assert "FAIL what is known to fail passes: port-one" in strict


def test_colour_changes_no_character(build: Any, red: RunRecord) -> None:
    plain, coloured = shown(red), "\n".join(shown(red, colour=True))
    assert "\x1b[" in coloured
    for code in ("\x1b[0m", "\x1b[1;31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[2m"):
        coloured = coloured.replace(code, "")
    assert coloured.splitlines() == plain


def test_many_failures_are_counted_not_listed(build: Any) -> None:
    cells = [build.cell(f"x/{number}", "x/b", expected="deny", outcome="connected") for number in range(30)]
    lines = shown(build.run(scenario(build, "many", "ports", *cells)))
    assert sum(line.startswith("  LEAK") for line in lines) == 20
    assert "  and 10 cells more (see -o table)" in lines
