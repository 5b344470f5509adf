"""What goes wrong beside the network: one sentence and exit code 3, never a traceback or a mismatch's exit code."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from probe.cli.main import main
from probe.cluster import deployment
from probe.cluster.api import Api
from probe.engine.step import StepMeasurement
from probe.model.cell import ExitCode
from probe.model.errors import ClusterError
from probe.model.events import FleetReady
from tests import commands

pytestmark = pytest.mark.sandbox


def run_command(cluster: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, "--kubeconfig", str(cluster.kubeconfig))


def test_a_namespace_that_exists_already_is_refused_and_left_alone(
    cluster: Any, two_pods: Path, tmp_path: Path
) -> None:
    record_file = tmp_path / "run.json"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    try:
        done = run_command(cluster, "run", "-q", "--exact-namespaces", "-o", f"json={record_file}", str(two_pods))
        assert cluster.request("GET", "/api/v1/namespaces/shop")
    finally:
        cluster.delete("/api/v1/namespaces/shop")
    assert done.returncode == ExitCode.HARNESS
    assert "Traceback" not in done.stderr
    (problem,) = json.loads(record_file.read_text())["scenarios"][0]["problems"]
    assert "namespace shop exists already" in problem


def test_a_confirmation_too_short_for_what_connected_in_the_control_is_refused(cluster: Any, two_pods: Path) -> None:
    done = run_command(cluster, "run", "-q", "--confirm", "0.01", str(two_pods))
    assert done.returncode == ExitCode.USAGE
    assert "--confirm 0.01 is shorter than the attempts of two-pods (0.4 s)" in done.stderr


async def test_an_error_that_nobody_foresaw_still_leaves_no_namespaces(
    run_it: Any, two_pods: Path, cluster: Any
) -> None:
    def fail(event: Any) -> None:
        if isinstance(event, FleetReady):
            raise RuntimeError("unforeseen")

    with pytest.raises(RuntimeError, match="unforeseen"):
        await run_it(two_pods, hook=fail)
    assert cluster.leftovers() == []


async def test_a_namespace_that_may_not_be_deleted_is_reported_not_raised(
    run_it: Any, two_pods: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = Api.delete

    async def refuse(self: Api, path: str, **options: Any) -> Any:
        if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
            raise ClusterError("delete: forbidden")
        return await delete(self, path, **options)

    monkeypatch.setattr(Api, "delete", refuse)
    record = await run_it(two_pods)
    monkeypatch.undo()
    assert record.exit_code == ExitCode.HARNESS
    assert any("cleaning up failed" in problem and "cni-probe clean --run" in problem for problem in record.problems)
    assert run_command(cluster, "clean").returncode == 0
    assert cluster.leftovers() == []


def test_a_fault_of_our_own_is_a_problem_in_the_record_and_not_a_mismatch(
    cluster: Any, two_pods: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(StepMeasurement, "records", fail)
    record_file = tmp_path / "run.json"
    words = ["run", "-q", "--kubeconfig", str(cluster.kubeconfig), "-o", f"json={record_file}", str(two_pods)]
    assert main(words) == ExitCode.HARNESS
    assert "unforeseen" in json.loads(record_file.read_text())["problems"][0]
    assert cluster.leftovers() == []


async def test_a_pod_that_does_not_go_away_is_a_problem_in_words(
    run_it: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = tmp_path / "stuck.yaml"
    scenario.write_text(STUCK)
    monkeypatch.setattr(deployment, "GONE_SECONDS", 0.0)
    record = await run_it(scenario)
    assert record.exit_code == ExitCode.HARNESS
    assert record.scenarios[0].problems == ["pod/shop/server is still there 0 s after its deletion"]


STUCK = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: stuck}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {ports: [81/TCP]}
          server: {ports: [80/TCP]}
  steps:
    - name: the server goes
      delete: [pod/shop/server]
      expect: {default: allow}
"""
