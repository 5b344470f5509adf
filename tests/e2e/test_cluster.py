"""What cni-probe promises on a real cluster."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1200)

MISMATCHES = {"leak", "blocked", "misrouted", "wrong-denial"}


def cells_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """All cells of all steps of all scenarios."""
    return [cell for scenario in record["scenarios"] for step in scenario["steps"] for cell in step["cells"]]


def verdicts(record: dict[str, Any], expected: str) -> set[str]:
    """The verdicts of all cells of which this is expected."""
    return {cell["verdict"] for cell in cells_of(record) if cell["expected"] == expected}


def test_the_doctor_finds_nothing_that_keeps_a_run_from_working(command: Any, image: list[str]) -> None:
    done = command("doctor", "scenarios/smoke", *image)
    print(done.stdout)
    assert done.returncode == 0


def test_the_smoke_scenario_tells_whether_policies_are_enforced(run: Any, enforces: bool, families: set[str]) -> None:
    code, record = run("scenarios/smoke", "--converge", "30" if enforces else "1")
    if families:
        assert {cell["family"] for cell in cells_of(record)} == families
    if enforces:
        assert code == 0
        assert set(record["counts"]) == {"pass"}
    else:
        assert code == 1
        assert verdicts(record, "deny") == {"leak"}
        assert verdicts(record, "allow") == {"pass"}


@pytest.mark.parametrize("scenarios", ["scenarios/seeds", "scenarios/paths/services.yaml", "scenarios/paths/dns.yaml"])
def test_shipped_scenarios_pass_where_policies_are_enforced(
    run: Any, enforces: bool, externals: set[str], scenarios: str
) -> None:
    code, record = run(scenarios, "--converge", "30" if enforces else "1")
    found = set(record["counts"])
    if enforces:
        assert code == 0
        assert found <= {"pass", "unsupported", "undefined"}
    else:
        assert verdicts(record, "deny") <= {"leak", "unsupported"}
        assert verdicts(record, "allow") <= {"pass", "unsupported"}
        assert found & MISMATCHES == {"leak"}
    # Where an agent runs outside, nothing excuses that its cells were not tried.
    tried = {cell["destination"] for cell in cells_of(record) if cell["verdict"] != "unsupported"}
    assert {cell["destination"] for cell in cells_of(record)} & externals <= tried


def test_both_topologies_are_tried_where_there_are_two_nodes(run: Any) -> None:
    _, record = run("scenarios/smoke", "--converge", "30")
    cells = [cell for step in record["scenarios"][0]["steps"] for cell in step["cells"]]
    if len(record["cluster"]["nodeFacts"]) > 1 and not record["scenarios"][0]["untested"]:
        assert {cell["topology"] for cell in cells} == {"same-node", "cross-node"}


def test_nothing_is_left_behind(command: Any) -> None:
    done = command("clean", "--dry-run")
    assert done.returncode == 0
    assert "nothing to clean" in done.stdout
