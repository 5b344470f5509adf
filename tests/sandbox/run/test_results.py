"""Results that are left for those who come later: the directory that Sonobuoy waits for, and a ConfigMap."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from probe.model.cell import ExitCode
from tests import commands

pytestmark = pytest.mark.sandbox


def run_command(cluster: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("run", "-q", *words, "--kubeconfig", str(cluster.kubeconfig))


def test_a_directory_has_the_reports_and_at_the_end_the_file_that_names_them(
    cluster: Any, two_pods: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results" / "here"
    done = run_command(cluster, str(two_pods), "--results-dir", str(results))
    assert done.returncode == ExitCode.PASSED
    named = Path((results / "done").read_text())
    assert named == results / "junit.xml"
    suites = JUnitXml.fromfile(str(named))
    assert (suites.failures, suites.errors) == (0, 0)
    assert json.loads((results / "run.json").read_text())["exitCode"] == 0
    assert "two-pods" in (results / "table.txt").read_text()


@pytest.mark.parametrize("kind", ["a scenario that is not there", "a cluster that is not there"])
def test_a_run_that_comes_to_nothing_still_says_so_there(
    kind: str, cluster: Any, two_pods: Path, tmp_path: Path
) -> None:
    scenario = two_pods if "cluster" in kind else tmp_path / "nothing.yaml"
    (tmp_path / "done").write_text("of an earlier run")
    done = run_command(cluster, str(scenario), "--results-dir", str(tmp_path), "--context", "nowhere")
    assert done.returncode == ExitCode.USAGE
    suites = JUnitXml.fromfile((tmp_path / "done").read_text())
    assert suites.errors >= 1


def test_a_config_map_has_the_record(cluster: Any, two_pods: Path) -> None:
    path = "/api/v1/namespaces/default/configmaps/kept"
    try:
        done = run_command(cluster, str(two_pods), "--results-configmap", "default/kept")
        kept = cluster.request("GET", path)
    finally:
        cluster.request("DELETE", path)
    assert done.returncode == ExitCode.PASSED
    assert kept["data"]["exit-code"] == "0"
    assert kept["data"]["contents"] == "run.json: the run record, complete"
    assert json.loads(kept["data"]["run.json"])["exitCode"] == 0


def test_nobody_waits_at_a_config_map_for_a_run_that_came_to_nothing(cluster: Any, two_pods: Path) -> None:
    """It was announced there before the scenarios were held against the cluster."""
    two_pods.write_text(two_pods.read_text().replace("[81/TCP], node: a", "[8081/TCP], hostNetwork: true"))
    path = "/api/v1/namespaces/default/configmaps/kept"
    try:
        done = run_command(cluster, str(two_pods), "--results-configmap", "default/kept")
        kept = cluster.request("GET", path)
    finally:
        cluster.request("DELETE", path)
    assert done.returncode == ExitCode.USAGE
    assert kept["data"]["exit-code"] == "2"
    assert "--allow-host-network" in kept["data"]["contents"]


def test_results_that_cannot_be_left_end_the_run_before_it_begins(cluster: Any, two_pods: Path) -> None:
    done = run_command(cluster, str(two_pods), "--results-configmap", "not-there/kept")
    assert done.returncode == ExitCode.HARNESS
    assert 'namespaces "not-there" not found' in done.stderr
    assert done.stdout == ""


def test_outside_of_a_cluster_the_namespace_must_be_named(cluster: Any, two_pods: Path) -> None:
    done = run_command(cluster, str(two_pods), "--results-configmap", "kept")
    assert done.returncode == ExitCode.USAGE
    assert "outside of a cluster the namespace must be named: NAMESPACE/kept" in done.stderr
