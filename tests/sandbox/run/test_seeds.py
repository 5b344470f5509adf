"""The shipped scenarios: all pass where policies are enforced, and none hides that they are not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import JUnitXml

from probe.model.cell import ExitCode
from probe.report.run_record import record_schema
from tests import commands

pytestmark = pytest.mark.sandbox

SCENARIOS = Path(__file__).parents[3] / "scenarios"


def run_command(kubeconfig: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("run", "--quiet", "--kubeconfig", str(kubeconfig), *words, timeout=240)


def test_the_seeds_pass_and_their_outputs_are_valid(sandbox: Any, tmp_path: Path) -> None:
    record_file, junit_file = tmp_path / "run.json", tmp_path / "junit.xml"
    outputs = ("-o", "table", "-o", f"json={record_file}", "-o", f"junit={junit_file}")
    done = run_command(sandbox.kubeconfig, str(SCENARIOS / "seeds"), *outputs)
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    record = json.loads(record_file.read_text())
    jsonschema.validate(record, record_schema())
    assert set(record["counts"]) <= {"pass", "undefined"}
    assert record["counts"]["pass"] > 100
    suites = JUnitXml.fromfile(str(junit_file))
    assert (suites.failures, suites.errors) == (0, 0)


def test_a_cluster_that_enforces_nothing_leaks_every_denied_cell_and_nothing_else_is_wrong(
    unenforced_sandbox: Any, tmp_path: Path
) -> None:
    record_file = tmp_path / "run.json"
    done = run_command(
        unenforced_sandbox.kubeconfig, str(SCENARIOS / "seeds"), "--converge=1", "-o", f"json={record_file}"
    )
    assert done.returncode == ExitCode.MISMATCH, done.stdout + done.stderr
    denied = ruled = 0
    for scenario in json.loads(record_file.read_text())["scenarios"]:
        lines = Path(scenario["file"]).read_text().splitlines()
        for step in scenario["steps"]:
            assert f"- name: {step['name']}" in lines[step["line"] - 1]
            for cell in step["cells"]:
                assert cell["line"] is None or cell["line"] > step["line"]
                expected_denial = cell["expected"] in ("deny", "drop", "reject")
                denied += expected_denial
                ruled += cell["line"] is not None
                wanted = "leak" if expected_denial else ("undefined" if cell["expected"] == "either" else "pass")
                assert cell["verdict"] == wanted, cell
    assert denied > 20
    assert ruled > 20


def test_the_smoke_scenario_passes(sandbox: Any) -> None:
    done = run_command(sandbox.kubeconfig, str(SCENARIOS / "smoke"))
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
