"""The action for workflows of others: its step is taken out of action.yaml and run against embedded clusters."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.kind.machines import ROOT
from tests.report.runner import taken

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yaml").read_text("utf-8"))
STEP: dict[str, Any] = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "run")


@dataclass(frozen=True)
class Done:
    """What a step of the action left."""

    code: int
    log: str
    outputs: str
    summary: str
    reports: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The kubeconfig of an embedded cluster that enforces nothing: what is denied leaks, what is open passes."""
    kubeconfig = tmp_path_factory.mktemp("cluster") / "a kubeconfig"
    async with Sandbox.start(SandboxOptions(enforce=False, kubeconfig=kubeconfig)):
        yield kubeconfig


def step(home: Path, **inputs: str) -> Done:
    """Run the step as the runner does: inputs not given have their defaults."""
    (home / "temp").mkdir(exist_ok=True)
    environment = Path(sys.executable).parents[1]
    if not (home / "temp/cni-probe").exists():
        (home / "temp/cni-probe").symlink_to(environment)
    assert set(inputs) <= set(ACTION["inputs"])
    values = {name: inputs.get(name, each["default"]) for name, each in ACTION["inputs"].items()}
    variables = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)
        for key, text in STEP["env"].items()
    }
    files = {"GITHUB_OUTPUT": home / "output", "GITHUB_STEP_SUMMARY": home / "summary.md"}
    for path in files.values():
        path.write_text("")
    variables.update({name: str(path) for name, path in files.items()})
    variables.update(RUNNER_TEMP=str(home / "temp"), GITHUB_ACTION_PATH=str(ROOT), PATH="/usr/bin:/bin", HOME=str(home))
    (home / "step.sh").write_text(STEP["run"])
    line = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(home / "step.sh")]
    done = subprocess.run(
        line, env=variables, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100
    )
    outputs, summary = (path.read_text("utf-8") for path in files.values())
    return Done(done.returncode, done.stdout, outputs, summary, home / values["reports"])


@pytest.mark.sandbox
def test_the_smoke_scenario_is_what_runs_by_default_and_leaks_are_told_everywhere(
    cluster: Path, tmp_path: Path
) -> None:
    done = step(tmp_path, kubeconfig=str(cluster), arguments="--converge 0.2")
    assert (done.code, done.outputs) == (1, "exit-code=1\n"), done.log
    assert set(json.loads((done.reports / "run.json").read_text())["counts"]) == {"pass", "leak"}
    assert ElementTree.parse(done.reports / "junit.xml").getroot().findall(".//failure")
    assert (done.reports / "table.txt").read_text("utf-8").splitlines()[0] in done.log
    assert "<!doctype html>" in (done.reports / "run.html").read_text("utf-8").lower()
    assert done.summary.startswith("### :x: FAIL ")
    annotations = taken(done.log)
    assert 0 < len(annotations) <= 10
    assert all(re.match(r"::error file=.*smoke.*\.yaml,line=\d+,title=", line) for line in annotations)


@pytest.mark.sandbox
def test_inputs_may_have_quotes_blanks_and_lines(cluster: Path, tmp_path: Path) -> None:
    (tmp_path / "my scenarios").mkdir()
    for name in ("one", "two"):
        text = SCENARIO.replace("NAME", name)
        (tmp_path / "my scenarios" / f"{name}.yaml").write_text(text)
    done = step(
        tmp_path,
        kubeconfig=str(cluster),
        scenarios="'my scenarios/one.yaml'\n\"my scenarios/two.yaml\"\n",
        arguments="--pod-annotation 'note=$(touch hit) `touch hit` \"quoted\"'\n--seed 1",
        reports="the reports",
    )
    assert done.code == 0, done.log
    assert done.summary.startswith("### :white_check_mark: PASS ")
    assert taken(done.log) == []
    assert [each["name"] for each in json.loads((done.reports / "run.json").read_text())["scenarios"]] == ["one", "two"]
    assert not (tmp_path / "hit").exists()


def test_an_input_that_cannot_be_read_is_a_usage_error_not_a_smaller_run(tmp_path: Path) -> None:
    (tmp_path / "cni-probe-reports").mkdir()
    (tmp_path / "cni-probe-reports/junit.xml").write_text("of an earlier step")
    done = step(tmp_path, arguments='--converge "30')
    assert (done.code, done.outputs) == (2, "exit-code=2\n")
    assert "the input arguments cannot be read" in done.log
    assert "There is no report" in done.summary
    assert not (tmp_path / "cni-probe-reports/junit.xml").exists()


def test_a_cluster_that_is_not_there_is_an_error_with_an_exit_code(tmp_path: Path) -> None:
    done = step(tmp_path, kubeconfig=str(tmp_path / "missing"))
    assert done.code in (2, 3)
    assert done.outputs == f"exit-code={done.code}\n"
    assert str(tmp_path / "missing") in done.log
    assert f"exit code {done.code}" in done.summary


def test_what_the_runner_would_take_for_commands_is_kept_from_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: '##[add-path]/tmp'\n")
    done = step(tmp_path, scenarios="a.yaml")
    assert (done.code, taken(done.log)) == (2, [])
    assert "##[add-path]" in done.log


def test_a_hostile_table_stays_within_its_fence(tmp_path: Path) -> None:
    text = "a table\n```\n# not a heading\n<img src=x>\n`````\nend"
    (tmp_path / "run.txt").write_text(text)
    shown = summary(tmp_path / "run.txt", tmp_path / "missing.txt")
    assert shown == f"### run\n\n``````text\n{text}\n``````\n\n"


def test_a_summary_stays_below_the_limit_and_shows_the_ends(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text("".join(f"line {number} ✓\n" for number in range(100_000)), "utf-8")
    shown = summary(tmp_path / "one.txt", tmp_path / "two.txt")
    assert len(shown.encode()) < 1024 * 1024
    assert shown.count("line 99999 ✓\n") == 2
    assert shown.count("[... the beginning is left out]\nline ") == 2


def summary(*paths: Path) -> str:
    """What scripts/step-summary prints."""
    line = [sys.executable, str(ROOT / "scripts/step-summary"), *map(str, paths)]
    return subprocess.run(line, capture_output=True, encoding="utf-8", check=True, timeout=60).stdout


SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: NAME}
spec:
  fleet:
    namespaces: {shop: {pods: {web: {ports: [80/TCP]}, api: {ports: [80/TCP]}}}}
  steps:
    - {name: open, expect: allow}
"""
