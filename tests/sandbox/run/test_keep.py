"""``--keep`` leaves the fleet as the last step left it, and the printed command repeats a probe on it."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import commands

pytestmark = [pytest.mark.sandbox, pytest.mark.kubectl]


def probe(*words: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, timeout=120)


def test_the_fleet_stays_with_its_policies_until_clean_removes_it(
    cluster: Any, two_pods: Path, tmp_path: Path, kubectl_binary: str
) -> None:
    deny = "- {to: shop/server, verdict: deny}"
    wrong = f"{deny}\n          - {{to: shop/server, port: 80/TCP, verdict: allow}}"
    two_pods.write_text(two_pods.read_text().replace(deny, wrong))
    out = tmp_path / "run.json"
    there = ("--kubeconfig", str(cluster.kubeconfig))
    done = probe("run", "-q", *there, "--keep", "--trust-scenario", str(two_pods), "-o", f"json={out}")
    assert done.returncode == 1, done.stderr
    assert "run again with --keep" not in done.stdout
    record = json.loads(out.read_text())
    assert record["kept"]
    namespace = record["scenarios"][0]["namespaces"]["shop"]
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    assert cluster.request("GET", f"{policies}/closed")
    blocked = next(cell for cell in record["scenarios"][0]["steps"][1]["cells"] if cell["verdict"] == "blocked")
    kubectl, *words = shlex.split(blocked["repeat"])
    assert kubectl == "kubectl"
    repeated = subprocess.run([kubectl_binary, *words], capture_output=True, text=True, timeout=60, check=False)
    assert repeated.returncode == 1
    assert repeated.stdout.startswith("timed-out")
    assert probe("clean", *there, "--run", record["run"]).returncode == 0
    assert cluster.request("GET", f"/api/v1/namespaces/{namespace}") is None
