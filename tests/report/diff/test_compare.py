"""What changed between two runs, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.record import CellRecord, RunRecord
from probe.report.diff.compare import Change, Comparison, compare

KNOWN = {"outcome": "timed-out", "verdict": "known-failure"}
"""A failure that a list has is one to a comparison: what changed is what the cluster does, not what is listed."""


def one(build: Any, *cells: CellRecord, **more: Any) -> RunRecord:
    record: RunRecord = build.run(build.scenario(build.step(list(cells))), **more)
    return record


def changes(found: Comparison) -> list[Change]:
    return [each.change for each in found.changes]


@pytest.mark.parametrize(
    ("before", "after", "change", "code"),
    [
        ({}, {}, None, ExitCode.PASSED),
        ({"expected": "deny"}, {"expected": "deny", "outcome": "connected"}, Change.REGRESSED, ExitCode.MISMATCH),
        ({}, {"outcome": "timed-out"}, Change.REGRESSED, ExitCode.MISMATCH),
        ({"outcome": "timed-out"}, {"outcome": "wrong-responder"}, Change.REGRESSED, ExitCode.MISMATCH),
        ({"outcome": "unsupported"}, {"outcome": "timed-out"}, Change.REGRESSED, ExitCode.MISMATCH),
        ({"expected": "either"}, {"expected": "deny", "outcome": "connected"}, Change.REGRESSED, ExitCode.MISMATCH),
        ({"outcome": "timed-out"}, {}, Change.FIXED, ExitCode.PASSED),
        ({"outcome": "timed-out"}, {"outcome": "timed-out"}, Change.STILL_FAILING, ExitCode.PASSED),
        ({"expected": "deny"}, {"expected": "deny", "outcome": "refused"}, Change.OUTCOME, ExitCode.PASSED),
        ({}, {"outcome": "agent-error"}, Change.UNPROVEN, ExitCode.HARNESS),
        ({"outcome": "timed-out"}, {"outcome": "agent-error"}, Change.UNPROVEN, ExitCode.HARNESS),
        ({}, {"outcome": "unsupported"}, Change.UNSUPPORTED, ExitCode.HARNESS),
        ({}, {"expected": "either"}, Change.UNDEFINED, ExitCode.PASSED),
        ({}, KNOWN, Change.REGRESSED, ExitCode.MISMATCH),
        (KNOWN, KNOWN, Change.STILL_FAILING, ExitCode.PASSED),
        ({"outcome": "timed-out"}, KNOWN, Change.STILL_FAILING, ExitCode.PASSED),
        (KNOWN, {"outcome": "timed-out"}, Change.STILL_FAILING, ExitCode.PASSED),
        (KNOWN, {}, Change.FIXED, ExitCode.PASSED),
    ],
)
def test_what_becomes_of_a_cell(
    build: Any, before: dict[str, str], after: dict[str, str], change: Change | None, code: ExitCode
) -> None:
    found = compare(one(build, build.cell(**before)), one(build, build.cell(**after)))
    assert changes(found) == ([change] if change else [])
    assert found.exit_code is code


def test_cells_are_the_same_by_scenario_step_ends_port_family_and_path(build: Any) -> None:
    old = one(build, build.cell(), build.cell(port="81/TCP"))
    new = one(build, build.cell(), build.cell(port="81/UDP"))
    found = compare(old, new)
    assert [(each.change, str(each.key.cell)) for each in found.changes] == [
        (Change.REMOVED, "production/backend -> production/frontend 81/TCP"),
        (Change.ADDED, "production/backend -> production/frontend 81/UDP"),
    ]
    assert (found.compared, found.exit_code) == (1, ExitCode.PASSED)


def test_a_new_cell_that_fails_is_a_regression(build: Any) -> None:
    leak = build.cell(port="81/TCP", expected="deny", outcome="connected")
    assert compare(one(build, build.cell()), one(build, build.cell(), leak)).exit_code is ExitCode.MISMATCH


def test_of_a_repeated_cell_the_worst_counts(build: Any) -> None:
    good, bad = build.step([build.cell()]), build.step([build.cell(outcome="timed-out")])
    before = build.run(build.scenario(good), build.scenario(good, repeat=2))
    after = build.run(build.scenario(good), build.scenario(bad, repeat=2))
    (change,) = compare(before, after).changes
    assert change.change is Change.REGRESSED
    assert change.after is not None
    assert (change.after.failed, change.after.times) == (1, 2)


def test_an_outcome_that_came_on_both_sides_is_no_change(build: Any) -> None:
    drop, reject = (build.step([build.cell(expected="deny", outcome=each)]) for each in ("timed-out", "refused"))
    before = build.run(build.scenario(drop), build.scenario(reject, repeat=2))
    after = build.run(build.scenario(reject), build.scenario(reject, repeat=2))
    assert compare(before, after).changes == ()


def test_runs_without_a_common_cell_say_nothing(build: Any) -> None:
    found = compare(one(build, build.cell(port="81/TCP")), one(build, build.cell(port="82/TCP")))
    assert found.exit_code is ExitCode.HARNESS
    assert "the runs have no cell in common" in found.doubts


@pytest.mark.parametrize("more", [{"interrupted": True}, {"problems": ["the API server went away"]}])
@pytest.mark.parametrize("side", ["before", "after"])
def test_an_incomplete_run_is_never_without_regressions(build: Any, more: dict[str, Any], side: str) -> None:
    runs = {name: one(build, build.cell(), **(more if name == side else {})) for name in ("before", "after")}
    found = compare(runs["before"], runs["after"])
    assert found.exit_code is ExitCode.HARNESS
    assert found.doubts[0].startswith(f"the run {side}")


def test_a_run_without_a_cell_is_refused(build: Any) -> None:
    with pytest.raises(UsageError, match="the run after has no cell"):
        compare(one(build, build.cell()), build.run(build.scenario()))


def test_the_gravest_changes_come_first(build: Any) -> None:
    old = one(build, build.cell(outcome="timed-out"), build.cell(port="81/TCP"), build.cell(port="82/TCP"))
    new = one(build, build.cell(), build.cell(port="81/TCP", outcome="agent-error"),
              build.cell(port="82/TCP", outcome="refused"))  # fmt: skip
    assert changes(compare(old, new)) == [Change.REGRESSED, Change.UNPROVEN, Change.FIXED]


def test_facts_of_both_clusters_belong_to_the_answer(build: Any) -> None:
    new = one(build, build.cell(), tool="cni-probe 0.2.0")
    new.cluster.version = "v1.35.1"
    new.cluster.network_plugins = ["calico v3.30.0"]
    facts = {each.name: (each.before, each.after) for each in compare(one(build, build.cell()), new).facts}
    assert facts["Kubernetes"] == ("v1.34.0", "v1.35.1")
    assert facts["network plugin"] == ("not known", "calico v3.30.0")
    assert facts["nodes"] == ("2: node-1, node-2",) * 2
    assert facts["cni-probe"] == ("cni-probe 0.1.0", "cni-probe 0.2.0")
