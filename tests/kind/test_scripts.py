"""What can be said of the scripts and workflows without running them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kind.machines import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
SCRIPTS = [
    path
    for path in [ROOT / ".ci/run", *sorted((ROOT / "scripts").rglob("*"))]
    if path.is_file() and not path.read_text("utf-8").startswith("#!/usr/bin/env python3")
]
VERSION = re.compile(r"(?<![\w.])v?\d+\.\d+\.\d+\b(?!\.\d)")


def runs(workflow: Path) -> list[str]:
    """All scripts of all steps."""
    jobs: dict[str, Any] = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shell_scripts_are_well_formed(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=60)


def test_shellcheck_has_nothing_to_say() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck")
    done = subprocess.run(
        ["shellcheck", "-x", *map(str, SCRIPTS)], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == ""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_target_that_a_workflow_makes_is_there(workflow: Path) -> None:
    targets = {target for run in runs(workflow) for target in re.findall(r"\bmake ([a-z0-9-]+)", run)}
    there = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets <= there


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_file_that_a_workflow_runs_is_there(workflow: Path) -> None:
    for run in runs(workflow):
        for path in re.findall(r"(?:^|\s)((?:scripts|\.ci)/[\w/.-]+)", run):
            assert (ROOT / path).is_file(), path


def test_jobs_of_the_matrix_have_artifacts_of_their_own() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/kind.yaml").read_text("utf-8"))["jobs"]["e2e"]
    combinations = [tuple(sorted(each.items())) for each in job["strategy"]["matrix"]["include"]]
    assert len(set(combinations)) == len(combinations)
    (artifact,) = (step["with"]["name"] for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert all(f"${{{{ matrix.{key} }}}}" in artifact for key, _ in combinations[0])


def test_versions_are_in_one_place() -> None:
    with_versions = {
        path.name
        for path in [*(ROOT / "scripts/kind").iterdir(), *WORKFLOWS]
        for line in path.read_text("utf-8").splitlines()
        if VERSION.search(line) and "cniVersion" not in line  # of a specification
    }
    assert with_versions == {"versions.env"}


@pytest.mark.parametrize("script", sorted((ROOT / "scripts/kind").glob("cni-*")), ids=lambda path: path.name)
def test_every_network_plugin_that_there_is_a_script_for_is_in_the_matrix(script: Path) -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/kind.yaml").read_text("utf-8"))["jobs"]["e2e"]
    assert script.name.removeprefix("cni-") in {each["cni"] for each in job["strategy"]["matrix"]["include"]}


@pytest.mark.parametrize("words", [["wavelan"], ["kindnet", "ipx"]])
def test_a_cluster_that_nobody_knows_how_to_make_is_a_usage_error(words: list[str]) -> None:
    path = f"{ROOT / 'tests/kind/programs'}:/usr/bin:/bin"
    done = subprocess.run(
        [str(ROOT / "scripts/kind/up"), *words], env={"PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"unknown {'network plugin' if len(words) == 1 else 'address family'} {words[-1]}" in done.stderr


def test_an_image_tagged_latest_is_refused_since_nodes_would_pull_it() -> None:
    path = f"{ROOT / 'tests/kind/programs'}:/usr/bin:/bin"
    for image in ("agent", "agent:latest", "registry:5000/agent"):
        done = subprocess.run(
            [str(ROOT / "scripts/kind/load"), image], env={"PATH": path}, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, "other than latest" in done.stderr) == (2, True)
