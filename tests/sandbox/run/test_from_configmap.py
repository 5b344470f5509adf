"""Without an image of ours: the agent's code comes in a ConfigMap and runs on any Python."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.model.agent_options import AgentOptions
from probe.model.cell import ExitCode, Verdict
from probe.model.events import PodReady, StepDone

pytestmark = pytest.mark.sandbox

PYTHON = AgentOptions(image="registry.example.com/library/python:3.13-alpine", from_configmap=True)


def programs(cluster: Any, agent_pid: Callable[[str], int]) -> set[str]:
    """The program that each agent of the run is a process of, as its command line says."""
    lines = (Path(f"/proc/{agent_pid(uid)}/cmdline").read_bytes() for uid in cluster.uids.values())
    return {line.split(b"\0")[1].decode() for line in lines}


async def test_a_run_needs_nothing_but_python(
    run_it: Any, two_pods: Path, cluster: Any, agent_pid: Callable[[str], int]
) -> None:
    seen: dict[str, Any] = {}

    def look(event: Any) -> None:
        if isinstance(event, StepDone) and not seen:
            base = f"/api/v1/namespaces/{cluster.namespaces['shop']}"
            seen["configmap"] = cluster.request("GET", f"{base}/configmaps/cni-probe-agent")
            seen["pod"] = cluster.request("GET", f"{base}/pods/server")
            seen["programs"] = programs(cluster, agent_pid)

    record = await run_it(two_pods, hook=look, agent=PYTHON)
    assert record.exit_code == ExitCode.PASSED
    assert seen["programs"] == {"/opt/cni-probe/agent.pyz"}
    assert seen["pod"]["spec"]["containers"][0]["image"] == PYTHON.image
    assert seen["configmap"]["metadata"]["labels"]["cni-probe.dev/run"] == record.run
    assert seen["configmap"]["immutable"]
    assert cluster.leftovers() == []


async def test_a_repeat_command_calls_the_same_program(
    run_it: Any, two_pods: Path, cluster: Any, kubectl_binary: str
) -> None:
    two_pods.write_text(two_pods.read_text().replace("expect: {default: allow}", "expect: {default: deny}", 1))
    said: list[str] = []

    def repeat(event: Any) -> None:
        if isinstance(event, StepDone) and event.record.name == "open" and not said:
            command = next(cell.repeat for cell in event.record.cells if cell.verdict is Verdict.LEAK)
            assert " -- python3 /opt/cni-probe/agent.pyz dial " in command
            words = [kubectl_binary, "--kubeconfig", str(cluster.kubeconfig), *shlex.split(command)[1:]]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
            said.append(done.stdout + done.stderr)

    record = await run_it(two_pods, hook=repeat, agent=PYTHON, trust_scenarios=True)
    assert record.exit_code == ExitCode.MISMATCH
    assert said[0].startswith("connected ")


async def test_pods_of_later_namespaces_have_the_code_too(run_it: Any, tmp_path: Path, cluster: Any) -> None:
    path = tmp_path / "later.yaml"
    path.write_text(LATER)
    ready: list[str] = []

    def see(event: Any) -> None:
        if isinstance(event, PodReady):
            ready.append(event.pod.id)

    record = await run_it(path, hook=see, agent=PYTHON)
    assert record.exit_code == ExitCode.PASSED
    assert "lab/client" in ready


LATER = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: later}
spec:
  fleet: {namespaces: {shop: {pods: {server: {ports: [80/TCP]}}}}}
  timeouts: {confirm: 500ms}
  steps:
    - name: alone
      expect: {default: allow}
    - name: a laboratory
      create: {namespaces: {lab: {pods: {client: {ports: [81/TCP]}}}}}
      expect: {default: allow}
"""
